import type { DatabaseSync } from 'node:sqlite'
import { decimalOrder, doubleDecimal } from '../decimal.ts'
import { jsonbText } from './jsonb-text.ts'

/** SQL functions that a change of column types needs; they give the values that PostgreSQL's conversions give. */
export function registerFunctions(db: DatabaseSync): void {
  const options = { deterministic: true }
  db.function('hermes_decimal', options, (value) => (typeof value === 'number' ? doubleDecimal(value) : null))
  db.function('hermes_decimal_order', options, (value) => (typeof value === 'string' ? decimalOrder(value) : null))
  db.function('hermes_json', options, (value) => (typeof value === 'string' ? jsonbText(value) : null))
}
