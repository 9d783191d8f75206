import { HermesError } from '../../errors.ts'
import type { Answer, PostgresClient, TextRow } from '../postgres-client.ts'
import { ReadSize } from '../read-size.ts'
import { type RowMessage, TableShape } from './postgres-message.ts'
import { identifier, literal } from './postgres-names.ts'
import { type FollowedTable, qualified } from './postgres-tables.ts'
import type { TypeCatalog } from './postgres-types.ts'

export interface SnapshotParts {
  readonly client: PostgresClient
  readonly types: TypeCatalog
  /** Rows of a batch at most. */
  readonly batch: number
  /** Part of the ids: where the slot began. */
  readonly start: string
  readonly signal: AbortSignal
}

/** Rows of a table, and the key of the last of them: undefined for a table without one. */
export interface SnapshotPage {
  readonly messages: readonly RowMessage[]
  readonly key: readonly string[] | undefined
}

/** Time for the first rows of a large table that has to be sorted. */
const PAGE_MS = 3_600_000

/**
 * Begins to read: the rows as of an exported snapshot, or as they are now. Throws `connector_unavailable` when the
 * snapshot went with the connection that holds it: the slot is there, and the rows as they are now will do.
 */
export async function beginSnapshot(
  client: PostgresClient,
  snapshot: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', signal)
  if (snapshot === undefined) return
  try {
    await client.query(`SET TRANSACTION SNAPSHOT ${literal(snapshot)}`, signal)
  } catch (error) {
    if (!(error instanceof HermesError) || error.code !== 'connector_refused') throw error
    throw new HermesError('connector_unavailable', error.message)
  }
}

/** The rows of a table in the order of its key, behind `after`; a table without a key comes in any order, and in full. */
export async function* snapshotPages(
  { client, types, batch, start, signal }: SnapshotParts,
  table: FollowedTable,
  after: readonly string[] | undefined,
): AsyncGenerator<SnapshotPage> {
  const columns = await snapshotColumns(client, table, signal)
  const key = table.key.filter((name) => columns.some((column) => column.name === name))
  // Of a key that has other columns now than when it was read the table begins anew.
  const behind = after?.length === key.length ? after : undefined
  const rows = statement(table, { columns, key, after: behind })
  await client.query(`DECLARE hermes_rows NO SCROLL CURSOR FOR ${rows}`, signal, { withinMs: PAGE_MS })
  const size = new ReadSize(batch)
  for (let shape: TableShape | undefined; ; ) {
    const fetch = `FETCH FORWARD ${size.count} FROM hermes_rows`
    const answer: Answer = await client.query(fetch, signal, { withinMs: PAGE_MS })
    if (answer.rows.length === 0) break
    shape ??= await shapeOf(table, { answer, key, types }, { client, signal })
    const page = pageOf(answer.rows, { shape, key: key.length, idHead: `${start}:${table.oid}:` })
    size.had(
      page.messages.length,
      page.messages.reduce((sum, { payload }) => sum + payload.length, 0),
    )
    yield page
  }
  await client.query('CLOSE hermes_rows', signal)
}

interface SnapshotColumn {
  readonly name: string
  readonly type: string
}

/** Those that replication sends as well: no generated ones. */
async function snapshotColumns(
  client: PostgresClient,
  { oid, columns }: FollowedTable,
  signal: AbortSignal,
): Promise<readonly SnapshotColumn[]> {
  const { rows } = await client.query(
    `SELECT attname, pg_catalog.format_type(atttypid, -1) FROM pg_catalog.pg_attribute
     WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`,
    signal,
    { values: [oid] },
  )
  const all = rows.map(([name, type]) => ({ name: name ?? '', type: type ?? 'text' }))
  return columns === undefined ? all : all.filter(({ name }) => columns.includes(name))
}

interface StatementParts {
  readonly columns: readonly SnapshotColumn[]
  readonly key: readonly string[]
  readonly after: readonly string[] | undefined
}

/** The key once more as text behind the columns, or what stands for it: the place of the row in its table. */
function statement(table: FollowedTable, { columns, key, after }: StatementParts): string {
  const names = key.map(columnOf)
  const places = names.length === 0 ? ['t.tableoid', 't.ctid'] : names
  const list = [...columns.map(({ name }) => columnOf(name)), ...places.map((place) => `${place}::text`)].join(', ')
  const from = `SELECT ${list} FROM ${table.isPartitioned ? '' : 'ONLY '}${qualified(table)} t`
  const values = key.map((name, index) => {
    const type = columns.find((each) => each.name === name)?.type ?? 'text'
    return `${literal(after?.[index] ?? '')}::${type}`
  })
  const conditions = [
    ...(table.filter === undefined ? [] : [`(${table.filter})`]),
    ...(after === undefined || key.length === 0 ? [] : [`(${names.join(', ')}) > (${values.join(', ')})`]),
  ]
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
  return `${from}${where}${names.length === 0 ? '' : ` ORDER BY ${names.join(', ')}`}`
}

function columnOf(name: string): string {
  return `t.${identifier(name)}`
}

async function shapeOf(
  table: FollowedTable,
  { answer, key, types }: { readonly answer: Answer; readonly key: readonly string[]; readonly types: TypeCatalog },
  { client, signal }: { readonly client: PostgresClient; readonly signal: AbortSignal },
): Promise<TableShape> {
  const fields = answer.fields.slice(0, answer.fields.length - (key.length === 0 ? 2 : key.length))
  await types.learn(
    fields.map(({ type }) => type),
    client,
    signal,
  )
  const columns = fields.map(({ name, type }) => ({ name, toJson: types.decoder(type) }))
  const places = fields.flatMap(({ name }, index) => (key.includes(name) ? [index] : []))
  return new TableShape(table.schema, table.name, columns, places)
}

interface PageParts {
  readonly shape: TableShape
  /** Columns of the key. */
  readonly key: number
  readonly idHead: string
}

function pageOf(rows: readonly TextRow[], { shape, key, idHead }: PageParts): SnapshotPage {
  const extra = key === 0 ? 2 : key
  const messages = rows.map((row) => {
    const values = row.slice(0, row.length - extra)
    const place = row.slice(row.length - extra)
    const keyJson = shape.key(values)
    const id = idHead + (key === 0 ? place.join('') : keyJson)
    return shape.message('snapshot', id, keyJson, `,"after":${shape.row(values)}`)
  })
  const last = rows.at(-1)
  return { messages, key: key === 0 ? undefined : last?.slice(last.length - key).map((text) => text ?? '') }
}
