import { bookmarkOf } from './bookmark.ts'
import { chunks } from './chunks.ts'
import type { Database } from './database.ts'
import { readDataTables } from './dialects.ts'
import { instantMs, instantText } from './instant.ts'
import { allRetries, type StoredRetry, specOf } from './retries.ts'
import { identifier } from './sql-text.ts'
import type { RunFacts, RunSubject } from './store.ts'
import { textList } from './text-list.ts'

const tablesPerQuery = 100

/** Facts of many sources: one probe of an index each, a query for every hundred tables. Keyed by source. */
export async function readFacts(
  database: Database,
  subjects: readonly RunSubject[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, RunFacts>> {
  const byTable = Map.groupBy(subjects, ({ table }) => table)
  // Runs are known before rows are looked at: of one that ends in between the rows do not count yet.
  const [retries, present] = await Promise.all([
    allRetries(database, signal),
    readDataTables(database, [...byTable.keys()], signal),
  ])
  const probes = [...byTable]
    .filter(([table]) => present.has(table))
    .flatMap(([table, held]) => probesOf(database.dialect, table, held, retries))
  const newest = await newestRows(database, probes, signal)
  return new Map(subjects.map(({ source }) => [source, factsOf(newest.get(source), retries.get(source))]))
}

function factsOf(newest: number | undefined, row: StoredRetry | undefined): RunFacts {
  const last = Math.max(newest ?? -Infinity, row?.empty_at ?? -Infinity)
  return {
    ...(last === -Infinity ? {} : { lastRunAt: last }),
    attempt: row?.attempt ?? 0,
    ...(row?.not_before == null ? {} : { notBefore: row.not_before }),
    ...(row?.started_at == null ? {} : { startedAt: row.started_at }),
    ...specOf(row),
    ...(row?.error_code == null ? {} : { lastError: { code: row.error_code, message: row.last_error ?? '' } }),
  }
}

/** Milliseconds of the newest created_at that no unfinished run wrote, by source. */
async function newestRows(
  database: Database,
  probes: readonly Probe[],
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, number>> {
  const newest = new Map<string, number>()
  const answers = chunks(probes, tablesPerQuery).map((chunk) => probeTables(database, chunk, signal))
  for (const row of (await Promise.all(answers)).flat()) {
    if (row.newest !== null) newest.set(row.source, instantMs(row.newest))
  }
  return newest
}

interface Probe {
  readonly table: string
  /** The sources, as one parameter; with `bounded` each stands behind the moment that its finished rows are older than. */
  readonly value: string
  readonly bounded: boolean
}

/** The few sources with an unfinished run are asked for apart: looking no further than a moment costs twice as much. */
function probesOf(
  dialect: Database['dialect'],
  table: string,
  held: readonly RunSubject[],
  retries: ReadonlyMap<string, StoredRetry>,
): Probe[] {
  const plain: string[] = []
  const bounded: string[] = []
  for (const { source } of held) {
    const before = bookmarkOf(retries.get(source))?.before
    if (before === undefined) plain.push(source)
    else bounded.push(instantText(before) + source)
  }
  const list = textList(dialect)
  return [
    ...(plain.length === 0 ? [] : [{ table, value: list.value(plain), bounded: false }]),
    ...(bounded.length === 0 ? [] : [{ table, value: list.value(bounded), bounded: true }]),
  ]
}

async function probeTables(
  database: Database,
  probes: readonly Probe[],
  signal: AbortSignal | undefined,
): Promise<readonly { source: string; newest: string | null }[]> {
  const sql = probes.map((each, index) => probeSql(database.dialect, each, index + 1)).join('\nUNION ALL ')
  const values = probes.map(({ value }) => value)
  return await database.query(sql, values, signal)
}

function probeSql(dialect: Database['dialect'], probe: Probe, parameter: number): string {
  const from = textList(dialect).from(parameter)
  const table = identifier(probe.table)
  if (probe.bounded) {
    const bound = dialect === 'sqlite' ? 'substr(l.value, 1, 27)' : 'substr(l.value, 1, 27)::timestamptz'
    const older = `SELECT max(created_at) FROM ${table} WHERE source_name = substr(l.value, 28) AND created_at < ${bound}`
    return `SELECT substr(l.value, 28) AS source, (${older}) AS newest FROM ${from} AS l`
  }
  if (dialect === 'sqlite') {
    return `SELECT l.value AS source, (SELECT max(created_at) FROM ${table} WHERE source_name = l.value) AS newest FROM ${from} AS l`
  }
  // Planned in a third of the time that max() takes, which counts with a hundred tables in one statement.
  const last = `SELECT created_at FROM ${table} WHERE source_name = l.value ORDER BY source_name DESC, created_at DESC LIMIT 1`
  return `SELECT l.value AS source, n.created_at AS newest FROM ${from} AS l, LATERAL (${last}) AS n`
}
