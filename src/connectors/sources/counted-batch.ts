import type { Batch, Meta } from '../../stream/batch.ts'

/** The payloads of one batch: values, and their bytes where they are known. */
export interface Payloads {
  readonly values: readonly unknown[]
  /** Of every one of them. */
  readonly bytes?: Uint8Array
}

/** The same payload again and again: a batch of it takes nothing for a message. The value must be JSON. */
export function samePayload(value: unknown): (size: number) => Payloads {
  const bytes = Buffer.from(JSON.stringify(value))
  let values: readonly unknown[] = []
  return (size) => {
    if (values.length !== size) values = Array.from({ length: size }, () => value)
    return { values, bytes }
  }
}

/** Messages that are told apart by their number: `start` is that of the first, the position is behind the last. */
export class CountedBatch implements Batch {
  readonly size: number
  readonly position: number
  readonly #start: number
  readonly #payloads: Payloads
  #bytes: (Uint8Array | undefined)[] | undefined

  constructor(payloads: Payloads, start: number, size: number) {
    this.size = size
    this.position = start + size
    this.#start = start
    this.#payloads = payloads
  }

  get identified(): number {
    return this.size
  }

  get byteLength(): number {
    const { bytes } = this.#payloads
    return this.size === 0 ? 0 : this.size * (bytes ?? this.bytes(0)).length
  }

  value(index: number): unknown {
    return this.#payloads.values[index]
  }

  bytes(index: number): Uint8Array {
    const { bytes, values } = this.#payloads
    if (bytes !== undefined) return bytes
    this.#bytes ??= Array.from({ length: this.size })
    const made = this.#bytes[index] ?? Buffer.from(JSON.stringify(values[index]))
    this.#bytes[index] = made
    return made
  }

  values(): readonly unknown[] {
    return this.#payloads.values
  }

  meta(index: number): Meta {
    return { id: String(this.#start + index) }
  }
}
