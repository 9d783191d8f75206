import { rawNumber } from '../../lossless-json.ts'
import { FieldFault } from './field-fault.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const mostEmptyItems = 10_000

/** Reads a binary message from its start to its end; throws `FieldFault` for what is not there or not whole. */
export class ByteCursor {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #items = 0
  at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get left(): number {
    return this.#bytes.length - this.at
  }

  /**
   * Takes note of so many items that follow. Items mostly take a byte or more; those that take none, such as nulls, must
   * not make more of a message than memory holds.
   */
  announce(items: number): void {
    this.#items += items
    if (this.#items > Math.max(this.#bytes.length, mostEmptyItems)) {
      throw new FieldFault(`announces ${items} items, more than the message has bytes`)
    }
  }

  byte(): number {
    const byte = this.#bytes[this.at]
    if (byte === undefined) throw new FieldFault('ends too early')
    this.at += 1
    return byte
  }

  /** A base-128 integer of up to 64 bits, lowest group first, unsigned. */
  varint(): bigint {
    let low = 0
    // Six groups are 42 bits, which a double adds up: BigInts cost more.
    for (let group = 0; group < 6; group++) {
      const byte = this.byte()
      low += (byte & 127) * 2 ** (7 * group)
      if (byte < 128) return BigInt(low)
    }
    let value = BigInt(low)
    for (let group = 6n; group < 10n; group++) {
      const byte = this.byte()
      value |= BigInt(byte & 127) << (7n * group)
      if (byte < 128) {
        if (value > 0xffff_ffff_ffff_ffffn) break
        return value
      }
    }
    throw new FieldFault('has an integer of more than 64 bits')
  }

  float(): number | string {
    return jsonNumber(this.#view.getFloat32(this.#take(4), true), 4)
  }

  double(): number | string {
    return jsonNumber(this.#view.getFloat64(this.#take(8), true), 8)
  }

  fixed32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  fixed64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true)
  }

  /** So many bytes; not a copy. */
  bytes(count: number): Uint8Array {
    const start = this.#take(count)
    return this.#bytes.subarray(start, start + count)
  }

  /** So many bytes of UTF-8. */
  text(count: number): string {
    const bytes = this.bytes(count)
    try {
      return decoder.decode(bytes)
    } catch {
      throw new FieldFault('is not UTF-8')
    }
  }

  #take(count: number): number {
    if (count > this.left) throw new FieldFault(`ends too early: ${count} bytes are announced, ${this.left} are left`)
    const start = this.at
    this.at += count
    return start
  }
}

/** What JSON has no number for is text, as in protobuf's mapping to JSON. A float has its own shortest digits. */
function jsonNumber(value: number, size: 4 | 8): number | string {
  if (!Number.isFinite(value)) return String(value)
  return size === 8 ? value : shortestFloat(value)
}

function shortestFloat(value: number): number {
  for (let digits = 6; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return value
}

/** An integer as parsed JSON has it: a number where that is exact, else its digits. */
export function plainInteger(value: bigint): unknown {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : rawNumber(String(value))
}

/** `0 → 0, 1 → -1, 2 → 1, …` */
export function zigzag(value: bigint): bigint {
  return (value >> 1n) ^ -(value & 1n)
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
