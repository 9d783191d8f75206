/** One at a time, in the order of asking. */
export class Turn {
  #tail: Promise<unknown> = Promise.resolve()

  take<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#tail.then(work)
    this.#tail = mine.catch(() => undefined)
    return mine
  }
}

/** At most `size` at a time, the highest priority first, then in the order of asking. */
export class Slots {
  #free: number
  readonly #waiting: { readonly priority: number; readonly start: () => void }[] = []

  constructor(size: number) {
    this.#free = size
  }

  async run<T>(work: () => Promise<T>, priority = 0): Promise<T> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((start) => this.#queue({ priority, start }))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free += 1
      else next.start()
    }
  }

  #queue(each: { readonly priority: number; readonly start: () => void }): void {
    const before = this.#waiting.findLastIndex(({ priority }) => priority >= each.priority)
    this.#waiting.splice(before + 1, 0, each)
  }
}
