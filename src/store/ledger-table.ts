import { sql } from 'kysely'
import type { Clock } from '../clock.ts'
import { sharedText } from '../shared-text.ts'
import { chunks } from './chunks.ts'
import type { Database } from './database.ts'
import type { HermesTables } from './hermes-tables.ts'
import type { LedgerTable, StoredClaim, StoredEntry, StoredResource } from './store.ts'

type ResourceRow = HermesTables['hermes_resources']

/** Few enough that printing or parsing them does not hold the main thread up. */
const rowsPerStatement = 250
const keysPerStatement = 1000

/** `hermes_resources` of one database. */
export function createLedgerTable(database: Database, clock: Clock): LedgerTable {
  const { kysely } = database
  return {
    entries: () => readEntries(database),
    put: async (resources, revision) => {
      const now = clock.now()
      await kysely.transaction().execute(async (transaction) => {
        for (const chunk of chunks(resources, rowsPerStatement)) {
          await upsert(
            transaction,
            chunk.map((each) => newRow(each, revision, now)),
          )
        }
      })
    },
    settle: async (keys) => {
      const newest = newestIntent(database.dialect)
      await forKeys(database, keys, async (transaction, kind, names) => {
        const settled = sql<string>`CASE WHEN intents = '[]' THEN settled ELSE ${newest} END`
        const rows = transaction.updateTable('hermes_resources').set({ settled, intents: '[]', approved: null })
        await rows.where('kind', '=', kind).where('name', 'in', names).execute()
      })
    },
    delete: (keys) =>
      forKeys(database, keys, async (transaction, kind, names) => {
        await transaction.deleteFrom('hermes_resources').where('kind', '=', kind).where('name', 'in', names).execute()
      }),
    approve: (keys, hash) =>
      forKeys(database, keys, async (transaction, kind, names) => {
        const rows = transaction.updateTable('hermes_resources').set({ approved: hash })
        await rows.where('kind', '=', kind).where('name', 'in', names).execute()
      }),
  }
}

type Connection = Pick<Database['kysely'], 'insertInto' | 'updateTable' | 'deleteFrom'>

function newRow(resource: StoredResource, revision: string, now: number): ResourceRow {
  const { kind, name, at, hash, spec } = resource
  return {
    kind,
    name,
    file: at.file,
    line: at.line,
    col: at.column,
    revision,
    registered_at: now,
    settled: null,
    intents: `[${JSON.stringify({ hash, spec })}]`,
    newest: hash,
    approved: null,
  }
}

/** A claim is added only where it is not the newest one already; arrays of JSON are joined as text. */
async function upsert(connection: Connection, rows: readonly ResourceRow[]): Promise<void> {
  const intents = sql<string>`CASE WHEN hermes_resources.newest = excluded.newest THEN hermes_resources.intents
    WHEN hermes_resources.intents = '[]' THEN excluded.intents
    ELSE substr(hermes_resources.intents, 1, length(hermes_resources.intents) - 1) || ',' || substr(excluded.intents, 2) END`
  await connection
    .insertInto('hermes_resources')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['kind', 'name']).doUpdateSet((row) => ({
        file: row.ref('excluded.file'),
        line: row.ref('excluded.line'),
        col: row.ref('excluded.col'),
        revision: row.ref('excluded.revision'),
        newest: row.ref('excluded.newest'),
        intents,
      })),
    )
    .execute()
}

/**
 * The last element of the array, as the text it was written as. PostgreSQL's `->` would resolve escapes, which fails
 * for \u0000.
 */
function newestIntent(dialect: Database['dialect']): ReturnType<typeof sql<string>> {
  if (dialect === 'sqlite') return sql<string>`json_extract(intents, '$[#-1]')`
  return sql<string>`(SELECT each.claim::text FROM json_array_elements(intents::json) WITH ORDINALITY AS each (claim, place)
    ORDER BY each.place DESC LIMIT 1)`
}

/** Runs `work` for the names of each kind, in one transaction. */
async function forKeys(
  database: Database,
  keys: readonly string[],
  work: (connection: Connection, kind: string, names: readonly string[]) => Promise<void>,
): Promise<void> {
  if (keys.length === 0) return
  const kinds = Map.groupBy(keys, (key) => key.slice(0, key.indexOf('/')))
  await database.kysely.transaction().execute(async (transaction) => {
    for (const [kind, group] of kinds) {
      const names = group.map((key) => key.slice(key.indexOf('/') + 1))
      for (const chunk of chunks(names, keysPerStatement)) await work(transaction, kind, chunk)
    }
  })
}

async function readEntries({ kysely }: Database): Promise<readonly StoredEntry[]> {
  const entries: StoredEntry[] = []
  const shared = sharedText()
  let rows: ResourceRow[] = []
  do {
    const last = rows.at(-1)
    let query = kysely
      .selectFrom('hermes_resources')
      .selectAll()
      .orderBy('kind')
      .orderBy('name')
      .limit(rowsPerStatement)
    if (last !== undefined) query = query.where(sql<boolean>`(kind, name) > (${last.kind}, ${last.name})`)
    rows = await query.execute()
    entries.push(...rows.map((row) => entryOf(row, shared)))
  } while (rows.length === rowsPerStatement)
  return entries
}

function entryOf(row: ResourceRow, shared: (text: string) => string): StoredEntry {
  return {
    kind: shared(row.kind),
    name: row.name,
    at: { file: row.file, line: row.line, column: row.col },
    revision: shared(row.revision),
    registeredAt: row.registered_at,
    ...(row.settled === null ? {} : { settled: JSON.parse(row.settled) as StoredClaim }),
    intents: JSON.parse(row.intents) as StoredClaim[],
    ...(row.approved === null ? {} : { approved: row.approved }),
  }
}
