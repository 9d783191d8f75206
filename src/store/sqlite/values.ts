import type { SqlValue } from '../database.ts'
import { plainInteger } from '../plain-integer.ts'

export type Bound = null | number | bigint | string | Uint8Array

/**
 * A value as `node:sqlite` has to be given it: integers as BigInt, because a number is bound as REAL and an untyped
 * place would keep it so; booleans as 0 and 1.
 */
export function bindable(value: SqlValue): Bound {
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (typeof value === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value
  if (value === null || typeof value === 'string' || typeof value === 'bigint') return value
  if (value instanceof Uint8Array) return value
  throw new TypeError(`a ${Object.prototype.toString.call(value)} cannot be bound to a statement`)
}

/** Turns the BigInts of a row into numbers where that loses nothing; in place. */
export function plainIntegers(row: Record<string, unknown>): Record<string, unknown> {
  for (const name in row) {
    const value = row[name]
    if (typeof value === 'bigint') row[name] = plainInteger(value)
  }
  return row
}
