import type { Batch, Meta, Position } from './batch.ts'
import { type Metas, metaIn } from './metas.ts'

const unparsed = Symbol('unparsed')

/** Payloads as they came; the value of each is made once, when somebody asks. */
export class BytesBatch implements Batch {
  readonly size: number
  declare readonly position?: Position
  readonly #payloads: readonly Uint8Array[]
  readonly #metas: Metas | undefined
  readonly #parse: (bytes: Uint8Array) => unknown
  #values: unknown[] | undefined
  #byteLength: number | undefined

  constructor(
    payloads: readonly Uint8Array[],
    position: Position,
    metas: Metas | undefined,
    parse: (bytes: Uint8Array) => unknown,
  ) {
    this.size = payloads.length
    this.#payloads = payloads
    this.#metas = metas
    this.#parse = parse
    if (position !== undefined) this.position = position
  }

  get identified(): number | undefined {
    return this.#metas === undefined ? 0 : undefined
  }

  get byteLength(): number {
    this.#byteLength ??= this.#payloads.reduce((sum, payload) => sum + payload.length, 0)
    return this.#byteLength
  }

  value(index: number): unknown {
    this.#values ??= Array.from({ length: this.size }, () => unparsed)
    const known = this.#values[index]
    if (known !== unparsed) return known
    const parsed = this.#parse(this.bytes(index))
    this.#values[index] = parsed
    return parsed
  }

  bytes(index: number): Uint8Array {
    const payload = this.#payloads[index]
    if (payload === undefined) throw new RangeError(`no message ${index} in a batch of ${this.size}`)
    return payload
  }

  values(): readonly unknown[] {
    return Array.from({ length: this.size }, (_, index) => this.value(index))
  }

  meta(index: number): Meta {
    return metaIn(this.#metas, index)
  }
}
