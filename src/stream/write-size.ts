/** A write that takes longer than so many milliseconds was too large. */
const SLOW_MS = 1_000
const LEAST = 16

/**
 * How many messages are written at once: it grows by a tenth of the bound with each write that was full and fast, and
 * halves with each that was slow or failed (additive increase, multiplicative decrease).
 */
export class WriteSize {
  readonly #most: number
  #size: number

  constructor(most: number) {
    this.#most = most
    this.#size = most
  }

  get messages(): number {
    return this.#size
  }

  wrote(messages: number, ms: number): void {
    if (ms > SLOW_MS) this.#shrink()
    else if (messages >= this.#size) this.#size = Math.min(this.#most, this.#size + Math.ceil(this.#most / 10))
  }

  failed(): void {
    this.#shrink()
  }

  #shrink(): void {
    this.#size = Math.max(Math.min(LEAST, this.#most), this.#size >> 1)
  }
}
