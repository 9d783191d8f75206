import { DatabaseSync } from 'node:sqlite'
import { type Fleet, sourceName, tableName } from './fleet.ts'

/** Now, as Hermes writes timestamps into SQLite. */
export const timestamp = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z')

/** One row for each source, created now: nothing is due before tomorrow. */
export function markFetched(file: string, fleet: Fleet): void {
  using database = new DatabaseSync(file)
  const now = timestamp(Date.now())
  database.exec('begin')
  for (let index = 0; index < fleet.sources; index += 1) {
    const sql = `insert into ${tableName(fleet, index)} (source_name, created_at, id) values (?, ?, 1)`
    database.prepare(sql).run(sourceName(index), now)
  }
  database.exec('commit')
}
