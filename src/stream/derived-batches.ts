import type { Batch, Meta, Position } from './batch.ts'
import { type Metas, metaIn } from './metas.ts'
import { ValueBatch } from './value-batch.ts'

/** Some messages of another batch. */
export class PickedBatch implements Batch {
  readonly size: number
  declare readonly position?: Position
  readonly #base: Batch
  readonly #indexes: readonly number[]

  constructor(base: Batch, indexes: readonly number[]) {
    this.size = indexes.length
    this.#base = base
    this.#indexes = indexes
    if (base.position !== undefined) this.position = base.position
  }

  get identified(): number | undefined {
    const { size, identified } = this.#base
    if (identified === 0) return 0
    return identified === size ? this.size : undefined
  }

  get byteLength(): number {
    const { size, byteLength } = this.#base
    return size === 0 ? 0 : Math.ceil((byteLength / size) * this.size)
  }

  value(index: number): unknown {
    return this.#base.value(this.#at(index))
  }

  bytes(index: number): Uint8Array {
    return this.#base.bytes(this.#at(index))
  }

  text(index: number): string | undefined {
    return this.#base.text?.(this.#at(index))
  }

  values(): readonly unknown[] {
    return Array.from({ length: this.size }, (_, index) => this.value(index))
  }

  meta(index: number): Meta {
    return this.#base.meta(this.#at(index))
  }

  #at(index: number): number {
    const at = this.#indexes[index]
    if (at === undefined) throw new RangeError(`no message ${index} in a batch of ${this.size}`)
    return at
  }
}

/** Another batch with other values. */
export class RevaluedBatch extends ValueBatch {
  readonly #base: Batch

  constructor(base: Batch, values: readonly unknown[]) {
    super(values, base.position, undefined)
    this.#base = base
  }

  override get identified(): number | undefined {
    return this.#base.identified
  }

  override meta(index: number): Meta {
    return this.#base.meta(index)
  }
}

/** Another batch of which something else is known, at a position of its own. */
export class LabelledBatch implements Batch {
  readonly size: number
  declare readonly position?: Position
  readonly #base: Batch
  readonly #metas: Metas

  constructor(base: Batch, metas: Metas, position: Position) {
    this.size = base.size
    this.#base = base
    this.#metas = metas
    if (position !== undefined) this.position = position
  }

  get byteLength(): number {
    return this.#base.byteLength
  }

  value(index: number): unknown {
    return this.#base.value(index)
  }

  bytes(index: number): Uint8Array {
    return this.#base.bytes(index)
  }

  text(index: number): string | undefined {
    return this.#base.text?.(index)
  }

  values(): readonly unknown[] {
    return this.#base.values()
  }

  meta(index: number): Meta {
    return metaIn(this.#metas, index)
  }
}
