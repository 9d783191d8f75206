/** Names a batch among those that one opened source has given out. */
export interface BatchPosition {
  /** Counts from 1. */
  readonly batch: number
  /** What its last message is called by the server. */
  readonly last: string
}

interface Given<Handle> {
  readonly batch: number
  readonly handles: readonly Handle[]
}

/**
 * What a source has given out and was not told is durable yet, batch by batch: `Handle` is what the server wants to see
 * again for a message. An acknowledgement speaks for all batches before it as well.
 */
export class Outstanding<Handle> {
  /** Oldest first. */
  #given: Given<Handle>[] = []
  #batches = 0

  /** Adds a batch and names it. */
  add(handles: readonly Handle[], last: string): BatchPosition {
    this.#batches += 1
    this.#given.push({ batch: this.#batches, handles })
    return { batch: this.#batches, last }
  }

  /** Takes out everything up to a batch; nothing for one that was taken out before. */
  take(position: unknown): Handle[] {
    const { batch } = position as BatchPosition
    let count = 0
    while ((this.#given[count]?.batch ?? Number.POSITIVE_INFINITY) <= batch) count += 1
    return this.#given.splice(0, count).flatMap(({ handles }) => handles)
  }

  /** Everything that is still out, oldest first. */
  *[Symbol.iterator](): Generator<Handle> {
    for (const { handles } of this.#given) yield* handles
  }
}
