import type { Database } from '../database.ts'
import { isOwnIndex } from '../index-name.ts'
import type { ActualColumn, ActualTable, ForeignObject } from '../table-shape.ts'
import { logicalType, physicalType } from './column-types.ts'
import { folded } from './ddl.ts'

/** A row of the catalogue query: a column of a table, one column of an index on it, or a trigger. */
interface CatalogueRow {
  readonly part: 'column' | 'index' | 'trigger'
  readonly tbl: string
  readonly kind: string
  readonly name: string
  readonly type: string
  readonly required: number
  readonly place: number
  readonly origin: string
  readonly plain: number
  readonly col: string | null
  readonly sql: string | null
}

type ColumnRow = Pick<CatalogueRow, 'tbl' | 'kind' | 'name' | 'type' | 'required' | 'place'>
type IndexRow = Pick<CatalogueRow, 'tbl' | 'name' | 'origin' | 'plain' | 'col' | 'sql'>
type TriggerRow = Pick<CatalogueRow, 'tbl' | 'name' | 'sql'>

const named = `(SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view') AND lower(name) IN (SELECT value FROM json_each(?1)))`

// One statement, so that columns, indexes and triggers are of the same moment.
const catalogueSql = `
SELECT 'column' AS part, m.name AS tbl, m.type AS kind, c.name AS name, c.type AS type, c."notnull" AS required,
       c.pk AS place, '' AS origin, 0 AS plain, NULL AS col, NULL AS sql
FROM ${named} AS m, pragma_table_xinfo(m.name) AS c
UNION ALL
SELECT 'index', m.name, '', i.name, '', 0, c.seqno, i.origin, i."unique" = 0 AND i.partial = 0, c.name, s.sql
FROM ${named} AS m, pragma_index_list(m.name) AS i, pragma_index_info(i.name) AS c
LEFT JOIN sqlite_schema AS s ON s.type = 'index' AND s.name = i.name AND i.origin = 'c'
UNION ALL
SELECT 'trigger', tbl_name, '', name, '', 0, 0, '', 0, NULL, sql FROM sqlite_schema
WHERE type = 'trigger' AND lower(tbl_name) IN (SELECT value FROM json_each(?1))`

/** The tables of these names as the file's own catalogue has them, by the name asked for; case has no meaning. */
export async function sqliteShapes(
  database: Database,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, ActualTable>> {
  const wanted = [JSON.stringify(names.map(folded))]
  const rows = await database.query<CatalogueRow>(catalogueSql, wanted, signal)
  const tables = Map.groupBy(rows, (row) => folded(row.tbl))
  return new Map(
    names.flatMap((name) => {
      const parts = Map.groupBy(tables.get(folded(name)) ?? [], ({ part }) => part)
      const columns = parts.get('column')
      if (columns === undefined) return []
      return [[name, shape(columns, parts.get('index') ?? [], parts.get('trigger') ?? [])] as const]
    }),
  )
}

/** The tables and views in the file, but for SQLite's and Hermes' own. */
export async function sqliteNames(database: Database, signal?: AbortSignal): Promise<readonly string[]> {
  const sql = `SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT GLOB 'sqlite_*' AND name NOT GLOB 'hermes_*'`
  return (await database.query<{ name: string }>(sql, [], signal)).map(({ name }) => name)
}

const reserved = (name: string, type: string): string =>
  `EXISTS (SELECT 1 FROM pragma_table_xinfo(m.name) AS c WHERE c.name = '${name}' AND upper(c.type) = '${type}' AND c."notnull" = 1)`

const dataTablesSql = `
SELECT m.name FROM ${named} AS m
WHERE m.type = 'table' AND ${reserved('source_name', physicalType({ type: 'text' }))}
  AND ${reserved('created_at', physicalType({ type: 'timestamptz' }))}`

/** Those of the names that are data tables of ours, with both reserved columns. */
export async function sqliteDataTables(
  database: Database,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlySet<string>> {
  const rows = await database.query<{ name: string }>(dataTablesSql, [JSON.stringify(names.map(folded))], signal)
  const found = new Set(rows.map(({ name }) => folded(name)))
  return new Set(names.filter((name) => found.has(folded(name))))
}

function shape(
  columns: readonly ColumnRow[],
  indexes: readonly IndexRow[],
  triggers: readonly TriggerRow[],
): ActualTable {
  const name = columns[0]?.tbl ?? ''
  const places = columns.filter((row) => row.place > 0).toSorted((a, b) => a.place - b.place)
  const stray = places.length > 0 && places[0]?.name !== 'source_name'
  const found = Map.groupBy(
    indexes.filter((row) => row.origin !== 'pk'),
    (row) => row.name,
  )
  const sorted = [...found.values()].map((rows) => sortIndex(name, rows))
  return {
    name,
    columns: columns.filter((row) => !isReserved(row.name)).map(column),
    key: places.map((row) => row.name).filter((each) => each !== 'source_name'),
    indexes: sorted.flatMap((each) => (each.own === 'index' ? [each.columns.slice(1)] : [])),
    ours: columns[0]?.kind === 'table' && hasReserved(columns),
    runIndex: sorted.some((each) => each.own === 'run'),
    ...(stray ? { strayKey: true } : {}),
    foreign: [
      ...sorted.flatMap((each) => (each.own === undefined ? [each.foreign] : [])),
      ...triggers.map((each) => ({ name: each.name, kind: 'trigger', columns: [], sql: each.sql ?? '' }) as const),
    ],
  }
}

function isReserved(name: string): boolean {
  return name === 'source_name' || name === 'created_at'
}

function hasReserved(columns: readonly ColumnRow[]): boolean {
  const has = (name: string, type: string) =>
    columns.some((row) => row.name === name && row.type.toUpperCase() === type && row.required === 1)
  return has('source_name', physicalType({ type: 'text' })) && has('created_at', physicalType({ type: 'timestamptz' }))
}

function column(row: ColumnRow): ActualColumn {
  const type = logicalType(row.type)
  const required = row.required === 1 && row.place === 0 ? { required: true } : {}
  return type === undefined
    ? { name: row.name, type: { type: 'text' }, foreignType: row.type, ...required }
    : { name: row.name, type, ...required }
}

function sortIndex(
  table: string,
  rows: readonly IndexRow[],
): { own: 'run' | 'index' | undefined; columns: string[]; foreign: ForeignObject } {
  const first = rows[0]
  const name = first?.name ?? ''
  const columns = rows.map((row) => row.col ?? '')
  const own = first?.plain === 1 ? isOwnIndex(table, name, columns) : undefined
  const sql = first?.sql ?? undefined
  return { own, columns, foreign: { name, kind: 'index', columns, ...(sql === undefined ? {} : { sql }) } }
}
