/** Hermes' own tables: few, and none that grows with runs. Times are milliseconds since the epoch; JSON is text. */
export interface HermesTables {
  hermes_resources: {
    kind: string
    name: string
    file: string
    line: number
    col: number
    revision: string
    registered_at: number
    /** JSON of the settled claim, null until the first lap succeeded. */
    settled: string | null
    /** JSON array of later claims, oldest first. */
    intents: string
    /** Hash of the newest claim, settled or not. */
    newest: string
    approved: string | null
  }
  /** A row per source that failed, is running or came back empty. */
  hermes_retries: {
    source_name: string
    attempt: number
    not_before: number | null
    /** Start of the run that has not finished. */
    started_at: number | null
    /** Start of the last run that came back empty. */
    empty_at: number | null
    /** JSON of where the unfinished run stands; see `bookmark.ts`. */
    position: string | null
    /** Hash of the spec the position belongs to. */
    spec: string | null
    rows: number
    error_code: string | null
    last_error: string | null
  }
  hermes_meta: { key: string; value: string }
}
