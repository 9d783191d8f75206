import type { Clock } from '../clock.ts'

const longestMs = 2 ** 31 - 1

/** Wakes one waiting loop. A ring that nobody waits for is kept for the next wait. */
export class Bell {
  readonly #clock: Clock
  #rung = false
  #wake: AbortController | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  ring(): void {
    this.#rung = true
    this.#wake?.abort()
  }

  /** Resolves when rung, at the time `until`, or when `stop` aborts; never rejects. */
  async wait(until: number, stop: AbortSignal): Promise<void> {
    const ms = Math.min(longestMs, until - this.#clock.now())
    if (!this.#rung && !stop.aborted && ms > 0) {
      const wake = new AbortController()
      this.#wake = wake
      const onStop = (): void => wake.abort()
      stop.addEventListener('abort', onStop, { once: true })
      await this.#clock.sleep(ms, wake.signal).catch(() => undefined)
      stop.removeEventListener('abort', onStop)
      this.#wake = undefined
    }
    this.#rung = false
  }
}
