import { HermesError } from '../errors.ts'
import type { Row } from './database.ts'

/** A key column's place in the rows. */
export interface KeyPlace {
  readonly name: string
  readonly index: number
}

/** Throws `key_missing` for a row without a value in its key; `first` is the number of the first record. */
export function requireKeys(rows: readonly Row[], key: readonly KeyPlace[], first: number): void {
  for (const { name, index } of key) {
    const missing = rows.findIndex((row) => row[index] === null || row[index] === undefined)
    if (missing >= 0) throw new HermesError('key_missing', `record ${first + missing} has no value in ${name}`)
  }
}

/** Of the rows that share a key only the last, or the first; a database refuses one key twice in one statement. */
export function uniqueRows(rows: readonly Row[], key: readonly KeyPlace[], keep: 'first' | 'last'): readonly Row[] {
  if (key.length === 0) return rows
  const byKey = new Map<unknown, Row>()
  for (const row of rows) {
    const value = keyOf(row, key)
    if (keep === 'last' || !byKey.has(value)) byKey.set(value, row)
  }
  return byKey.size === rows.length ? rows : [...byKey.values()]
}

/** Canonical values are equal when their texts are, within a column. */
function keyOf(row: Row, key: readonly KeyPlace[]): unknown {
  const [only] = key
  if (key.length === 1 && only !== undefined) return part(row, only)
  // Text holds no U+0000: the parts cannot run into each other.
  return key.map((place) => String(part(row, place))).join('\0')
}

function part(row: Row, { index }: KeyPlace): unknown {
  const value = row[index]
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
}
