import type { DeadLetter, DeadLetters } from './dead-letter.ts'
import { letterBatch } from './letter-message.ts'
import type { Sink } from './sink.ts'

export interface LetterSinkOptions {
  readonly workflow: string
  readonly sink: Sink
  /** Takes what the sink refuses: a dead letter is never dropped. */
  readonly otherwise: DeadLetters
}

/** Dead letters that go to a sink, one write at a time. A sink that throws is the caller's to try again. */
export function letterSink({ workflow, sink, otherwise }: LetterSinkOptions): DeadLetters {
  let turn: Promise<unknown> = Promise.resolve()
  const write = async (letters: readonly DeadLetter[], signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted()
    const rejections = await sink.write(letterBatch(workflow, letters), signal)
    const refused = rejections.flatMap(({ index }) => letters[index] ?? [])
    if (refused.length > 0) await otherwise.write(refused, signal)
  }
  return {
    write: (letters, signal) => {
      const next = turn.then(() => write(letters, signal))
      turn = next.catch(() => undefined)
      return next
    },
  }
}
