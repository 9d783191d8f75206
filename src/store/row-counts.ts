import { chunks } from './chunks.ts'
import type { Database } from './database.ts'
import { readDataTables } from './dialects.ts'
import { identifier } from './sql-text.ts'
import type { Holding } from './store.ts'
import { textList } from './text-list.ts'

interface Counted {
  /** created_at of the newest row when counted: another value tells of a later run. */
  readonly newest: string
  readonly rows: number
}

interface CountRow {
  readonly source: string
  readonly newest: string
  readonly rows: number
  readonly running: number | null
}

const tablesPerQuery = 100

/**
 * Rows of each source. A count is kept until the source's newest row changes, which costs a probe of the index to see,
 * also when another process wrote it. While a run is under way its rows share one `created_at`: nothing is kept then.
 */
export class RowCounts {
  readonly #database: Database
  readonly #known = new Map<string, Counted>()

  constructor(database: Database) {
    this.#database = database
  }

  clear(): void {
    this.#known.clear()
  }

  async of(holdings: readonly Holding[], signal?: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const byTable = Map.groupBy(holdings, (each) => each.table)
    const present = await readDataTables(this.#database, [...byTable.keys()], signal)
    const tables = [...byTable].filter(([table]) => present.has(table))
    const counts = new Map(holdings.map((each) => [keyOf(each), 0]))
    for (const chunk of chunks(tables, tablesPerQuery)) {
      const newest = await this.#newest(chunk, signal)
      for (const [table, held] of chunk) {
        const stale = held.filter((each) => !this.#keep(each, newest, counts))
        if (stale.length > 0) await this.#count(table, stale, counts, signal)
      }
    }
    return counts
  }

  /** The newest created_at of each holding, by its key; absent where there are no rows. */
  async #newest(tables: [string, Holding[]][], signal: AbortSignal | undefined): Promise<ReadonlyMap<string, string>> {
    const list = textList(this.#database.dialect)
    const terms = tables.map(
      ([table], index) =>
        `SELECT ${index} AS place, l.value AS source, (SELECT max(created_at) FROM ${identifier(table)} WHERE source_name = l.value) AS newest FROM ${list.from(index + 1)} AS l`,
    )
    const values = tables.map(([, held]) => list.value(held.map((each) => each.source)))
    const sql = terms.join('\nUNION ALL ')
    const rows = await this.#database.query<{ place: number; source: string; newest: string | null }>(
      sql,
      values,
      signal,
    )
    return new Map(
      rows.flatMap(({ place, source, newest }) =>
        newest === null ? [] : [[keyOf({ table: tables[place]?.[0] ?? '', source }), newest] as const],
      ),
    )
  }

  /** Answers from memory where that is still true. */
  #keep(holding: Holding, newest: ReadonlyMap<string, string>, counts: Map<string, number>): boolean {
    const key = keyOf(holding)
    const at = newest.get(key)
    if (at === undefined) return true
    const known = this.#known.get(key)
    if (known?.newest !== at) return false
    counts.set(key, known.rows)
    return true
  }

  /** Count and state of the run come from one statement, so that a run cannot pass between them. */
  async #count(
    table: string,
    held: readonly Holding[],
    counts: Map<string, number>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const list = textList(this.#database.dialect)
    const sql = `SELECT d.source_name AS source, max(d.created_at) AS newest, count(*) AS "rows",
  (SELECT started_at FROM hermes_retries AS r WHERE r.source_name = d.source_name) AS running
FROM ${identifier(table)} AS d WHERE d.source_name IN (SELECT l.value FROM ${list.from(1)} AS l) GROUP BY d.source_name`
    const values = [list.value(held.map((each) => each.source))]
    for (const row of await this.#database.query<CountRow>(sql, values, signal)) {
      const key = keyOf({ table, source: row.source })
      counts.set(key, row.rows)
      if (row.running === null) this.#known.set(key, { newest: row.newest, rows: row.rows })
      else this.#known.delete(key)
    }
  }
}

function keyOf({ table, source }: Holding): string {
  return `${table}/${source}`
}
