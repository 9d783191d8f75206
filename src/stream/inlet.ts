import { HermesError } from '../errors.ts'
import type { Batch } from './batch.ts'

/** Messages on their way in that do not come from the source. */
export interface Entrant {
  readonly batch: Batch
  /** Where they failed: `steps[2].set`, `sinks.cold`; `source` for new ones. */
  readonly stage: string
  /** Called once they are durable downstream, or in the dead letters again. */
  readonly ack: () => void
}

type Take = (entrant: Entrant) => Promise<void>

/** The side door of a pipeline: dead letters go in again while it runs, and what other workflows hand over. */
export class Inlet {
  readonly #waiting = new Set<PromiseWithResolvers<void>>()
  #take: Take | undefined

  /** The pipeline that runs takes what comes, until it is disposed; what is on its way then is not heard of again. */
  attach(take: Take): Disposable {
    this.#take = take
    return {
      [Symbol.dispose]: () => {
        if (this.#take === take) this.#take = undefined
        for (const each of this.#waiting) each.reject(notRunning())
      },
    }
  }

  /**
   * Resolves when the messages are durable downstream, or dead letters again. They go in at their stage, or at the
   * beginning where no step has that name. Throws `not_in_force` when nothing runs, and the signal's reason when that
   * aborts first; what is on its way then is not heard of again.
   */
  async send(batch: Batch, stage: string, signal: AbortSignal): Promise<void> {
    const take = this.#take
    if (take === undefined) throw notRunning()
    signal.throwIfAborted()
    const done = Promise.withResolvers<void>()
    const onAbort = (): void => done.reject(signal.reason)
    this.#waiting.add(done)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await Promise.race([take({ batch, stage, ack: () => done.resolve() }), done.promise])
      await done.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#waiting.delete(done)
    }
  }
}

function notRunning(): HermesError {
  return new HermesError('not_in_force', 'the workflow does not run at the moment', {
    fix: 'See what keeps it with `hermes-status`, and try again.',
  })
}
