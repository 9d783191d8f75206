import type { FromSchema } from 'json-schema-to-ts'
import { durationMs } from '../../manifest/duration.ts'
import type { Batch, Meta } from '../../stream/batch.ts'
import { bytesBatch } from '../../stream/batches.ts'
import type { Connector, Context } from '../../stream/connector.ts'
import type { DeadLetter } from '../../stream/dead-letter.ts'
import { letterBatch } from '../../stream/letter-message.ts'
import type { Source } from '../../stream/source.ts'
import { durationSchema } from '../duration-schema.ts'
import { letterFilter } from '../letter-filter.ts'
import { Outstanding } from '../outstanding.ts'

const config = {
  type: 'object',
  description:
    'Reads the dead letters of another workflow from the table hermes_dead_letters, the oldest first, and goes on with ' +
    'those that come. A letter is deleted when every sink holds its message; until then it comes again at each start.',
  additionalProperties: false,
  required: ['workflow'],
  properties: {
    workflow: { type: 'string', minLength: 1, description: 'Name of the workflow whose letters are read.' },
    where: {
      type: 'string',
      minLength: 1,
      description:
        'CEL over one letter: reason, stage, attempts, at, id, key, route and message. Only letters for which it is ' +
        'true are read; the others stay.',
    },
    as: {
      enum: ['payload', 'letter'],
      default: 'payload',
      description:
        'payload: the message as it failed. letter: an object of workflow, at, stage, reason, attempts and the payload ' +
        'as a text.',
    },
    batch: { type: 'integer', minimum: 1, maximum: 10_000, default: 500, description: 'Letters of a batch at most.' },
    every: {
      ...durationSchema,
      default: '5s',
      description: 'Time between two looks when there are none.',
    },
  },
} as const

export type DeadLetterSourceConfig = FromSchema<typeof config>

/** A letter as it is kept. */
export interface KeptLetter extends DeadLetter {
  /** Unique within its workflow; letters are in the order of their ids. */
  readonly id: string
}

/** The dead letters of all workflows. */
export interface LetterShelf {
  /** The oldest letters of a workflow whose ids follow `after`. */
  list(
    workflow: string,
    page: { readonly after?: string; readonly limit: number },
    signal?: AbortSignal,
  ): Promise<readonly KeptLetter[]>
  delete(workflow: string, ids: readonly string[]): Promise<number>
}

/** What the source is given: the usual context, with the dead letters. */
export interface DeadLetterContext extends Context {
  readonly letters: LetterShelf
}

/** The dead letters of another workflow. */
export const deadLetterSource = {
  type: 'dead_letter',
  summary: 'The dead letters of another workflow.',
  config,
  open: async (settings: DeadLetterSourceConfig, context: DeadLetterContext): Promise<Source> =>
    new DeadLetterSource(settings, context),
} satisfies Omit<Connector<Source, DeadLetterSourceConfig>, 'open'> & { readonly open: unknown }

/** Between two looks, whatever the manifest says: each is a query. */
const SHORTEST_MS = 10

/** Letters are deleted behind their acknowledgement; one that could not be comes again at the next start. */
class DeadLetterSource implements Source {
  readonly #config: DeadLetterSourceConfig
  readonly #context: DeadLetterContext
  readonly #isMeant: (letter: DeadLetter) => boolean
  readonly #outstanding = new Outstanding<string>()
  /** Given out, and not deleted. */
  readonly #held = new Set<string>()
  #owed: string[] = []
  #deleting: Promise<void> | undefined

  constructor(settings: DeadLetterSourceConfig, context: DeadLetterContext) {
    this.#config = settings
    this.#context = context
    this.#isMeant = settings.where === undefined ? () => true : letterFilter(settings.where)
  }

  /** Looks from the oldest on again and again: clocks of several processes may put a new letter before one that was read. */
  async *read(_from: unknown, stop: AbortSignal, signal: AbortSignal): AsyncGenerator<Batch> {
    const { clock } = this.#context
    const until = AbortSignal.any([stop, signal])
    while (!until.aborted) {
      yield* this.#look(stop, signal)
      this.#deleteOwed()
      await clock.sleep(Math.max(SHORTEST_MS, durationMs(this.#config.every)), until).catch(() => undefined)
    }
    signal.throwIfAborted()
  }

  ack(position: unknown): void {
    this.#owed.push(...this.#outstanding.take(position))
    this.#deleteOwed()
  }

  async ping(signal: AbortSignal): Promise<void> {
    await this.#context.letters.list(this.#config.workflow, { limit: 1 }, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#deleting
    await this.#delete()
  }

  async *#look(stop: AbortSignal, signal: AbortSignal): AsyncGenerator<Batch> {
    const { workflow, batch: limit } = this.#config
    for (let after: string | undefined; !stop.aborted; ) {
      const page = { limit, ...(after === undefined ? {} : { after }) }
      const letters = await this.#context.letters.list(workflow, page, signal)
      const meant = letters.filter((letter) => !this.#held.has(letter.id) && this.#isMeant(letter))
      if (meant.length > 0) yield this.#batch(meant)
      after = letters.at(-1)?.id
      if (letters.length < limit) return
    }
  }

  #batch(letters: readonly KeptLetter[]): Batch {
    const ids = letters.map(({ id }) => id)
    for (const id of ids) this.#held.add(id)
    const position = this.#outstanding.add(ids, ids.at(-1) ?? '')
    if (this.#config.as === 'letter') return letterBatch(this.#config.workflow, letters, position)
    const payloads = letters.map(({ payload }) => payload)
    return bytesBatch(payloads, { position, metas: letters.map((letter) => metaOf(letter)) })
  }

  #deleteOwed(): void {
    this.#deleting ??= this.#delete().finally(() => {
      this.#deleting = undefined
    })
  }

  /** Never throws: what could not be deleted stays owed. */
  async #delete(): Promise<void> {
    // Several acknowledgements of one turn go together.
    await Promise.resolve()
    const { letters, log } = this.#context
    while (this.#owed.length > 0) {
      const deleted = this.#owed
      this.#owed = []
      try {
        await letters.delete(this.#config.workflow, deleted)
        for (const id of deleted) this.#held.delete(id)
      } catch (error) {
        this.#owed = [...deleted, ...this.#owed]
        log.warn({ error: String(error), letters: this.#owed.length }, 'delivered dead letters not deleted yet')
        return
      }
    }
  }
}

/** The tries before count on; the route was chosen in another workflow. */
function metaOf({ id, meta, attempts }: KeptLetter): Meta {
  return { id: meta.id ?? id, attempts, ...(meta.key === undefined ? {} : { key: meta.key }) }
}
