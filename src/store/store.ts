import type { Column, DeclaredColumn } from './column-type.ts'
import type { ActualTable, TableShape, TableStep } from './table-shape.ts'
import type { Checkpoints, DeadLetterStore, MessageTables } from './workflow-store.ts'

export type { DeclaredColumn } from './column-type.ts'

/** A source's rows in one table. */
export interface Holding {
  readonly table: string
  readonly source: string
}

/** The database: Hermes' own few tables and the data tables. One instance per database, shared by all. */
export interface Store extends AsyncDisposable {
  readonly dialect: 'sqlite' | 'postgres'
  /** The database's address without credentials. */
  readonly location: string
  ping(signal: AbortSignal): Promise<void>
  /**
   * To be waited for before the world is looked at in order to change it: resolves when nothing is under way any more
   * that a process left behind which was killed; in half a minute at most.
   */
  leftBehindEnded(signal: AbortSignal): Promise<void>
  readonly ledger: LedgerTable
  readonly tables: DataTables
  readonly runs: Runs
  readonly deadLetters: DeadLetterStore
  readonly checkpoints: Checkpoints
  /** The tables that workflows write into. */
  readonly messages: MessageTables
}

export interface StoredClaim {
  readonly hash: string
  readonly spec: unknown
}

/** `hermes_resources`; the same shape as the reconciler's ledger, which it serves. */
export interface LedgerTable {
  entries(): Promise<readonly StoredEntry[]>
  put(resources: readonly StoredResource[], revision: string): Promise<void>
  settle(keys: readonly string[]): Promise<void>
  delete(keys: readonly string[]): Promise<void>
  approve(keys: readonly string[], hash: string): Promise<void>
}

export interface StoredResource extends StoredClaim {
  readonly kind: string
  readonly name: string
  readonly at: { readonly file: string; readonly line: number; readonly column: number }
}

export interface StoredEntry {
  readonly kind: string
  readonly name: string
  readonly at: { readonly file: string; readonly line: number; readonly column: number }
  readonly revision: string
  readonly registeredAt: number
  readonly settled?: StoredClaim
  readonly intents: readonly StoredClaim[]
  readonly approved?: string
}

export interface TablePlanOptions {
  /** Columns that may be dropped because the manifests declared them once and do no longer. Others are left alone. */
  readonly retired: ReadonlySet<string>
  /** Rows in the table, for `destroys`; absent when not counted. */
  readonly rows?: number
}

/** Data tables: their shape, and whose rows they hold. */
export interface DataTables {
  /** Every table and view of the database, whoever made it, but for Hermes' own. */
  names(signal?: AbortSignal): Promise<readonly string[]>
  /** From the database's own catalogue, in a handful of queries for any number of names. Absent names are absent. */
  shapes(names: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, ActualTable>>
  /** Pure. The steps from one shape to another, with the SQL of this dialect. `undefined` is absence. */
  plan(
    desired: TableShape | undefined,
    actual: ActualTable | undefined,
    options: TablePlanOptions,
  ): readonly TableStep[]
  /** Pure. The statement that deletes a source's rows from a table. */
  planDelete(holding: Holding, rows: number): TableStep
  /** Pure. Hands rows over to another source name and, when it differs, another table; keys the target has stay. */
  planMove(from: Holding, to: Holding, shape: { from: ActualTable; to: TableShape }, rows: number): TableStep
  /** Runs the SQL of one step in one transaction, off the main thread where the dialect would block it. */
  execute(sql: string, signal: AbortSignal): Promise<void>
  /** Runs `work` while no run of this process writes into the table or changes it; runs look at it again afterwards. */
  alone<T>(table: string, work: () => Promise<T>): Promise<T>
  /** The sources that have rows in each table; a skip scan, not a full one. Tables that do not exist are absent. */
  owners(names: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, readonly string[]>>
  /** Row counts; holdings whose table does not exist count 0. Cached until the source's next write. Keyed `table/source`. */
  counts(holdings: readonly Holding[], signal?: AbortSignal): Promise<ReadonlyMap<string, number>>
  /** The first rows of a source, as the user would select them; for `hermes get --rows` and tests. */
  rows(holding: Holding, limit: number): Promise<readonly Record<string, unknown>[]>
}

/** What a source's runs write into. */
export interface RunTarget extends Holding {
  /** Declared columns; fields beside them are inferred or, with `freeze`, left out. */
  readonly columns: readonly DeclaredColumn[]
  /** A column that is there becomes as wide as it is declared; absent: nobody but a plan changes declared columns. */
  readonly widens?: true
  /** Columns that only other sources of the table declare: their types are not this run's to change. */
  readonly othersColumns?: readonly Column[]
  readonly key: readonly string[]
  readonly write: 'append' | 'merge' | 'replace'
  readonly evolve: 'additive' | 'freeze'
  /** Field of the incremental cursor. */
  readonly cursor?: string
  /** Hash of what shapes the fetch: a position is resumed only under the same one. */
  readonly spec: string
}

/** When a source ran and what is known of its attempts: all from its data table and `hermes_retries`. */
export interface RunFacts {
  /** MAX(created_at) of its rows older than an unfinished run, or the start of a later empty run. */
  readonly lastRunAt?: number
  /** From `hermes_retries`; 0 without a row. */
  readonly attempt: number
  readonly notBefore?: number
  /** Start of a run that has not finished. */
  readonly startedAt?: number
  /** The spec that a run which failed or has not finished was begun with, as RunTarget had it. */
  readonly spec?: string
  /** The mark of the secrets that a run failed with, as `fail` had it. */
  readonly secrets?: string
  readonly lastError?: { readonly code: string; readonly message: string }
}

export interface RunSubject extends Holding {
  readonly cursor?: string
}

/** The runs of sources. There is no jobs table: a run that did not finish is not a run. */
export interface Runs {
  /** Facts of many sources at once: one probe per source, a handful of queries in all. Keyed by source. */
  facts(subjects: readonly RunSubject[], signal?: AbortSignal): Promise<ReadonlyMap<string, RunFacts>>
  /** The greatest value of each source's cursor column, as text. Keyed by source. */
  cursors(subjects: readonly RunSubject[], signal?: AbortSignal): Promise<ReadonlyMap<string, string>>
  /** Writes the intent. Continues an unfinished run of the same spec where it can; discards its rows where it cannot. */
  begin(target: RunTarget, now: number): Promise<Run>
  /** Clears what is known of a source's attempts; for removal. A run under way writes nothing any more. */
  forget(sources: readonly string[]): Promise<void>
}

/** One run in progress. Disposing it without `finish` or `fail` leaves it unfinished, as a crash would. */
export interface Run extends AsyncDisposable {
  /** `created_at` of all its rows, milliseconds. */
  readonly startedAt: number
  /** Where an interrupted run goes on. */
  readonly resumeFrom?: unknown
  /** Greatest value of the cursor column before this run, as text. */
  readonly cursor?: string
  readonly attempt: number
  /** Rows written by this run, those of its interrupted part included where known. */
  readonly rows: number
  /** Names of fields that `freeze` left out. */
  readonly ignored: ReadonlySet<string>
  /** Whether this run changed the table's shape. */
  readonly evolved: boolean
  /**
   * Rows and position commit together. Creates the table first when it is not there yet (key columns whose types only
   * the data tells), and adds and widens inferred columns where `evolve` allows.
   */
  write(records: readonly unknown[], position: unknown, signal: AbortSignal): Promise<void>
  /** Commits the run. An empty one leaves its row with `notBefore`. */
  finish(notBefore: number): Promise<void>
  /**
   * Records the failure. `discard` gives the position up, so that the next attempt starts from the beginning; `secrets`, a
   * word, marks what the run was tried with.
   */
  fail(
    error: { code: string; message: string },
    notBefore: number,
    options: { discard: boolean; secrets?: string },
  ): Promise<void>
}
