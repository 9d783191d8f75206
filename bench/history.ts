import { DatabaseSync } from 'node:sqlite'
import { type Fleet, tableName } from './fleet.ts'
import { query } from './workspace.ts'

/** Rows that each source gets in one go, in ten runs of an hour each. */
const RUNS = 10

export interface Chunk {
  readonly rowsPerSource: number
  /** Where the ids begin; later chunks have later runs as well. */
  readonly from: number
}

const tables = (fleet: Fleet): string[] => Array.from({ length: fleet.tables }, (_, index) => tableName(fleet, index))

/** Names of a table's sources: those whose number leaves the table's number when divided by the number of tables. */
const perTable = (fleet: Fleet): number => fleet.sources / fleet.tables

/** Adds rows to every source of a fleet's SQLite database with bare statements. */
export function addHistorySqlite(file: string, fleet: Fleet, { rowsPerSource, from }: Chunk): void {
  using database = new DatabaseSync(file)
  database.exec('pragma synchronous = off; pragma cache_size = -400000')
  database.exec(`create temp table numbers as
    with recursive n(n) as (select ${from} union all select n + 1 from n where n < ${from + rowsPerSource - 1}) select n from n`)
  for (const [number, table] of tables(fleet).entries()) {
    database.exec(`insert into ${table} (source_name, created_at, id, price, volume, at)
      with recursive s(i) as (select 0 union all select i + 1 from s where i < ${perTable(fleet) - 1})
      select format('source-%05d', ${number} + i * ${fleet.tables}),
        strftime('%Y-%m-%dT%H:%M:%S.000000Z', 1780000000 + (n / ${rowsPerSource / RUNS}) * 3600, 'unixepoch'),
        n, n * 0.25, n * 7, '2026-01-01T00:00:00.000000Z'
      from s cross join numbers`)
  }
  database.exec('analyze')
  database.exec('pragma wal_checkpoint(truncate)')
}

/** The same in PostgreSQL. */
export async function addHistoryPostgres(url: string, fleet: Fleet, { rowsPerSource, from }: Chunk): Promise<void> {
  const inserts = tables(fleet).map(
    (table, number) => `insert into ${table} (source_name, created_at, id, price, volume, at)
      select 'source-' || lpad((${number} + i * ${fleet.tables})::text, 5, '0'),
        to_timestamp(1780000000 + (n / ${rowsPerSource / RUNS}) * 3600), n, n * 0.25, n * 7, timestamptz '2026-01-01'
      from generate_series(0, ${perTable(fleet) - 1}) i cross join generate_series(${from}, ${from + rowsPerSource - 1}) n`,
  )
  await query(url, 'set synchronous_commit = off', ...inserts, 'vacuum analyze', 'checkpoint')
}
