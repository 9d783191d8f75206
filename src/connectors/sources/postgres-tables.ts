import { HermesError } from '../../errors.ts'
import type { PostgresClient, TextRow } from '../postgres-client.ts'
import { identifier } from './postgres-names.ts'

/** A table that is followed. */
export interface FollowedTable {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly isPartitioned: boolean
  readonly isPermanent: boolean
  /** UPDATE and DELETE can be published. */
  readonly hasIdentity: boolean
  readonly isReadable: boolean
  /** Columns that tell its rows apart, in the order of their index; none when nothing does. */
  readonly key: readonly string[]
  /** Columns and rows that a publication of somebody else lets through; all when absent. */
  readonly columns?: readonly string[]
  readonly filter?: string
}

/** What stands for the key of a row: the replica identity's index, else the primary key. */
const keyColumns = `(SELECT pg_catalog.json_agg(a.attname ORDER BY k.n)
  FROM pg_catalog.pg_index i, pg_catalog.unnest(i.indkey) WITH ORDINALITY k(attnum, n), pg_catalog.pg_attribute a
  WHERE i.indrelid = c.oid AND k.n <= i.indnkeyatts AND a.attrelid = c.oid AND a.attnum = k.attnum
    AND CASE WHEN c.relreplident = 'i' THEN i.indisreplident ELSE i.indisprimary END)`

const columns = `c.oid, n.nspname, c.relname, c.relkind = 'p', c.relpersistence = 'p' AND c.relkind IN ('r', 'p'),
  c.relreplident, pg_catalog.has_table_privilege(c.oid, 'SELECT'), ${keyColumns}`

/** `public.orders` as SQL takes it. */
export function qualified({ schema, name }: Pick<FollowedTable, 'schema' | 'name'>): string {
  return `${identifier(schema)}.${identifier(name)}`
}

/** The tables of these names. Throws `connector_refused` for one that is not there. */
export async function tablesNamed(
  client: PostgresClient,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly FollowedTable[]> {
  const { rows } = await client.query(
    `SELECT w.name, ${columns}
     FROM pg_catalog.unnest($1::text[]) WITH ORDINALITY w(name, place)
     LEFT JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(w.name)
     LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     ORDER BY w.place`,
    signal,
    { values: [names] },
  )
  for (const [name, oid] of rows) {
    if (oid === null) throw new HermesError('connector_refused', `${client.name}: there is no table ${name}`)
  }
  const found = rows.map(([, ...row]) => tableOf(row))
  return [...new Map(found.map((table) => [table.oid, table])).values()]
}

/** The tables of a publication, with what it lets through. */
export async function tablesPublished(
  client: PostgresClient,
  publication: string,
  signal: AbortSignal,
): Promise<readonly FollowedTable[]> {
  const lists = (await serverVersion(client, signal)) >= 150_000
  const { rows } = await client.query(
    `SELECT ${columns}, ${lists ? 'pg_catalog.to_json(p.attnames), p.rowfilter' : 'NULL, NULL'}
     FROM pg_catalog.pg_publication_tables p
     JOIN pg_catalog.pg_namespace n ON n.nspname = p.schemaname
     JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
     WHERE p.pubname = $1 ORDER BY n.nspname, c.relname`,
    signal,
    { values: [publication] },
  )
  return rows.map((row) => {
    const [attributes, filter] = row.slice(8)
    const table = tableOf(row)
    return {
      ...table,
      ...(attributes ? { columns: JSON.parse(attributes) as string[] } : {}),
      ...(filter ? { filter } : {}),
    }
  })
}

/** As a number that grows: 150018. */
export async function serverVersion(client: PostgresClient, signal: AbortSignal): Promise<number> {
  const { rows } = await client.query("SELECT pg_catalog.current_setting('server_version_num')", signal)
  return Number(rows[0]?.[0])
}

function tableOf([oid, schema, name, partitioned, permanent, identity, readable, keyText]: TextRow): FollowedTable {
  const key = keyText ? (JSON.parse(keyText) as string[]) : []
  return {
    oid: Number(oid),
    schema: schema ?? '',
    name: name ?? '',
    isPartitioned: partitioned === 't',
    isPermanent: permanent === 't',
    hasIdentity: identity === 'f' || (identity !== 'n' && key.length > 0),
    isReadable: readable === 't',
    key,
  }
}

/** Names of the columns of a table's primary key; none when it has none, or is gone. */
export async function primaryKeyOf(
  client: PostgresClient,
  table: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { rows } = await client.query(
    `SELECT a.attname FROM pg_catalog.pg_index i, pg_catalog.unnest(i.indkey) WITH ORDINALITY k(attnum, n),
       pg_catalog.pg_attribute a
     WHERE i.indrelid = $1 AND i.indisprimary AND k.n <= i.indnkeyatts AND a.attrelid = $1 AND a.attnum = k.attnum
     ORDER BY k.n`,
    signal,
    { values: [table] },
  )
  return rows.map(([name]) => name ?? '')
}
