import type { Batch, Meta, Position } from './batch.ts'

/** Several batches, one after the other. */
export class JoinedBatch implements Batch {
  readonly size: number
  declare readonly position?: Position
  readonly #batches: readonly Batch[]
  /** Index of the first message of each. */
  readonly #starts: readonly number[]

  constructor(batches: readonly Batch[]) {
    const starts: number[] = []
    let size = 0
    for (const batch of batches) {
      starts.push(size)
      size += batch.size
    }
    this.size = size
    this.#batches = batches
    this.#starts = starts
    const position = batches.at(-1)?.position
    if (position !== undefined) this.position = position
  }

  get byteLength(): number {
    return this.#batches.reduce((sum, batch) => sum + batch.byteLength, 0)
  }

  value(index: number): unknown {
    const { batch, at } = this.#find(index)
    return batch.value(at)
  }

  bytes(index: number): Uint8Array {
    const { batch, at } = this.#find(index)
    return batch.bytes(at)
  }

  text(index: number): string | undefined {
    const { batch, at } = this.#find(index)
    return batch.text?.(at)
  }

  values(): readonly unknown[] {
    return this.#batches.flatMap((batch) => batch.values())
  }

  meta(index: number): Meta {
    const { batch, at } = this.#find(index)
    return batch.meta(at)
  }

  #find(index: number): { readonly batch: Batch; readonly at: number } {
    let low = 0
    let high = this.#starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#starts[middle] ?? 0) <= index) low = middle
      else high = middle - 1
    }
    const batch = this.#batches[low]
    if (batch === undefined) throw new RangeError(`no message ${index} in a batch of ${this.size}`)
    return { batch, at: index - (this.#starts[low] ?? 0) }
  }
}
