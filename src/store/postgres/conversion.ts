import type { ColumnType } from '../column-type.ts'
import { physicalType } from './column-types.ts'

/** A value as the wider type stores it; the same value that SQLite's conversion makes. */
export function conversion(expression: string, from: ColumnType, to: ColumnType): string {
  if (to.type === 'text') return toText(expression, from)
  // A cast of its own would round a double to 15 digits.
  if (from.type === 'double') return `${expression}::text::${physicalType(to)}`
  if (from.type === 'date') return `${expression}::timestamp AT TIME ZONE 'UTC'`
  return `${expression}::${physicalType(to)}`
}

function toText(expression: string, from: ColumnType): string {
  switch (from.type) {
    case 'double':
      return `${expression}::text::numeric::text`
    case 'date':
      return `to_char(${expression}, 'YYYY-MM-DD')`
    case 'timestamptz':
      return `to_char(${expression} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
    case 'json':
      // Outside of strings, the server puts a blank behind each comma and colon.
      return `regexp_replace(${expression}::text, '("(?:[^"\\\\]|\\\\.)*")|([:,]) ', '\\1\\2', 'g')`
    default:
      return `${expression}::text`
  }
}
