/** How values fell into ranges. Adding one makes nothing, so that it may be done for each write. */
export class Distribution {
  /** The largest value of each range; ascending. */
  readonly bounds: readonly number[]
  readonly #counts: Float64Array
  #sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  add(value: number): void {
    const { bounds } = this
    let range = 0
    while (range < bounds.length && value > (bounds[range] ?? value)) range += 1
    this.#counts[range] = (this.#counts[range] ?? 0) + 1
    this.#sum += value
  }

  /** Values of each range; one more than there are bounds: the last is of those beyond them. */
  get counts(): readonly number[] {
    return [...this.#counts]
  }

  /** Of all values. */
  get sum(): number {
    return this.#sum
  }
}
