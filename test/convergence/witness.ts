import type { Home } from '../store/homes.ts'

/** A table by the database's own word. */
export interface SeenTable {
  /** `type` or `type key` or `type required`, by column. */
  readonly columns: ReadonlyMap<string, string>
  /** `name: columns`, those of the primary key apart. */
  readonly indexes: readonly string[]
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}

/** Everything in the database but Hermes' own tables. */
export async function seenTables(home: Home): Promise<Map<string, SeenTable>> {
  const sql =
    home.dialect === 'sqlite'
      ? `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'hermes%' AND name NOT LIKE 'sqlite%'`
      : `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname NOT LIKE 'hermes%'`
  const tables = new Map<string, SeenTable>()
  for (const { name } of await home.witness(sql)) tables.set(String(name), await seenTable(home, String(name)))
  return tables
}

async function seenTable(home: Home, table: string): Promise<SeenTable> {
  const columns = await home.witness(home.dialect === 'sqlite' ? sqliteColumns(table) : postgresColumns(table))
  const indexes = await home.witness(home.dialect === 'sqlite' ? sqliteIndexes(table) : postgresIndexes(table))
  return {
    columns: new Map(columns.map(({ name, type, place }) => [String(name), `${String(type)}${String(place)}`])),
    indexes: indexes.map(({ name, columns: over }) => `${String(name)}: ${String(over)}`).toSorted(),
    rows: await home.witness(`SELECT * FROM "${table}"`),
  }
}

function sqliteColumns(table: string): string {
  return `SELECT name, type, CASE WHEN pk > 0 THEN ' key' WHEN "notnull" THEN ' required' ELSE '' END AS place FROM pragma_table_info('${table}')`
}

function postgresColumns(table: string): string {
  return `SELECT attname AS name, format_type(atttypid, atttypmod) AS type, CASE
      WHEN EXISTS (SELECT 1 FROM pg_index WHERE indrelid = attrelid AND indisprimary AND attnum = ANY (indkey)) THEN ' key'
      WHEN attnotnull THEN ' required' ELSE '' END AS place
    FROM pg_attribute WHERE attrelid = '"${table}"'::regclass AND attnum > 0 AND NOT attisdropped`
}

function sqliteIndexes(table: string): string {
  return `SELECT l.name, (SELECT group_concat(name) FROM (SELECT name FROM pragma_index_info(l.name) ORDER BY seqno)) AS columns
    FROM pragma_index_list('${table}') AS l WHERE l.origin <> 'pk'`
}

function postgresIndexes(table: string): string {
  return `SELECT i.relname AS name, (SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = i.oid) AS columns
    FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
    WHERE x.indrelid = '"${table}"'::regclass AND NOT x.indisprimary`
}

/** A value in one spelling for every type that holds it: digits, dates and JSON as text without choices. */
export function spelled(value: unknown, type: string): string | null {
  if (value === null || value === undefined) return null
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (type.startsWith('BOOLEAN')) return Number(value) === 1 ? 'true' : 'false'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  if (/^-?\d+\.\d+$/.test(text)) return text.replace(/\.?0+$/, '')
  if (/^\d{4}-\d{2}-\d{2}([T ].*)?$/.test(text)) return moment(text)
  return text.startsWith('[') ? text.replaceAll(' ', '') : text
}

function moment(text: string): string {
  const iso = text.replace(' ', 'T').replace(/\+00$/, 'Z')
  return new Date(iso).toISOString()
}
