import { HermesError, toHermesError } from '../errors.ts'
import type { Log } from '../stream/connector.ts'
import type { DeadLetter, DeadLetters } from '../stream/dead-letter.ts'
import { parseJson } from '../stream/json-payload.ts'
import type { PipelineOptions, RejectedMessage } from './options.ts'

/** So much of a payload stands in an error. */
const EXCERPT = 200

export interface LettersParts {
  readonly take: PipelineOptions['deadLetters']
  /** Stages whose messages may be lost: sinks that were told to hold nobody back. */
  readonly mayLose: ReadonlySet<string>
  readonly log: Log
}

/** Dead letters of a program: its own code takes them, or the first one ends the pipeline (`message_rejected`). */
export class Letters implements DeadLetters {
  readonly #parts: LettersParts
  #taken = 0

  constructor(parts: LettersParts) {
    this.#parts = parts
  }

  /** Messages that were taken. */
  get taken(): number {
    return this.#taken
  }

  async write(letters: readonly DeadLetter[]): Promise<void> {
    const { take, mayLose, log } = this.#parts
    const [first] = letters
    if (first === undefined) return
    if (take === undefined && mayLose.has(first.stage)) {
      log.warn(
        { stage: first.stage, messages: letters.length, reason: first.reason },
        'messages lost: they were rejected',
      )
      return
    }
    if (take === undefined) throw rejected(first)
    try {
      await take(letters.map(withMessage))
    } catch (error) {
      throw rejected(first, error)
    }
    this.#taken += letters.length
  }
}

function withMessage(letter: DeadLetter): RejectedMessage {
  try {
    return { ...letter, message: parseJson(letter.payload) }
  } catch {
    return letter
  }
}

function rejected({ stage, reason, payload, meta }: DeadLetter, cause?: unknown): HermesError {
  const text = Buffer.from(payload.subarray(0, EXCERPT)).toString()
  const shown = payload.length > EXCERPT ? `${text}…` : text
  const named = meta.id === undefined ? '' : ` ${meta.id}`
  const failed = cause === undefined ? '' : `; deadLetters did not take it: ${toHermesError(cause).message}`
  return new HermesError('message_rejected', `${stage} rejected the message${named} ${shown}: ${reason}${failed}`, {
    cause,
  })
}
