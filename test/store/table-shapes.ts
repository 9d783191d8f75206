import { expect } from 'vitest'
import { type ColumnType, parseColumnType } from '../../src/store/column-type.ts'
import type { Store } from '../../src/store/store.ts'
import type { TableShape, TableStep } from '../../src/store/table-shape.ts'
import type { Home } from './databases.ts'

export function typeOf(text: string): ColumnType {
  const type = parseColumnType(text)
  if (type === undefined) throw new Error(`${text} is no column type`)
  return type
}

/** `shapeOf('prices', { day: 'date' }, { key: ['day'] })` */
export function shapeOf(name: string, columns: Record<string, string>, rest: Partial<TableShape> = {}): TableShape {
  const parsed = Object.entries(columns).map(([column, text]) => ({ name: column, type: typeOf(text) }))
  return { name, columns: parsed, key: [], indexes: [], ...rest }
}

export interface PlanOptions {
  readonly retired?: readonly string[]
  readonly rows?: number
}

/** The steps from what is there to `desired`; nothing is changed. */
export async function planFor(
  store: Store,
  desired: TableShape,
  options: PlanOptions = {},
): Promise<readonly TableStep[]> {
  const actual = (await store.tables.shapes([desired.name])).get(desired.name)
  const { retired = [], ...rest } = options
  return store.tables.plan(desired, actual, { retired: new Set(retired), ...rest })
}

/** Plans, carries the steps out, and sees that nothing is left to do. */
export async function converge(
  store: Store,
  desired: TableShape,
  options?: PlanOptions,
): Promise<readonly TableStep[]> {
  const steps = await planFor(store, desired, options)
  for (const step of steps) await store.tables.execute(step.sql, AbortSignal.timeout(10_000))
  expect(await planFor(store, desired, options)).toEqual([])
  return steps
}

/** `name type[ not null]` of each column, in order, by the database's own catalogue. */
export async function catalogueColumns(home: Home, table: string): Promise<string[]> {
  const sqlite = `SELECT name || ' ' || type || CASE "notnull" WHEN 1 THEN ' not null' ELSE '' END AS line FROM pragma_table_info(?) ORDER BY cid`
  const postgres = `SELECT attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END AS line
    FROM pg_attribute WHERE attrelid = quote_ident($1)::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`
  const rows = await home.witness(home.dialect === 'sqlite' ? sqlite : postgres, [table])
  return rows.map((row) => String(row['line']))
}

/** `name(column, …)` of each index, the primary key's as `key(…)`, sorted, by the database's own catalogue. */
export async function catalogueIndexes(home: Home, table: string): Promise<string[]> {
  const sqlite = `SELECT CASE i.origin WHEN 'pk' THEN 'key' ELSE i.name END AS name, c.name AS col
    FROM pragma_index_list(?) AS i, pragma_index_info(i.name) AS c ORDER BY i.name, c.seqno`
  const postgres = `SELECT CASE WHEN x.indisprimary THEN 'key' ELSE x.indexrelid::regclass::text END AS name, a.attname AS col
    FROM pg_index x, unnest(x.indkey) WITH ORDINALITY k (num, place) JOIN pg_attribute a ON a.attnum = k.num
    WHERE x.indrelid = quote_ident($1)::regclass AND a.attrelid = x.indrelid ORDER BY 1, k.place`
  const rows = await home.witness(home.dialect === 'sqlite' ? sqlite : postgres, [table])
  const indexes = Map.groupBy(rows, (row) => String(row['name']).replaceAll('"', ''))
  return [...indexes]
    .map(([name, columns]) => `${name}(${columns.map((row) => String(row['col'])).join(', ')})`)
    .toSorted()
}
