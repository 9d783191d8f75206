/** `closed` lets writes through, `open` lets none, `half_open` lets one through to see. */
export type BreakerState = 'closed' | 'open' | 'half_open'

export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly failures: number
  /** Milliseconds: of the pause after a first failure, and of the longest one. Pauses double in between. */
  readonly firstMs: number
  readonly mostMs: number
  /** In [0, 1): spreads the upper half of each pause. */
  readonly random: () => number
}

/** Decides when a sink that fails is tried again. */
export class Breaker {
  readonly #options: BreakerOptions
  #failures = 0
  #openUntil = 0

  constructor(options: BreakerOptions) {
    this.#options = options
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures
  }

  state(now: number): BreakerState {
    if (this.#failures < this.#options.failures) return 'closed'
    return now < this.#openUntil ? 'open' : 'half_open'
  }

  succeeded(): void {
    this.#failures = 0
    this.#openUntil = 0
  }

  /** Resolves to how many milliseconds to wait; `atLeastMs` is what the other side asked for. */
  failed(now: number, atLeastMs = 0): number {
    this.#failures += 1
    const { firstMs, mostMs, random } = this.#options
    const full = Math.min(mostMs, firstMs * 2 ** Math.min(this.#failures - 1, 30))
    const pause = Math.max(atLeastMs, Math.round(full * (0.5 + random() / 2)))
    this.#openUntil = now + pause
    return pause
  }
}
