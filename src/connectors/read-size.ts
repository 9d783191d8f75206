/** Of one answer of a server, about: large messages are read in smaller batches. */
const ANSWER_BYTES = 8_388_608
const FIRST = 16

/** How many messages to ask a server for at once, that knows messages only and not bytes. */
export class ReadSize {
  readonly #most: number
  #count: number

  constructor(most: number) {
    this.#most = most
    this.#count = Math.min(FIRST, most)
  }

  get count(): number {
    return this.#count
  }

  /** Told what an answer held: halves or doubles the next. */
  had(messages: number, bytes: number): void {
    if (bytes > ANSWER_BYTES) this.#count = Math.max(1, Math.min(this.#count, messages) >> 1)
    else if (messages >= this.#count) this.#count = Math.min(this.#most, this.#count * 2)
  }
}
