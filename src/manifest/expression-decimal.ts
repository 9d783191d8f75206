import { parseLossless } from '../lossless-json.ts'

/** Beyond these a number is refused: arithmetic on it would take time and memory without end. */
const maxDigits = 1_000
const maxExponent = 1_000

const jsonNumber = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/** A number in base ten, exact: `units` × 10^-`scale`; `scale` is never negative. */
export class Decimal {
  readonly units: bigint
  readonly scale: number

  constructor(units: bigint, scale: number) {
    this.units = units
    this.scale = scale
  }

  /** The nearest double. */
  valueOf(): number {
    return Number(this.toString())
  }

  /** As JSON writes numbers, without exponent and without zeros that say nothing. */
  toString(): string {
    const { units, scale } = this
    const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0')
    const whole = digits.slice(0, digits.length - scale)
    const fraction = digits.slice(digits.length - scale).replace(/0+$/, '')
    return `${units < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`
  }
}

/** Reads a JSON number; `undefined` for one of more than a thousand digits or an exponent beyond a thousand. */
export function parseDecimal(text: string): Decimal | undefined {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = jsonNumber.exec(text) ?? []
  const power = Number(exponent)
  if (whole === '' || text.length > maxDigits || Math.abs(power) > maxExponent) return undefined
  const units = BigInt(`${sign}${whole}${fraction}`)
  const scale = fraction.length - power
  return scale >= 0 ? new Decimal(units, scale) : new Decimal(units * 10n ** BigInt(-scale), 0)
}

/** The decimal that a number prints as; `undefined` for what is not finite. */
export function decimalOf(value: number | bigint): Decimal | undefined {
  return typeof value === 'bigint' ? new Decimal(value, 0) : parseDecimal(String(value))
}

/** A number where a double prints as the same, else a `RawNumber`. */
export function jsonNumberOf(decimal: Decimal): unknown {
  return parseLossless(decimal.toString())
}

export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale)
  return new Decimal(unitsAt(a, scale) + unitsAt(b, scale), scale)
}

export function multiplyDecimals(a: Decimal, b: Decimal): Decimal {
  return new Decimal(a.units * b.units, a.scale + b.scale)
}

/** Negative, zero or positive, as `a` is less than, equal to or greater than `b`. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.scale, b.scale)
  const left = unitsAt(a, scale)
  const right = unitsAt(b, scale)
  if (left === right) return 0
  return left < right ? -1 : 1
}

function unitsAt({ units, scale }: Decimal, wanted: number): bigint {
  return scale === wanted ? units : units * 10n ** BigInt(wanted - scale)
}
