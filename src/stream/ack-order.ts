/** One batch on its way: it may be released when it is done itself, and so is everything that was made of it. */
interface Entry {
  readonly release: (state: unknown) => void
  /** What steps had to remember when it was no longer needed. */
  state: unknown
  done: boolean
  /** What was made of this batch together with others, and is not done yet. */
  waiting: number
}

/**
 * Hands acknowledgements on, which arrive in the order of the batches and speak for all before them as well, but not
 * those of batches of which something is held back (an open window): they wait until what was made of it is
 * acknowledged too.
 */
export class AckOrder {
  /** Oldest first. */
  readonly #entries: Entry[] = []
  /** So many of the newest are held back. */
  #held = 0

  /**
   * Adds a batch, after which so many of the newest, this one included, are held back; those that no longer are went
   * into what is sent on with this batch. `release` is called once, when it is its turn, with the state of the steps as
   * of when it was no longer held back. Returns the acknowledgement of what is sent on.
   */
  add(release: (state: unknown) => void, held: number, state?: unknown): () => void {
    const freed = this.#free(held - 1, state)
    const entry: Entry = { release, state, done: false, waiting: 0 }
    this.#entries.push(entry)
    this.#held = held
    return () => {
      for (const each of this.#entries) {
        each.done = true
        if (each === entry) break
      }
      this.#settle(freed)
    }
  }

  /**
   * So many batches were made of what was held back, and so many of the newest are held still: the others wait until
   * all that was made is acknowledged. Returns the acknowledgement, to be called once for each.
   */
  flushed(made: number, held: number, state?: unknown): () => void {
    const freed = made === 0 ? [] : this.#free(held, state)
    this.#held = held
    let left = made
    if (made === 0) this.#drain()
    return () => {
      left -= 1
      if (left === 0) this.#settle(freed)
    }
  }

  /** Has those wait that were held back and will not be any more. */
  #free(held: number, state: unknown): readonly Entry[] {
    const count = this.#entries.length
    const freed = this.#entries.slice(Math.max(0, count - this.#held), Math.max(0, count - Math.max(0, held)))
    for (const entry of freed) {
      entry.waiting += 1
      entry.state = state
    }
    return freed
  }

  #settle(freed: readonly Entry[]): void {
    for (const entry of freed) entry.waiting -= 1
    this.#drain()
  }

  #drain(): void {
    for (let [first] = this.#entries; first !== undefined; [first] = this.#entries) {
      if (!first.done || first.waiting > 0 || this.#entries.length <= this.#held) return
      this.#entries.shift()
      first.release(first.state)
    }
  }
}
