import type { Database, SqlValue, Statement } from './database.ts'
import { literal } from './sql-text.ts'

/** The sign before a parameter's number: `$1`, `?1`. */
export function parameterSign(dialect: Database['dialect']): string {
  return dialect === 'sqlite' ? '?' : '$'
}

/** A statement with its values written into it, as a text of several statements needs it. */
export function inlined({ sql, values }: Statement): string {
  return sql.replaceAll(/[$?](\d+)/g, (_all, place: string) => valueText(values[Number(place) - 1] ?? null))
}

function valueText(value: SqlValue): string {
  if (value === null) return 'NULL'
  if (typeof value === 'string') return literal(value)
  if (value instanceof Uint8Array) throw new TypeError('bytes have no text that is the same on both databases')
  return String(value)
}
