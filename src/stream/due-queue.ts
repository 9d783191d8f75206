/** One name in the queue. */
export interface Due {
  readonly name: string
  readonly at: number
  /** The higher stands before the lower, whatever their times. */
  readonly priority: number
}

/** Whether one goes before the other: by priority, then by time. */
export function goesBefore(one: Due, other: Due): boolean {
  return one.priority === other.priority ? one.at < other.at : one.priority > other.priority
}

/** A binary heap of names: the highest priority first, of equals the earliest; a name stands in it once. */
export class DueQueue {
  readonly #heap: Due[] = []
  readonly #slots = new Map<string, number>()

  get size(): number {
    return this.#heap.length
  }

  get first(): Due | undefined {
    return this.#heap[0]
  }

  has(name: string): boolean {
    return this.#slots.has(name)
  }

  at(name: string): number | undefined {
    const slot = this.#slots.get(name)
    return slot === undefined ? undefined : this.#heap[slot]?.at
  }

  /** Puts `name` at `at`, moving it when it is there. */
  set(name: string, at: number, priority = 0): void {
    const slot = this.#slots.get(name)
    if (slot === undefined) {
      this.#heap.push({ name, at, priority })
      this.#slots.set(name, this.#heap.length - 1)
      this.#rise(this.#heap.length - 1)
      return
    }
    this.#heap[slot] = { name, at, priority }
    this.#sink(this.#rise(slot))
  }

  delete(name: string): boolean {
    const slot = this.#slots.get(name)
    if (slot === undefined) return false
    this.#swap(slot, this.#heap.length - 1)
    this.#heap.pop()
    this.#slots.delete(name)
    if (slot < this.#heap.length) this.#sink(this.#rise(slot))
    return true
  }

  #before(left: number, right: number): boolean {
    const a = this.#heap[left]
    const b = this.#heap[right]
    return a !== undefined && b !== undefined && goesBefore(a, b)
  }

  #rise(slot: number): number {
    let at = slot
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#before(at, parent)) break
      this.#swap(at, parent)
      at = parent
    }
    return at
  }

  #sink(slot: number): void {
    let at = slot
    for (;;) {
      const left = 2 * at + 1
      let least = at
      if (this.#before(left, least)) least = left
      if (this.#before(left + 1, least)) least = left + 1
      if (least === at) return
      this.#swap(at, least)
      at = least
    }
  }

  #swap(left: number, right: number): void {
    const a = this.#heap[left]
    const b = this.#heap[right]
    if (a === undefined || b === undefined) return
    this.#heap[left] = b
    this.#heap[right] = a
    this.#slots.set(b.name, left)
    this.#slots.set(a.name, right)
  }
}
