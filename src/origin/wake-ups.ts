import type { Clock } from '../clock.ts'

/** How long to wait for quiet after a change, and how long at most, in milliseconds. */
export interface Settling {
  readonly settleMs: number
  readonly maxSettleMs: number
}

/** Collects wake-ups and tells when they have come to rest. */
export class WakeUps {
  readonly #clock: Clock
  readonly #settling: Settling
  #files = new Set<string>()
  #all = false
  #count = 0
  #lastAt = 0
  #bell = Promise.withResolvers<void>()

  constructor(clock: Clock, settling: Settling) {
    this.#clock = clock
    this.#settling = settling
  }

  /** Something changed: this file, or anything at all. */
  wake(file?: string): void {
    if (file === undefined) this.#all = true
    else this.#files.add(file)
    this.#count++
    this.#lastAt = this.#clock.now()
    const bell = this.#bell
    this.#bell = Promise.withResolvers()
    bell.resolve()
  }

  /** What changed since it was last taken. */
  take(): { readonly all: boolean; readonly files: ReadonlySet<string> } {
    const taken = { all: this.#all, files: this.#files }
    this.#all = false
    this.#files = new Set()
    return taken
  }

  /** How many there were; a reader that remembers it misses none. */
  get count(): number {
    return this.#count
  }

  /**
   * Resolves when there was a wake-up after the `seen`th and it has been quiet since, or `atMostMs` passed without
   * one. Rejects when `signal` aborts.
   */
  async settled(seen: number, atMostMs: number, signal: AbortSignal): Promise<void> {
    if (this.#count === seen && !(await this.#rings(atMostMs, signal))) return
    const startedAt = this.#clock.now()
    const { settleMs, maxSettleMs } = this.#settling
    for (;;) {
      const quietAt = Math.min(this.#lastAt + settleMs, startedAt + maxSettleMs)
      const waitMs = quietAt - this.#clock.now()
      if (waitMs <= 0) return
      await this.#clock.sleep(waitMs, signal)
    }
  }

  async #rings(atMostMs: number, signal: AbortSignal): Promise<boolean> {
    const timer = new AbortController()
    const bell = this.#bell.promise.then(() => true)
    const time = this.#clock.sleep(atMostMs, AbortSignal.any([signal, timer.signal])).then(() => false)
    try {
      return await Promise.race([bell, time])
    } finally {
      timer.abort()
      time.catch(() => undefined)
    }
  }
}
