/**
 * Finds out in constant memory that a sequence goes round (Brent's algorithm): each value is compared with the one
 * before and with a mark that moves on at every power of two.
 */
export class Repetition {
  #last: string | undefined
  #mark: string | undefined
  #steps = 0
  #until = 1

  /** Whether the sequence has come round with this value. */
  sees(value: string): boolean {
    const found = value === this.#last || value === this.#mark
    this.#last = value
    this.#steps += 1
    if (this.#steps === this.#until) {
      this.#mark = value
      this.#until *= 2
      this.#steps = 0
    }
    return found
  }
}
