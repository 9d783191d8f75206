/** One batch on its way: it may be released when it is done itself, and so is everything that was made of it. */
interface Entry {
  readonly release: (state: unknown) => void
  /** What steps had to remember when it was no longer needed. */
  state: unknown
  done: boolean
  /** What was made of this batch together with others, and is not done yet. */
  waiting: number
}

/** Entries are forgotten in so large parts, so that the list need not move for each. */
const PART = 1_024

/**
 * Hands acknowledgements on, which arrive in the order of the batches and speak for all before them as well, but not
 * those of batches of which something is held back (an open window): they wait until what was made of it is
 * acknowledged too.
 */
export class AckOrder {
  /** Oldest first; those before `#first` are released. */
  readonly #entries: Entry[] = []
  #first = 0
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
      for (let index = this.#first; index < this.#entries.length; index += 1) {
        const each = this.#entries[index]
        if (each !== undefined) each.done = true
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
    const [from, to] = [count - this.#held, count - Math.max(0, held)]
    const freed = this.#entries.slice(Math.max(this.#first, from), Math.max(this.#first, to))
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
    for (let first = this.#oldest(); first !== undefined; first = this.#oldest()) {
      if (!first.done || first.waiting > 0 || this.#entries.length - this.#first <= this.#held) return
      this.#first += 1
      first.release(first.state)
    }
  }

  #oldest(): Entry | undefined {
    if (this.#first === this.#entries.length || this.#first >= PART) {
      this.#entries.splice(0, this.#first)
      this.#first = 0
    }
    return this.#entries[this.#first]
  }
}
