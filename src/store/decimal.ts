/** A decimal number as it is, whatever its size: `0.digits × 10^point`, digits without zeros at either end. */
export interface Decimal {
  readonly negative: boolean
  /** Empty for zero. */
  readonly digits: string
  readonly point: number
}

/** What PostgreSQL's numeric holds: digits before the point, and behind it. */
const maxWhole = 131_072
const maxFraction = 16_383

const number = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?\s*$/

/** Reads `12`, `-1.50`, `.5`, `1e400`; undefined for anything that is no number. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = number.exec(text)
  if (match === null) return undefined
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  const all = whole + fraction
  if (all === '') return undefined
  const significant = all.replace(/^0+/, '')
  const digits = significant.replace(/0+$/, '')
  if (digits === '') return { negative: false, digits, point: 0 }
  return { negative: sign === '-', digits, point: whole.length - (all.length - significant.length) + Number(exponent) }
}

/** The canonical text: no exponent, no zeros that say nothing. Undefined when it is larger than a numeric may be. */
export function formatDecimal({ negative, digits, point }: Decimal): string | undefined {
  if (digits === '') return '0'
  if (point > maxWhole || digits.length - point > maxFraction) return undefined
  const sign = negative ? '-' : ''
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  if (point >= digits.length) return sign + digits.padEnd(point, '0')
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
}

/** Rounded half away from zero, with exactly `scale` digits behind the point; undefined when `precision` is too small. */
export function fitDecimal(value: Decimal, precision: number, scale: number): string | undefined {
  const rounded = round(value, scale)
  if (rounded.digits !== '' && rounded.point > precision - scale) return undefined
  const text = formatDecimal(rounded)
  if (text === undefined || scale === 0) return text
  const [whole = '0', fraction = ''] = text.split('.')
  return `${whole}.${fraction.padEnd(scale, '0')}`
}

function round(value: Decimal, scale: number): Decimal {
  const keep = value.point + scale
  if (value.digits.length <= keep) return value
  if (keep < 0) return { negative: false, digits: '', point: 0 }
  const kept = value.digits.slice(0, keep)
  const up = value.digits.charCodeAt(keep) >= 53
  const units = BigInt(kept === '' ? '0' : kept) + (up ? 1n : 0n)
  const rounded = parseDecimal(`${units}e${-scale}`)
  return {
    negative: value.negative && rounded?.digits !== '',
    digits: rounded?.digits ?? '',
    point: rounded?.point ?? 0,
  }
}

/** The integer a decimal is, when it is one and has at most `maxDigits` digits. */
export function integerOf({ negative, digits, point }: Decimal, maxDigits: number): bigint | undefined {
  if (digits === '') return 0n
  if (digits.length > point || point > maxDigits) return undefined
  return BigInt((negative ? '-' : '') + digits.padEnd(point, '0'))
}

/** The canonical decimal text of a finite double: its shortest digits, exponent expanded. */
export function doubleDecimal(value: number): string {
  const text = String(value)
  if (!text.includes('e')) return text
  return formatDecimal(parseDecimal(text) ?? { negative: false, digits: '', point: 0 }) ?? text
}

/** Text whose order is the numbers' order, of a canonical decimal. */
export function decimalOrder(text: string): string {
  const { negative, digits, point } = parseDecimal(text) ?? { negative: false, digits: '', point: 0 }
  if (digits === '') return '1'
  const key = String(point + 2_000_000) + digits
  // Of negative numbers the greater ones come first: every digit is turned round, and what is longer is less.
  return negative ? `0${key.replaceAll(/\d/g, (digit) => String(9 - Number(digit)))}~` : `2${key}`
}
