import type { StatusReport } from '../../src/observe/status.ts'
import type { Home } from '../store/homes.ts'
import { dataRecord } from './data-api.ts'
import type { WorldSource, WorldSources } from './world-source.ts'

/** Whether the service says that everything is as wanted. */
export function isSettled(report: StatusReport, wanted: WorldSources): boolean {
  const sources = report.resources.filter(({ kind }) => kind === 'SourceDefinition')
  if (sources.length !== wanted.size || report.problems.length > 0) return false
  if (report.resources.some(({ state }) => state !== 'ready')) return false
  return sources.every((source) => {
    const expected = wanted.get(source.name)
    return expected !== undefined && source.table === expected.table && source.rows === expected.size
  })
}

/** The tables by the database's own word, against the manifests' word; answers with the number of rows, throws at a difference. */
export async function compareTables(home: Home, wanted: WorldSources): Promise<number> {
  const expected = new Set([...wanted.values()].map(({ table }) => table))
  const actual = new Set(await dataTables(home))
  const wrong = [...expected.symmetricDifference(actual)].filter(
    (table) => actual.has(table) || !mayBeAbsent(wanted, table),
  )
  if (wrong.length > 0) throw new Error(`tables that should not be there, or are missing: ${wrong.join(', ')}`)
  let rows = 0
  for (const table of actual) rows += await compareTable(home, wanted, table)
  return rows
}

/** A table whose key types only data can tell is not there before the first record. */
function mayBeAbsent(wanted: WorldSources, table: string): boolean {
  return [...wanted.values()].every((source) => source.table !== table || source.size === 0)
}

async function compareTable(home: Home, wanted: WorldSources, table: string): Promise<number> {
  const sources = [...wanted.values()].filter((source) => source.table === table)
  const hasData = sources.some(({ size }) => size > 0)
  const found = hasData
    ? await home.witness(`SELECT source_name, id, text, amount FROM ${table}`)
    : await home.witness(`SELECT * FROM ${table}`)
  const got = found
    .map((row) => [row['source_name'], Number(row['id']), row['text'], Number(row['amount'])].join('|'))
    .toSorted()
  const want = sources.flatMap(recordsOf).toSorted()
  if (got.length !== want.length || got.some((row, index) => row !== want[index])) {
    const missing = want.filter((row) => !got.includes(row)).slice(0, 3)
    const extra = got.filter((row, index) => !want.includes(row) || got[index - 1] === row).slice(0, 3)
    throw new Error(
      `${table}: ${got.length} rows for ${want.length}; missing ${missing.join(' ')}; extra ${extra.join(' ')}`,
    )
  }
  return got.length
}

function recordsOf(source: WorldSource): string[] {
  return Array.from({ length: source.size }, (_, index) => {
    const { id, text, amount } = dataRecord(source.name, index)
    return [source.name, id, text, amount].join('|')
  })
}

async function dataTables(home: Home): Promise<string[]> {
  const sql =
    home.dialect === 'sqlite'
      ? `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'hermes%'`
      : `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname NOT LIKE 'hermes%'`
  return (await home.witness(sql)).map(({ name }) => String(name))
}

/** Whether Hermes came as far as its own tables. */
async function isPrepared(home: Home): Promise<boolean> {
  const sql =
    home.dialect === 'sqlite'
      ? `SELECT 1 FROM sqlite_schema WHERE name = 'hermes_retries'`
      : `SELECT 1 FROM pg_class WHERE relname = 'hermes_retries' AND relnamespace = current_schema()::regnamespace`
  return (await home.witness(sql)).length > 0
}

/** Sources that had rows and no unfinished run when the service was killed. */
export async function finishedSources(home: Home): Promise<Set<string>> {
  const finished = new Set<string>()
  if (!(await isPrepared(home))) return finished
  for (const table of await dataTables(home)) {
    for (const { source_name } of await home.witness(`SELECT DISTINCT source_name FROM ${table}`))
      finished.add(String(source_name))
  }
  for (const { source_name } of await home.witness('SELECT source_name FROM hermes_retries'))
    finished.delete(String(source_name))
  return finished
}

/** What was wanted and what the database holds, for a failing test's message. */
export async function storyOf(home: Home, wanted: WorldSources): Promise<string> {
  if (!(await isPrepared(home))) return 'the database is empty'
  const manifests = [...wanted.values()].map((source) => JSON.stringify(source))
  const runs: string[] = []
  for (const table of await dataTables(home)) {
    const found = await home.witness(
      `SELECT source_name, created_at, count(*) AS n FROM ${table} GROUP BY source_name, created_at`,
    )
    runs.push(...found.map((row) => `${table}: ${Object.values(row).join(' ')}`))
  }
  const retries = (await home.witness('SELECT * FROM hermes_retries')).map((row) => JSON.stringify(row))
  return ['wanted', ...manifests, 'in the tables', ...runs, 'unfinished', ...retries].join('\n')
}
