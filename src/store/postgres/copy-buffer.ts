import { daysOf, twoDigits } from '../instant.ts'

/** Grows as it is written; big-endian, as the server's binary formats are. */
export class CopyBuffer {
  #bytes: Buffer
  #view: DataView
  length = 0

  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }

  /** What was written; valid until the next write. */
  bytes(): Buffer {
    return this.#bytes.subarray(0, this.length)
  }

  reserve(count: number): void {
    const needed = this.length + count
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.length)
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }

  int16(value: number): void {
    this.reserve(2)
    this.#view.setInt16(this.length, value)
    this.length += 2
  }

  int32(value: number): void {
    this.reserve(4)
    this.#view.setInt32(this.length, value)
    this.length += 4
  }

  /** Two halves of 64 bits; `high` times 2^32 plus `low`. */
  int64(high: number, low: number): void {
    this.reserve(8)
    this.#view.setInt32(this.length, high)
    this.#view.setUint32(this.length + 4, low)
    this.length += 8
  }

  bigInt64(value: bigint): void {
    this.reserve(8)
    this.#view.setBigInt64(this.length, value)
    this.length += 8
  }

  float64(value: number): void {
    this.reserve(8)
    this.#view.setFloat64(this.length, value)
    this.length += 8
  }

  byte(value: number): void {
    this.reserve(1)
    this.#view.setUint8(this.length, value)
    this.length += 1
  }

  raw(value: Uint8Array): void {
    this.reserve(value.length)
    this.#bytes.set(value, this.length)
    this.length += value.length
  }

  /** A field of UTF-8 text with its length; `head` is a byte in front of it. */
  text(value: string, head?: number): void {
    this.reserve(5 + value.length * 3)
    const start = this.length
    this.length += 4
    if (head !== undefined) this.byte(head)
    if (!this.#ascii(value)) this.length += this.#bytes.write(value, this.length, 'utf8')
    this.#view.setInt32(start, this.length - start - 4)
  }

  /** Short plain text is written faster here than by a call into the runtime. */
  #ascii(value: string): boolean {
    if (value.length > 24) return false
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index)
      if (code > 127) return false
      this.#bytes[this.length + index] = code
    }
    this.length += value.length
    return true
  }
}

const epochDays = daysOf('2000-01-01')

/** Days since 2000-01-01, as the server counts them. */
export function serverDays(date: string): number {
  return daysOf(date) - epochDays
}

const two32 = 4_294_967_296

/** A canonical moment as microseconds since 2000-01-01: beyond what a double counts, so in two halves. */
export function writeInstant(buffer: CopyBuffer, text: string): void {
  const clock = twoDigits(text, 11) * 3600 + twoDigits(text, 14) * 60 + twoDigits(text, 17)
  const seconds = serverDays(text) * 86_400 + clock
  const micros = twoDigits(text, 20) * 10_000 + twoDigits(text, 22) * 100 + twoDigits(text, 24)
  const upper = Math.floor(seconds / 65_536)
  const product = upper * 1_000_000
  const high = Math.floor(product / 65_536)
  const rest = (product - high * 65_536) * 65_536 + (seconds - upper * 65_536) * 1_000_000 + micros
  const carry = Math.floor(rest / two32)
  buffer.int64(high + carry, rest - carry * two32)
}

export function writeInteger(buffer: CopyBuffer, value: number | bigint): void {
  if (typeof value === 'bigint') return buffer.bigInt64(value)
  const high = Math.floor(value / two32)
  buffer.int64(high, value - high * two32)
}

/** A canonical decimal as a numeric field: groups of four digits around the point. */
export function writeNumeric(buffer: CopyBuffer, text: string): void {
  const negative = text.charCodeAt(0) === 45
  const point = text.indexOf('.')
  const whole = text.slice(negative ? 1 : 0, point < 0 ? text.length : point)
  const fraction = point < 0 ? '' : text.slice(point + 1)
  const lead = (4 - (whole.length % 4)) % 4
  const digits = '0'.repeat(lead) + whole + fraction + '0'.repeat((4 - (fraction.length % 4)) % 4)
  let first = 0
  let last = digits.length / 4
  const group = (index: number): number => Number(digits.slice(index * 4, index * 4 + 4))
  while (first < last && group(first) === 0) first++
  while (last > first && group(last - 1) === 0) last--
  const weight = (lead + whole.length) / 4 - 1 - first
  buffer.int32(8 + 2 * (last - first))
  buffer.int16(last - first)
  buffer.int16(first === last ? 0 : weight)
  buffer.int16(negative && first < last ? 0x4000 : 0)
  buffer.int16(fraction.length)
  for (let index = first; index < last; index++) buffer.int16(group(index))
}
