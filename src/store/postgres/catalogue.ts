import type { Database } from '../database.ts'
import { isOwnIndex } from '../index-name.ts'
import type { ActualColumn, ActualTable } from '../table-shape.ts'
import { textList } from '../text-list.ts'
import { logicalType } from './column-types.ts'

/** A row of the catalogue query: a column of a table, or an index on it. */
interface CatalogueRow {
  readonly part: 'column' | 'index'
  readonly tbl: string
  readonly kind: string
  readonly name: string
  readonly type: string
  readonly required: boolean
  readonly is_key: boolean
  readonly plain: boolean
  readonly columns: readonly string[]
}

type ColumnRow = Pick<CatalogueRow, 'tbl' | 'kind' | 'name' | 'type' | 'required'>
type IndexRow = Pick<CatalogueRow, 'tbl' | 'name' | 'is_key' | 'plain' | 'columns'>

const here = `c.relnamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident(pg_catalog.current_schema()))`
const named = `${here} AND c.relname = ANY ($1::text[]::name[])`

/** Text is indexed by its bytes, so that its greatest value is the same everywhere. */
const ordered = `NOT EXISTS (
  SELECT FROM unnest(x.indkey::int2[], x.indcollation::oid[]) AS k (attnum, coll)
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
  WHERE a.atttypid = 'text'::regtype AND a.attname <> 'source_name' AND k.coll <> 'pg_catalog."C"'::regcollation)`

// One statement, so that columns and indexes are of the same moment.
const catalogueSql = `
SELECT 'column' AS part, c.relname::text AS tbl, a.attnum AS place, c.relkind::text AS kind, a.attname::text AS name,
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required,
       false AS is_key, false AS plain, '{}'::text[] AS columns
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
WHERE ${named} AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'index', c.relname::text, 0, '', i.relname::text, '', false, x.indisprimary,
       NOT x.indisunique AND x.indisvalid AND x.indpred IS NULL AND m.amname = 'btree' AND ${ordered},
       ARRAY(SELECT coalesce(a.attname::text, '') FROM unnest(x.indkey) WITH ORDINALITY AS k (attnum, place)
             LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
             ORDER BY k.place)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_index AS x ON x.indrelid = c.oid
JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_am AS m ON m.oid = i.relam
WHERE ${named}
ORDER BY tbl, place, name`

/** The tables of these names in the first schema of the search path, as the server's catalogue has them. */
export async function postgresShapes(
  database: Database,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, ActualTable>> {
  const rows = await database.query<CatalogueRow>(catalogueSql, [textList('postgres').value(names)], signal)
  const tables = Map.groupBy(rows, (row) => row.tbl)
  return new Map(
    [...tables].map(([name, parts]) => [
      name,
      shape(
        parts.filter(({ part }) => part === 'column'),
        parts.filter(({ part }) => part === 'index'),
      ),
    ]),
  )
}

/** The tables and views in the first schema of the search path, but for Hermes' own. */
export async function postgresNames(database: Database, signal?: AbortSignal): Promise<readonly string[]> {
  const sql = `SELECT c.relname::text AS name FROM pg_catalog.pg_class AS c
WHERE ${here} AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT starts_with(c.relname::text, 'hermes_')`
  return (await database.query<{ name: string }>(sql, [], signal)).map(({ name }) => name)
}

const dataTablesSql = `
SELECT c.relname::text AS name FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_attribute AS s ON s.attrelid = c.oid AND s.attname = 'source_name'
JOIN pg_catalog.pg_attribute AS t ON t.attrelid = c.oid AND t.attname = 'created_at'
WHERE ${named} AND c.relkind IN ('r', 'p') AND s.attnotnull AND t.attnotnull
  AND s.atttypid = 'pg_catalog.text'::regtype AND t.atttypid = 'pg_catalog.timestamptz'::regtype`

/** Those of the names that are data tables of ours, with both reserved columns. */
export async function postgresDataTables(
  database: Database,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlySet<string>> {
  const rows = await database.query<{ name: string }>(dataTablesSql, [textList('postgres').value(names)], signal)
  return new Set(rows.map(({ name }) => name))
}

function shape(columns: readonly ColumnRow[], indexes: readonly IndexRow[]): ActualTable {
  const name = columns[0]?.tbl ?? ''
  const key = indexes.find((row) => row.is_key)
  const sorted = indexes
    .filter((row) => !row.is_key)
    .map((row) => ({ row, own: row.plain ? isOwnIndex(name, row.name, row.columns) : undefined }))
  return {
    name,
    columns: columns.filter((row) => !isReserved(row.name)).map((row) => column(row, key?.columns ?? [])),
    key: (key?.columns ?? []).filter((each) => each !== 'source_name'),
    indexes: sorted.flatMap(({ row, own }) => (own === 'index' ? [row.columns.slice(1)] : [])),
    ours: hasReserved(columns),
    runIndex: sorted.some(({ own }) => own === 'run'),
    ...(key === undefined ? {} : { keyName: key.name }),
    ...(key !== undefined && key.columns[0] !== 'source_name' ? { strayKey: true } : {}),
    foreign: sorted.flatMap(({ row, own }) =>
      own === undefined ? [{ name: row.name, kind: 'index', columns: row.columns } as const] : [],
    ),
  }
}

function isReserved(name: string): boolean {
  return name === 'source_name' || name === 'created_at'
}

function hasReserved(columns: readonly ColumnRow[]): boolean {
  const has = (name: string, type: string) =>
    columns.some((row) => row.name === name && row.type === type && row.required && 'rp'.includes(row.kind))
  return has('source_name', 'text') && has('created_at', 'timestamp with time zone')
}

function column(row: ColumnRow, key: readonly string[]): ActualColumn {
  const type = logicalType(row.type)
  const required = row.required && !key.includes(row.name) ? { required: true } : {}
  return type === undefined
    ? { name: row.name, type: { type: 'text' }, foreignType: row.type, ...required }
    : { name: row.name, type, ...required }
}
