import type { SqlValue } from './database.ts'

/** What a coercion answers when a value has no place in its column. */
export const misfit: unique symbol = Symbol('misfit')

/**
 * One form for every value, the same for each database:
 * text (storable) · integer, bigint (number where that is exact, else BigInt) · double (finite) · numeric (decimal text
 * without exponent; with a scale, exactly so many digits) · boolean (0 or 1) · date `YYYY-MM-DD` · timestamptz
 * `YYYY-MM-DDTHH:MM:SS.ffffffZ` · json (its text; for PostgreSQL also that in UTF-8) · bytes (Uint8Array) · uuid (lower case). NULL is null.
 */
export type Canonical = Exclude<SqlValue, boolean>

/** Turns a value (never null or undefined) into its column's canonical form. */
export type Coercion = (value: unknown) => Canonical | typeof misfit

/** A value as an error shows it: JSON, shortened to 80 characters. */
export function shown(value: unknown): string {
  const text = typeof value === 'bigint' ? String(value) : (tryJson(value) ?? 'a value that JSON does not hold')
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`
}

function tryJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}
