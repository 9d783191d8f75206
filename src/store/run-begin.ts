import { type Bookmark, bookmarkOf, bookmarkText } from './bookmark.ts'
import type { Database } from './database.ts'
import { readShapes } from './dialects.ts'
import { instantMs, instantText } from './instant.ts'
import { retryOf, type StoredRetry, specOf, writeIntent } from './retries.ts'
import type { RunStart } from './run.ts'
import { readCursor } from './run-cursor.ts'
import { checkShape, type RunParts } from './run-table.ts'
import { identifier, literal } from './sql-text.ts'
import { inlined, parameterSign } from './statement-text.ts'
import type { RunTarget } from './store.ts'
import type { ActualTable } from './table-shape.ts'

/** Decides whether an unfinished run goes on or a new one begins, and writes the intent before anything else. */
export async function beginRun({ database, gate }: RunParts, target: RunTarget, now: number): Promise<RunStart> {
  // Not while another run creates or changes it: what there is is read in several queries.
  const shape = await gate.writing(target.table, async () =>
    (await readShapes(database, [target.table])).get(target.table),
  )
  if (shape !== undefined) checkShape(target, shape)
  const row = await retryOf(database, target.source)
  const past = bookmarkOf(row)
  const resumable = past?.position !== undefined && specOf(row).spec === target.spec && target.write !== 'replace'
  const start =
    resumable && row?.started_at != null
      ? { startedAt: row.started_at, attempt: row.attempt + 1, rows: row.rows, bookmark: past }
      : await newRun(database, { target, shape, row, past, now })
  const leftovers = resumable ? [] : unfinishedAppend(target, shape, row)
  const intent = { attempt: start.attempt, position: bookmarkText(start.bookmark), spec: target.spec, rows: start.rows }
  const key = { source: target.source, startedAt: start.startedAt }
  await database.script([...leftovers, inlined(writeIntent(database.dialect, key, intent))].join(';\n'))
  return start
}

interface Beginning {
  readonly target: RunTarget
  readonly shape: ActualTable | undefined
  readonly row: StoredRetry | undefined
  readonly past: Bookmark | undefined
  readonly now: number
}

async function newRun(database: Database, { target, shape, row, past, now }: Beginning): Promise<RunStart> {
  const known = [await newestRow(database, target, shape), row?.started_at, row?.empty_at]
  const startedAt = Math.max(Math.floor(now), ...known.map((ms) => (ms ?? -1) + 1))
  // An append's leftovers are deleted; those of a merge stay and must not pass for its past.
  const before = target.write === 'append' ? startedAt : (past?.before ?? startedAt)
  const kept = past !== undefined && specOf(row).spec === target.spec && row?.position != null
  const cursor = kept ? past.cursor : await readCursor(database, shape, target, past?.before ?? startedAt)
  const bookmark: Bookmark = { before, ...(cursor === undefined ? {} : { cursor }) }
  return { startedAt, attempt: (row?.attempt ?? 0) + 1, rows: 0, bookmark }
}

/** Milliseconds of the newest row's created_at, those of unfinished runs included. */
async function newestRow(
  database: Database,
  { table, source }: RunTarget,
  shape: ActualTable | undefined,
): Promise<number | undefined> {
  if (shape === undefined) return undefined
  const sql = `SELECT max(created_at) AS newest FROM ${identifier(table)} WHERE source_name = ${parameterSign(database.dialect)}1`
  const [row] = await database.query<{ newest: string | null }>(sql, [source])
  return row?.newest == null ? undefined : instantMs(row.newest)
}

function unfinishedAppend(target: RunTarget, shape: ActualTable | undefined, row: StoredRetry | undefined): string[] {
  if (target.write !== 'append' || shape === undefined || row?.started_at == null) return []
  const own = `source_name = ${literal(target.source)} AND created_at = ${literal(instantText(row.started_at))}`
  return [`DELETE FROM ${identifier(target.table)} WHERE ${own}`]
}
