import type { Clock } from '../clock.ts'
import { type HermesError, toHermesError } from '../errors.ts'
import type { Origin, Snapshot } from '../origin/origin.ts'
import type { Backoff } from './backoff.ts'
import type { Log } from './log.ts'

export interface IntakeParts {
  readonly origin: Origin
  readonly clock: Clock
  readonly log: Log
  readonly backoff: Backoff
  /** Puts a snapshot in force; what it throws is tried again. */
  readonly accept: (snapshot: Snapshot) => Promise<void>
  /** Called when there is something to take in, and when it was taken in or put off. */
  readonly onProgress: () => void
  /** Told each time something keeps it from its work. */
  readonly onTrouble: (error: HermesError) => void
}

/** Follows an origin and puts its newest snapshot in force, again and again until that works. */
export class Intake {
  readonly #parts: IntakeParts
  #waiting: Snapshot | undefined
  #taking: Promise<void> | undefined
  #notBefore = 0
  #attempt = 0
  /** Why the newest snapshot is not in force, or the origin cannot be followed. */
  trouble: HermesError | undefined

  constructor(parts: IntakeParts) {
    this.#parts = parts
  }

  /** Whether the newest snapshot that the origin yielded is in force. */
  get isDone(): boolean {
    return this.#waiting === undefined && this.#taking === undefined
  }

  /** When `take` has something to do, milliseconds since the epoch. */
  get dueAt(): number {
    return this.#waiting === undefined || this.#taking !== undefined ? Number.POSITIVE_INFINITY : this.#notBefore
  }

  /** Follows the origin until `stop` aborts; never rejects. */
  async follow(stop: AbortSignal): Promise<void> {
    const { origin, clock, backoff } = this.#parts
    for (let attempt = 1; !stop.aborted; attempt += 1) {
      try {
        for await (const snapshot of origin.snapshots(stop)) {
          attempt = 0
          this.#waiting = snapshot
          this.#notBefore = 0
          this.#parts.onProgress()
        }
      } catch (error) {
        if (!stop.aborted) this.#report(toHermesError(error), 'manifests cannot be followed')
      }
      await clock.sleep(backoff(attempt), stop).catch(() => undefined)
    }
    await this.#taking
  }

  /** Begins to put the newest snapshot in force when that is due. */
  take(): void {
    const snapshot = this.#waiting
    if (snapshot === undefined || this.dueAt > this.#parts.clock.now()) return
    this.#taking = this.#accept(snapshot).finally(() => {
      this.#taking = undefined
      this.#parts.onProgress()
    })
  }

  async #accept(snapshot: Snapshot): Promise<void> {
    try {
      await this.#parts.accept(snapshot)
      if (this.#waiting === snapshot) this.#waiting = undefined
      this.#attempt = 0
      this.trouble = undefined
    } catch (error) {
      this.#attempt += 1
      this.#notBefore = this.#parts.clock.now() + this.#parts.backoff(this.#attempt)
      this.#report(toHermesError(error, 'database_error'), 'revision not accepted')
    }
  }

  #report(error: HermesError, message: string): void {
    this.trouble = error
    this.#parts.onTrouble(error)
    this.#parts.log.error({ code: error.code, error: error.message }, message)
  }
}
