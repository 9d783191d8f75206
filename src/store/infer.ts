import { isRawNumber } from '../lossless-json.ts'
import type { ColumnType } from './column-type.ts'
import { type Decimal, formatDecimal, integerOf, parseDecimal } from './decimal.ts'
import { isDate, parseInstant } from './instant.ts'

/** What values there are in a field, as a set of bits: union is `|`, and order cannot matter. */
export type Kinds = number

export const kinds = {
  none: 0,
  boolean: 1,
  /** An integer within ±2^53, which a double holds. */
  integer: 2,
  /** An integer of 64 bits beyond that. */
  long: 4,
  /** An integer beyond 64 bits. */
  huge: 8,
  /** A decimal that a double holds as it is written. */
  double: 16,
  /** A decimal with more digits than a double holds. */
  decimal: 32,
  date: 64,
  instant: 128,
  text: 256,
  json: 512,
  bytes: 1024,
} as const

const integers = kinds.integer | kinds.long | kinds.huge
const beyondDouble = kinds.long | kinds.huge | kinds.decimal
const numbers = integers | kinds.double | kinds.decimal

/** The kind of one value; nothing for null and absence. */
export function kindOf(value: unknown): Kinds {
  switch (typeof value) {
    case 'string':
      return stringKind(value)
    case 'number':
      return numberKind(value)
    case 'boolean':
      return kinds.boolean
    case 'bigint':
      return integerKind(value)
    case 'object':
      return value === null ? kinds.none : objectKind(value)
    default:
      return kinds.none
  }
}

function stringKind(text: string): Kinds {
  const first = text.charCodeAt(0)
  if (text.length < 10 || first < 48 || first > 57) return kinds.text
  if (isDate(text)) return kinds.date
  return parseInstant(text, true) === undefined ? kinds.text : kinds.instant
}

function numberKind(value: number): Kinds {
  if (Number.isSafeInteger(value)) return kinds.integer
  if (!Number.isFinite(value)) return kinds.text
  return Number.isInteger(value) ? decimalKind(parseDecimal(String(value))) : kinds.double
}

function integerKind(value: bigint): Kinds {
  if (Number.isSafeInteger(Number(value))) return kinds.integer
  return value === BigInt.asIntN(64, value) ? kinds.long : kinds.huge
}

function objectKind(value: object): Kinds {
  if (isRawNumber(value)) return decimalKind(parseDecimal(value.rawJSON))
  if (value instanceof Uint8Array) return kinds.bytes
  return value instanceof Date ? kinds.instant : kinds.json
}

function decimalKind(decimal: Decimal | undefined): Kinds {
  if (decimal === undefined || formatDecimal(decimal) === undefined) return kinds.text
  if (decimal.digits.length > decimal.point) return kinds.decimal
  const integer = integerOf(decimal, 19)
  return integer === undefined ? kinds.huge : integerKind(integer)
}

/** The narrowest type that holds all of a set; undefined when there is nothing in it. */
export function typeOf(set: Kinds): ColumnType | undefined {
  if (set === kinds.none) return undefined
  if (set & kinds.json) return { type: 'json' }
  if ((set & ~numbers) === 0) return numberType(set)
  if (set === kinds.boolean) return { type: 'boolean' }
  if (set === kinds.date) return { type: 'date' }
  if (set === kinds.bytes) return { type: 'bytes' }
  return (set & ~(kinds.date | kinds.instant)) === 0 ? { type: 'timestamptz' } : { type: 'text' }
}

function numberType(set: Kinds): ColumnType {
  if ((set & ~integers) === 0) return { type: set & kinds.huge ? 'numeric' : 'bigint' }
  return { type: set & beyondDouble ? 'numeric' : 'double' }
}

const held = {
  text: kinds.text,
  integer: kinds.integer,
  bigint: kinds.integer,
  double: kinds.double,
  numeric: kinds.decimal,
  boolean: kinds.boolean,
  date: kinds.date,
  timestamptz: kinds.instant,
  json: kinds.json,
  bytes: kinds.bytes,
  uuid: kinds.text,
} satisfies Record<ColumnType['type'], Kinds>

/**
 * The type that an inferred column needs for more kinds of values. `long` tells whether a bigint column holds integers
 * beyond 2^53. Json and text have room for anything; where objects meet other stored values, both become text.
 */
export function widened(type: ColumnType, more: Kinds, long: boolean): ColumnType {
  if (type.type === 'json' || type.type === 'text') return type
  if (more & kinds.json) return { type: 'text' }
  return typeOf(held[type.type] | more | (long ? kinds.long : kinds.none)) ?? type
}
