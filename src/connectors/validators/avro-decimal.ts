import { rawNumber } from '../../lossless-json.ts'

/** The number that Avro's logical type `decimal` writes as bytes: an integer, two's complement, big-endian, unscaled. */
export function decimalOf(bytes: Uint8Array, scale: number): unknown {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
  const unscaled = hex === '' ? 0n : BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex}`))
  const sign = unscaled < 0n ? '-' : ''
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  const whole = digits.slice(0, digits.length - scale)
  const text = scale === 0 ? `${sign}${whole}` : `${sign}${whole}.${digits.slice(-scale)}`
  return String(Number(text)) === text ? Number(text) : rawNumber(text)
}
