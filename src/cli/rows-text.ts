import { isRawNumber } from '../lossless-json.ts'
import type { Output } from './environment.ts'
import { type Cell, formatTable } from './table.ts'

/** Rows of data as a table, their fields as columns in the order they first appear. */
export function rowsText(rows: readonly Record<string, unknown>[], output: Output): string {
  if (rows.length === 0) return 'no rows\n'
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const columns = names.map((title) => ({ title, shrinks: true, ...(isNumeric(rows, title) ? right : {}) }))
  return formatTable(
    columns,
    rows.map((row) => names.map((name) => valueCell(row[name]))),
    output,
  )
}

const right = { align: 'right' } as const

function isNumeric(rows: readonly Record<string, unknown>[], name: string): boolean {
  const values = rows.map((row) => row[name]).filter((value) => value !== null && value !== undefined)
  if (values.length === 0) return false
  return values.every((value) => typeof value === 'number' || typeof value === 'bigint' || isRawNumber(value))
}

function valueCell(value: unknown): Cell {
  if (value === undefined) return undefined
  if (value === null) return { text: 'null', style: 'dim' }
  if (typeof value === 'string') return value === '' ? '""' : value
  if (isRawNumber(value)) return value.rawJSON
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value)
}
