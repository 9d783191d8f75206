import { HermesError } from '../errors.ts'
import type { Batch } from './batch.ts'

/** Messages on their way in again. */
export interface Entrant {
  readonly batch: Batch
  /** Where they failed: `steps[2].set`, `sinks.cold`. */
  readonly stage: string
  /** Called once they are durable downstream, or in the dead letters again. */
  readonly ack: () => void
}

type Take = (entrant: Entrant) => Promise<void>

/** The side door of a pipeline: dead letters go in again while it runs. */
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

  /** Resolves when the messages are durable downstream, or dead letters again. Throws `not_in_force` when nothing runs. */
  async send(batch: Batch, stage: string): Promise<void> {
    const take = this.#take
    if (take === undefined) throw notRunning()
    const done = Promise.withResolvers<void>()
    this.#waiting.add(done)
    try {
      await Promise.race([take({ batch, stage, ack: () => done.resolve() }), done.promise])
      await done.promise
    } finally {
      this.#waiting.delete(done)
    }
  }
}

function notRunning(): HermesError {
  return new HermesError('not_in_force', 'the workflow does not run at the moment', {
    fix: 'See what keeps it with `hermes-status`, and try again.',
  })
}
