import type { Clock } from '../clock.ts'

/** Batches are forgotten in so large parts, so that the list need not move for each. */
const PART = 1_024

/** What was read and is not durable yet; batches become so in their order. */
export class InFlight {
  readonly #clock: Clock
  readonly #batches: { readonly size: number; readonly at: number }[] = []
  #first = 0
  #messages = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A batch of so many messages was read. */
  took(size: number): void {
    this.#batches.push({ size, at: this.#clock.now() })
    this.#messages += size
  }

  /** The oldest batch is durable. */
  settled(): void {
    this.#messages -= this.#batches[this.#first]?.size ?? 0
    this.#first += 1
    if (this.#first === this.#batches.length || this.#first >= PART) {
      this.#batches.splice(0, this.#first)
      this.#first = 0
    }
  }

  get messages(): number {
    return this.#messages
  }

  /** Milliseconds since the oldest of them was read; 0 when there is none. */
  get ageMs(): number {
    const oldest = this.#batches[this.#first]
    return oldest === undefined ? 0 : Math.max(0, this.#clock.now() - oldest.at)
  }
}
