import type { Depth } from '../../stream/buffer.ts'

interface Stored {
  readonly messages: number
  readonly bytes: number
  /** Consumers that have not acknowledged it. */
  left: number
}

/** How much a stream holds, by what one process has pushed or was given, and what was there when it began. */
export class StreamDepth {
  readonly #consumers: number
  /** By place in the stream. */
  readonly #stored = new Map<number, Stored>()
  #messages = 0
  #bytes = 0
  /** What was there at the beginning and was not seen since. */
  #before: { messages: number; bytes: number; readonly last: number }

  constructor(consumers: number, before: { readonly messages: number; readonly bytes: number; readonly last: number }) {
    this.#consumers = consumers
    this.#before = { ...before }
  }

  /** Told of a frame that was pushed, or given: twice is once. */
  add(sequence: number, { messages, bytes }: { readonly messages: number; readonly bytes: number }): void {
    if (this.#stored.has(sequence)) return
    this.#stored.set(sequence, { messages, bytes, left: this.#consumers })
    this.#messages += messages
    this.#bytes += bytes
    if (sequence > this.#before.last) return
    this.#before.messages = Math.max(0, this.#before.messages - messages)
    this.#before.bytes = Math.max(0, this.#before.bytes - bytes)
  }

  /** One of the consumers has acknowledged it. */
  acked(sequence: number): void {
    const stored = this.#stored.get(sequence)
    if (stored === undefined) return
    stored.left -= 1
    if (stored.left <= 0) this.#remove(sequence, stored)
  }

  /** Everything up to this place was acknowledged by all, here or elsewhere. */
  gone(floor: number): void {
    for (const [sequence, stored] of this.#stored) if (sequence <= floor) this.#remove(sequence, stored)
    if (floor >= this.#before.last) this.#before = { messages: 0, bytes: 0, last: this.#before.last }
  }

  depth(): Depth {
    return { messages: this.#messages + this.#before.messages, bytes: this.#bytes + this.#before.bytes, dropped: 0 }
  }

  #remove(sequence: number, { messages, bytes }: Stored): void {
    this.#stored.delete(sequence)
    this.#messages -= messages
    this.#bytes -= bytes
  }
}
