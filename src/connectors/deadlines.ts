import { HermesError } from '../errors.ts'
import { unlessAborted } from '../when-aborted.ts'
import type { Deadline } from './deadline.ts'

/** An answer that is waited for. */
interface Awaited {
  /** Milliseconds of the process. */
  readonly dueAt: number
  readonly giveUp: (error: Error) => void
}

/**
 * Deadlines of answers that overlap, all after the same time. What is made for each is as little as can be: one timer serves
 * them all, runs only while some are waited for, and keeps no process alive.
 */
export class Deadlines {
  readonly #deadline: Deadline
  readonly #awaited = new Set<Awaited>()
  #timer: NodeJS.Timeout | undefined

  constructor(deadline: Deadline) {
    this.#deadline = deadline
  }

  /** As `withDeadline`; but an answer that an abort gave up is still due, and `onTimeout` is told when it does not come. */
  follow<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
    return unlessAborted(this.#inTime(work), signal)
  }

  #inTime<T>(work: Promise<T>): Promise<T> {
    const { ms } = this.#deadline
    return new Promise((resolve, reject) => {
      const awaited = { dueAt: performance.now() + ms, giveUp: reject }
      this.#awaited.add(awaited)
      if (this.#timer === undefined) this.#timer = this.#lookIn(ms)
      work.then(
        (value) => {
          this.#awaited.delete(awaited)
          resolve(value)
        },
        (error: unknown) => {
          this.#awaited.delete(awaited)
          reject(error)
        },
      )
    })
  }

  #lookIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#look(), Math.ceil(ms)).unref()
  }

  /** They were added in the order in which they are due. */
  #look(): void {
    const { ms, who, onTimeout } = this.#deadline
    const now = performance.now()
    let late = 0
    for (const awaited of this.#awaited) {
      if (awaited.dueAt > now) break
      this.#awaited.delete(awaited)
      awaited.giveUp(new HermesError('connector_unavailable', `${who} did not answer within ${ms} ms`))
      late += 1
    }
    const [next] = this.#awaited
    this.#timer = next === undefined ? undefined : this.#lookIn(next.dueAt - now)
    if (late > 0) onTimeout?.()
  }
}
