import { isRawNumber } from '../lossless-json.ts'
import { type Coercion, misfit } from './canonical.ts'
import { declaredCoercion, toBigint, toJson, toNumeric, toText, toUuid } from './coerce.ts'
import type { ColumnType } from './column-type.ts'
import { isDate, parseInstant } from './instant.ts'

/**
 * What an inferred column makes of values: those fit whose own type is the column's or a narrower one; json and text
 * take anything. Any other value is a misfit, and the column has to become wider.
 */
export function inferredCoercion(type: ColumnType): Coercion {
  if (type.type === 'numeric') return type.precision === undefined ? fitNumeric : fitScaled(type)
  return fits[type.type]
}

const toInteger = declaredCoercion({ type: 'integer' })

const fits = {
  text: toText,
  integer: (value) => (isNumber(value) ? toInteger(value) : misfit),
  bigint: (value) => (isNumber(value) ? toBigint(value) : misfit),
  double: fitDouble,
  boolean: (value) => (typeof value === 'boolean' ? (value ? 1 : 0) : misfit),
  date: (value) => (typeof value === 'string' && isDate(value) ? value : misfit),
  timestamptz: fitTimestamp,
  json: toJson,
  bytes: (value) => (value instanceof Uint8Array ? value : misfit),
  uuid: toUuid,
} satisfies Record<Exclude<ColumnType['type'], 'numeric'>, Coercion>

function isNumber(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'bigint' || isRawNumber(value)
}

function fitDouble(value: unknown): number | typeof misfit {
  if (typeof value === 'number' && Number.isFinite(value)) {
    return Number.isSafeInteger(value) || !Number.isInteger(value) ? value + 0 : misfit
  }
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : misfit
}

function fitNumeric(value: unknown): string | typeof misfit {
  return isNumber(value) ? toNumeric(value) : misfit
}

/** Nothing is rounded into a column that nobody declared. */
function fitScaled(type: ColumnType): Coercion {
  const scaled = declaredCoercion(type)
  return (value) => {
    const exact = fitNumeric(value)
    const fitted = exact === misfit ? misfit : scaled(value)
    return fitted !== misfit && toNumeric(fitted) === exact ? fitted : misfit
  }
}

function fitTimestamp(value: unknown): string | typeof misfit {
  if (value instanceof Date) return toText(value)
  if (typeof value !== 'string') return misfit
  return parseInstant(value, !isDate(value)) ?? misfit
}
