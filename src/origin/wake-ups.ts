import { setImmediate as immediate } from 'node:timers/promises'
import type { Clock } from '../clock.ts'

/** How long to wait for quiet after a change, in milliseconds. */
export interface Settling {
  /** After several: a burst is over then. */
  readonly settleMs: number
  /** After changes of one file alone that come out of quiet; as after several when absent. */
  readonly aloneMs?: number
  /** At most, though it never gets quiet. */
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
  /** The one file that something happened at since it was quiet; undefined when there were others, or it was told of already. */
  #alone: string | undefined
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
    this.stir(file)
    const bell = this.#bell
    this.#bell = Promise.withResolvers()
    bell.resolve()
  }

  /** Something happens at this file, or anywhere: it is not quiet. Whether that is a change a wake-up may tell. */
  stir(file?: string): void {
    const now = this.#clock.now()
    if (now - this.#lastAt >= this.#settling.settleMs) this.#alone = file
    else if (file !== this.#alone) this.#alone = undefined
    this.#lastAt = now
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
    for (;;) {
      const quietAt = Math.min(this.#lastAt + this.#quietMs, startedAt + this.#settling.maxSettleMs)
      const waitMs = quietAt - this.#clock.now()
      if (waitMs <= 0) break
      await this.#clock.sleep(waitMs, signal)
      // What happened meanwhile may be known already, behind the timer.
      await immediate()
    }
    // What comes right after it is a burst.
    this.#alone = undefined
  }

  get #quietMs(): number {
    const { settleMs, aloneMs = settleMs } = this.#settling
    return this.#alone === undefined ? settleMs : Math.min(aloneMs, settleMs)
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
