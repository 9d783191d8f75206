import type { Batch, Meta, Position } from './batch.ts'
import { type Metas, metaIn } from './metas.ts'

/** Parsed values; bytes are made of them when somebody asks. */
export class ValueBatch implements Batch {
  readonly size: number
  declare readonly position?: Position
  readonly #values: readonly unknown[]
  readonly #metas: Metas | undefined
  #bytes: (Uint8Array | undefined)[] | undefined
  #byteLength: number | undefined
  /** The messages before this one were given as text. */
  #told = 0

  constructor(values: readonly unknown[], position: Position, metas: Metas | undefined) {
    this.size = values.length
    this.#values = values
    this.#metas = metas
    if (position !== undefined) this.position = position
  }

  get identified(): number | undefined {
    return this.#metas === undefined ? 0 : undefined
  }

  get byteLength(): number {
    this.#byteLength ??= estimate(this)
    return this.#byteLength
  }

  value(index: number): unknown {
    return this.#values[index]
  }

  bytes(index: number): Uint8Array {
    this.#bytes ??= []
    const made = this.#bytes[index] ?? Buffer.from(JSON.stringify(this.#values[index]))
    this.#bytes[index] = made
    return made
  }

  /** For the first who asks: where several do, each would make it anew, and the second makes bytes for all others. */
  text(index: number): string | undefined {
    if (index < this.#told || this.#bytes?.[index] !== undefined) return undefined
    this.#told = index + 1
    return JSON.stringify(this.#values[index])
  }

  values(): readonly unknown[] {
    return this.#values
  }

  meta(index: number): Meta {
    return metaIn(this.#metas, index)
  }
}

/** So many values are made bytes for an estimate. */
const SAMPLES = 4

function estimate(batch: Pick<Batch, 'size' | 'bytes'>): number {
  const step = Math.max(1, Math.floor(batch.size / SAMPLES))
  let length = 0
  let count = 0
  for (let index = 0; index < batch.size; index += step) {
    length += batch.bytes(index).length
    count += 1
  }
  return count === 0 ? 0 : Math.ceil((length / count) * batch.size)
}
