/** A write that takes thrice as long as usual and so many milliseconds beside was held up by the others. */
const SLOW_MS = 50
/** It begins with so many, and is halved at each slow write, but not below one. */
const FIRST = 4
/** How fast what is usual follows writes that take longer; a faster one is usual at once. */
const DRIFT = 0.01

/**
 * How many writes may be under way at once: with each round of writes that was full and fast one more, up to the bound;
 * half of them when one was slow or failed (additive increase, multiplicative decrease; as of TCP, RFC 5681).
 */
export class WriteWindow {
  readonly #most: number
  #size: number
  #usualMs: number | undefined

  constructor(most: number) {
    this.#most = most
    this.#size = Math.min(FIRST, most)
  }

  get writes(): number {
    return Math.floor(this.#size)
  }

  /** A write took so many milliseconds; `isFull` when no other could have begun beside it. */
  wrote(ms: number, isFull: boolean): void {
    const usual = this.#usualMs ?? ms
    if (ms > usual * 3 + SLOW_MS) this.#shrink()
    else if (isFull) this.#size = Math.min(this.#most, this.#size + 1 / this.#size)
    this.#usualMs = ms < usual ? ms : usual + (ms - usual) * DRIFT
  }

  failed(): void {
    this.#shrink()
  }

  #shrink(): void {
    this.#size = Math.max(1, this.#size / 2)
  }
}
