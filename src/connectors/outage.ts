import type { Clock } from '../clock.ts'
import { HermesError } from '../errors.ts'
import type { Log } from '../stream/connector.ts'

/** A loss of connection that a source bridges by itself; a longer one is the engine's, which shows it. */
const BRIDGED_MS = 30_000
const FIRST_MS = 100
const MAX_MS = 5_000

/** Decides how long a source that lost its server tries by itself. */
export class Outage {
  readonly #clock: Clock
  readonly #log: Log
  #since: number | undefined
  #attempts = 0

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  /** The server answered. */
  over(): void {
    this.#since = undefined
    this.#attempts = 0
  }

  /**
   * Sleeps before the next try: twice as long each time, with jitter. Throws the error when it is not the network's, or
   * has lasted for half a minute; throws the signal's reason when that aborts.
   */
  async wait(error: unknown, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (!(error instanceof HermesError) || error.code !== 'connector_unavailable') throw error
    const now = this.#clock.now()
    this.#since ??= now
    if (now - this.#since > BRIDGED_MS) throw error
    this.#attempts += 1
    this.#log.warn({ code: error.code, error: error.message, attempt: this.#attempts }, 'source connection lost')
    const ms = Math.min(FIRST_MS * 2 ** (this.#attempts - 1), MAX_MS)
    await this.#clock.sleep(ms * (0.5 + Math.random() / 2), signal)
  }
}
