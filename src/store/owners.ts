import { chunks } from './chunks.ts'
import type { Database } from './database.ts'
import { readShapes } from './dialects.ts'
import { identifier } from './sql-text.ts'

/** Terms of a UNION: SQLite takes 500. */
const tablesPerQuery = 100

/** The sources that have rows in each table. Leaps from one source to the next in the index, whatever their rows. */
export async function readOwners(
  database: Database,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const shapes = await readShapes(database, names, signal)
  const tables = [...shapes].filter(([, shape]) => shape.ours).map(([asked, shape]) => ({ asked, name: shape.name }))
  const owners = new Map(tables.map(({ asked }) => [asked, [] as string[]]))
  for (const chunk of chunks(tables, tablesPerQuery)) {
    const sql = chunk.map(({ name }, index) => leap(name, index)).join('\nUNION ALL ')
    for (const { place, source } of await database.query<{ place: number; source: string }>(sql, [], signal)) {
      owners.get(chunk[place]?.asked ?? '')?.push(source)
    }
  }
  return owners
}

function leap(table: string, place: number): string {
  const from = `FROM ${identifier(table)}`
  return `SELECT ${place} AS place, source FROM (
  WITH RECURSIVE leap (source) AS (
    SELECT min(source_name) ${from}
    UNION ALL
    SELECT (SELECT min(source_name) ${from} WHERE source_name > leap.source) FROM leap WHERE leap.source IS NOT NULL
  ) SELECT source FROM leap WHERE source IS NOT NULL
) AS t${place}`
}
