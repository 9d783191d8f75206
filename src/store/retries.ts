import { HermesError } from '../errors.ts'
import type { Database, Statement } from './database.ts'
import type { HermesTables } from './hermes-tables.ts'
import { parameterSign } from './statement-text.ts'
import { textList } from './text-list.ts'

export type StoredRetry = HermesTables['hermes_retries']

export async function retryOf(database: Database, source: string): Promise<StoredRetry | undefined> {
  return await database.kysely
    .selectFrom('hermes_retries')
    .selectAll()
    .where('source_name', '=', source)
    .executeTakeFirst()
}

/** Every row there is, by source: they are few. */
export async function allRetries(database: Database, signal?: AbortSignal): Promise<ReadonlyMap<string, StoredRetry>> {
  const rows = await database.query<StoredRetry>('SELECT * FROM hermes_retries', [], signal)
  return new Map(rows.map((row) => [row.source_name, row]))
}

/** One run of a source, as `hermes_retries` knows it. */
export interface RunKey {
  readonly source: string
  readonly startedAt: number
}

/** What `hermes_retries.spec` holds: a spec's hash, and behind it the mark of the secrets that a run failed with. */
export interface RunSpec {
  readonly spec?: string
  readonly secrets?: string
}

export function specText(spec: string, secrets: string | undefined): string {
  return secrets === undefined ? spec : `${spec} secrets:${secrets}`
}

export function specOf(row: Pick<StoredRetry, 'spec'> | undefined): RunSpec {
  const [, spec, secrets] = /^(.*?)(?: secrets:(\S+))?$/s.exec(row?.spec ?? '') ?? []
  return { ...(row?.spec == null || spec === undefined ? {} : { spec }), ...(secrets === undefined ? {} : { secrets }) }
}

/**
 * Moves a run's bookmark. Fails as a whole, and with it the transaction it stands in, when the run is not the one that
 * `hermes_retries` knows any more: see `displaced`.
 */
export function moveBookmark(dialect: Database['dialect'], run: RunKey, bookmark: string, rows: number): Statement {
  const p = parameterSign(dialect)
  const attempt = `(SELECT attempt FROM hermes_retries WHERE source_name = ${p}1 AND started_at = ${p}2)`
  return {
    sql:
      `INSERT INTO hermes_retries (source_name, attempt, started_at, position, "rows") ` +
      `VALUES (${p}1, ${attempt}, ${p}2, ${p}3, ${p}4) ` +
      `ON CONFLICT (source_name) DO UPDATE SET position = excluded.position, "rows" = excluded."rows"`,
    values: [run.source, run.startedAt, bookmark, rows],
  }
}

/** Tells the failure of `moveBookmark` from others: the run was forgotten, or another one of the source has begun. */
export function displaced(error: unknown, source: string): unknown {
  const isOurs = error instanceof HermesError && /not[- ]null constraint/i.test(error.message)
  if (!isOurs || !/hermes_retries/.test(error.message)) return error
  return new HermesError('run_displaced', `the run of ${source} was removed or begun anew while it was under way`, {
    cause: error,
  })
}

/** Ends what is known of an unfinished run. */
export function clearRun(dialect: Database['dialect'], { source, startedAt }: RunKey): Statement {
  const p = parameterSign(dialect)
  return {
    sql: `DELETE FROM hermes_retries WHERE source_name = ${p}1 AND started_at = ${p}2`,
    values: [source, startedAt],
  }
}

/** Changes some columns of an unfinished run's row. */
export function changeRun(
  dialect: Database['dialect'],
  { source, startedAt }: RunKey,
  change: Partial<Omit<StoredRetry, 'source_name'>>,
): Statement {
  const p = parameterSign(dialect)
  const sets = Object.keys(change).map((column, index) => `"${column}" = ${p}${index + 3}`)
  return {
    sql: `UPDATE hermes_retries SET ${sets.join(', ')} WHERE source_name = ${p}1 AND started_at = ${p}2`,
    values: [source, startedAt, ...Object.values(change)],
  }
}

/** Writes the intent of a run over whatever was known of the source; the end of its last empty run stays. */
export function writeIntent(
  dialect: Database['dialect'],
  { source, startedAt }: RunKey,
  intent: Pick<StoredRetry, 'attempt' | 'position' | 'spec' | 'rows'>,
): Statement {
  const p = parameterSign(dialect)
  return {
    sql:
      `INSERT INTO hermes_retries (source_name, started_at, attempt, position, spec, "rows") ` +
      `VALUES (${p}1, ${p}2, ${p}3, ${p}4, ${p}5, ${p}6) ON CONFLICT (source_name) DO UPDATE SET ` +
      `started_at = excluded.started_at, attempt = excluded.attempt, position = excluded.position, ` +
      `spec = excluded.spec, "rows" = excluded."rows", not_before = NULL`,
    values: [source, startedAt, intent.attempt, intent.position, intent.spec, intent.rows],
  }
}

export async function forgetRetries(database: Database, sources: readonly string[]): Promise<void> {
  if (sources.length === 0) return
  const list = textList(database.dialect)
  const sql = `DELETE FROM hermes_retries WHERE source_name IN (SELECT l.value FROM ${list.from(1)} AS l)`
  await database.query(sql, [list.value(sources)])
}
