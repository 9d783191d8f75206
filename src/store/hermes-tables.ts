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
  /** A row per message that a workflow could not deliver, until somebody drops it or it is delivered after all. */
  hermes_dead_letters: {
    workflow: string
    /** Begins with the time: in the order of ids letters are in the order of `at`. */
    id: string
    payload: Uint8Array
    reason: string
    stage: string
    /** JSON of the source's position behind the message's batch. */
    position: string | null
    message_id: string | null
    message_key: string | null
    route: string | null
    attempts: number
    at: number
  }
  /** A row per workflow whose source keeps no place of its own. */
  hermes_checkpoints: {
    workflow: string
    /** JSON; null is the source's beginning. */
    position: string | null
    /** Of the lease under which it was written. */
    term: number
    updated_at: number
  }
  hermes_meta: { key: string; value: string }
}
