import type { StoredRetry } from './retries.ts'

/**
 * What `hermes_retries.position` holds, as JSON: where an unfinished run stands, and what it must not take for its own
 * past. It outlives attempts that start anew, because the rows of a merge that did not finish stay in the table.
 */
export interface Bookmark {
  /** Rows with this `created_at` or a later one belong to unfinished runs. Milliseconds. */
  readonly before: number
  /** The cursor that the run was begun with. */
  readonly cursor?: string
  /** The position behind the last committed page. */
  readonly position?: unknown
}

export function bookmarkText({ before, cursor, position }: Bookmark): string {
  return JSON.stringify({ before, cursor, position })
}

/** The bookmark of an unfinished run; undefined when there is none. */
export function bookmarkOf(row: Pick<StoredRetry, 'started_at' | 'position'> | undefined): Bookmark | undefined {
  if (row === undefined || row.started_at === null) return undefined
  if (row.position === null) return { before: row.started_at }
  return JSON.parse(row.position) as Bookmark
}
