import { isRawNumber } from '../lossless-json.ts'
import { type Coercion, misfit } from './canonical.ts'
import type { ColumnType } from './column-type.ts'
import { type Decimal, doubleDecimal, fitDecimal, formatDecimal, integerOf, parseDecimal } from './decimal.ts'
import { epochInstant, isDate, parseInstant, startsWithDate } from './instant.ts'
import { jsonText, storableText } from './json-text.ts'

/** What a declared column makes of values: whatever means the same in its type fits, nothing else does. */
export function declaredCoercion(type: ColumnType): Coercion {
  if (type.type !== 'numeric') return coercions[type.type]
  const { precision, scale } = type
  return precision === undefined ? toNumeric : (value) => toScaled(value, precision, scale ?? 0)
}

const coercions = {
  text: toText,
  integer: toInteger,
  bigint: toBigint,
  double: toDouble,
  boolean: toBoolean,
  date: toDate,
  timestamptz: toTimestamp,
  json: toJson,
  bytes: toBytes,
  uuid: toUuid,
} satisfies Record<Exclude<ColumnType['type'], 'numeric'>, Coercion>

export function toText(value: unknown): string | typeof misfit {
  switch (typeof value) {
    case 'string':
      return storableText(value)
    case 'number':
      return value === 0 ? '0' : doubleDecimal(value)
    case 'bigint':
    case 'boolean':
      return String(value)
    default:
      return objectText(value)
  }
}

function objectText(value: unknown): string | typeof misfit {
  if (isRawNumber(value)) return rawText(value.rawJSON)
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  if (value instanceof Date) return dateInstant(value)
  return toJson(value)
}

/** A number's digits without its exponent; one too large for that stays as it was written. */
function rawText(source: string): string {
  const decimal = parseDecimal(source)
  return (decimal === undefined ? undefined : formatDecimal(decimal)) ?? source
}

function dateInstant(value: Date): string | typeof misfit {
  return Number.isNaN(value.getTime()) ? misfit : (parseInstant(value.toISOString(), true) ?? misfit)
}

function toInteger(value: unknown): number | typeof misfit {
  const integer = toBigint(value)
  return typeof integer === 'number' && integer >= -2_147_483_648 && integer <= 2_147_483_647 ? integer : misfit
}

export function toBigint(value: unknown): number | bigint | typeof misfit {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value + 0
  const integer = typeof value === 'bigint' ? value : wholeNumber(value)
  if (integer === undefined || integer !== BigInt.asIntN(64, integer)) return misfit
  const number = Number(integer)
  return Number.isSafeInteger(number) ? number : integer
}

function wholeNumber(value: unknown): bigint | undefined {
  const decimal = decimalOf(value)
  return decimal === undefined ? undefined : integerOf(decimal, 19)
}

/** The decimal that a number, or text that writes one, is. */
function decimalOf(value: unknown): Decimal | undefined {
  switch (typeof value) {
    case 'string':
      return parseDecimal(value)
    case 'number':
    case 'bigint':
      return parseDecimal(String(value))
    default:
      return isRawNumber(value) ? parseDecimal(value.rawJSON) : undefined
  }
}

export function toDouble(value: unknown): number | typeof misfit {
  const number = typeof value === 'number' ? value : nearestDouble(value)
  return Number.isFinite(number) ? number + 0 : misfit
}

function nearestDouble(value: unknown): number {
  if (typeof value === 'bigint') return Number(value)
  const text = typeof value === 'string' ? value : isRawNumber(value) ? value.rawJSON : ''
  return parseDecimal(text) === undefined ? Number.NaN : Number(text)
}

export function toNumeric(value: unknown): string | typeof misfit {
  if (typeof value === 'number' && Number.isFinite(value)) return value === 0 ? '0' : doubleDecimal(value)
  const decimal = decimalOf(value)
  return (decimal === undefined ? undefined : formatDecimal(decimal)) ?? misfit
}

function toScaled(value: unknown, precision: number, scale: number): string | typeof misfit {
  const decimal = decimalOf(value)
  return (decimal === undefined ? undefined : fitDecimal(decimal, precision, scale)) ?? misfit
}

const truth = /^\s*(?:(true|t|yes|y|on|1)|(?:false|f|no|n|off|0))\s*$/i

function toBoolean(value: unknown): number | typeof misfit {
  if (typeof value === 'boolean') return value ? 1 : 0
  if (value === 1 || value === 1n) return 1
  if (value === 0 || value === 0n) return 0
  const match = typeof value === 'string' ? truth.exec(value) : null
  if (match === null) return misfit
  return match[1] === undefined ? 0 : 1
}

/** A day, or a moment at midnight as it is written: nothing may be lost. */
function toDate(value: unknown): string | typeof misfit {
  if (typeof value === 'string' && isDate(value)) return value
  const text = value instanceof Date ? toTimestamp(value) : value
  if (typeof text !== 'string' || parseInstant(text, false) === undefined) return misfit
  return startsWithDate(text) && /^.{10}[Tt ]00:00(?::00(?:[.,]0+)?)?(?!\d|:)/.test(text) ? text.slice(0, 10) : misfit
}

function toTimestamp(value: unknown): string | typeof misfit {
  if (typeof value === 'string') return parseInstant(value, false) ?? misfit
  if (typeof value === 'number') return epochInstant(value) ?? misfit
  if (value instanceof Date) return dateInstant(value)
  if (typeof value === 'bigint' || isRawNumber(value)) return epochInstant(nearestDouble(value)) ?? misfit
  return misfit
}

export function toJson(value: unknown): string | typeof misfit {
  return jsonText(value) ?? misfit
}

const base64 = /^(?:[A-Za-z0-9+/_-]{4})*(?:[A-Za-z0-9+/_-]{2}(?:==)?|[A-Za-z0-9+/_-]{3}=?)?$/
const hex = /^\\x(?:[0-9a-fA-F]{2})*$/

function toBytes(value: unknown): Uint8Array | typeof misfit {
  if (value instanceof Uint8Array) return value
  if (typeof value !== 'string') return misfit
  // Copied out of Buffer's shared pool, which would travel between threads as a whole.
  if (hex.test(value)) return new Uint8Array(Buffer.from(value.slice(2), 'hex'))
  return base64.test(value) ? new Uint8Array(Buffer.from(value, 'base64')) : misfit
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export function toUuid(value: unknown): string | typeof misfit {
  if (typeof value !== 'string') return misfit
  if (uuid.test(value)) return value.toLowerCase()
  if (!/^[0-9a-f]{32}$/i.test(value)) return misfit
  return value.toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
