import { parseLossless } from '../lossless-json.ts'
import type { ColumnType } from './column-type.ts'
import type { Database } from './database.ts'
import { readShapes } from './dialects.ts'
import { identifier, identifiers } from './sql-text.ts'
import type { Holding } from './store.ts'

/**
 * The first rows of a source by key, with the same values on both databases: booleans and JSON as such, decimals, dates
 * and times as text, integers exact, bytes as Uint8Array.
 */
export async function readRows(
  database: Database,
  { table, source }: Holding,
  limit: number,
): Promise<readonly Record<string, unknown>[]> {
  const shape = (await readShapes(database, [table])).get(table)
  if (shape?.ours !== true) return []
  const names = identifiers(['source_name', 'created_at', ...shape.columns.map((each) => each.name)])
  const order = shape.key.length === 0 ? 'created_at' : identifiers(shape.key)
  const at = database.dialect === 'sqlite' ? '?1' : '$1'
  const sql = `SELECT ${names} FROM ${identifier(shape.name)} WHERE source_name = ${at} ORDER BY source_name, ${order} LIMIT ${Math.trunc(limit)}`
  const rows = await database.query<Record<string, unknown>>(sql, [source])
  const types = new Map(shape.columns.map((each) => [each.name, each.type]))
  return rows.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, asSelected(value, types.get(name))])),
  )
}

function asSelected(value: unknown, type: ColumnType | undefined): unknown {
  if (type?.type === 'json' && typeof value === 'string') return parseLossless(value)
  if (type?.type === 'boolean' && typeof value === 'number') return value !== 0
  return value instanceof Uint8Array ? new Uint8Array(value) : value
}
