import type { Kysely } from 'kysely'
import type { Column } from './column-type.ts'
import type { HermesTables } from './hermes-tables.ts'

/** What a statement may bind. Timestamps and decimals travel as canonical text. */
export type SqlValue = string | number | bigint | boolean | null | Uint8Array

export interface Statement {
  readonly sql: string
  readonly values: readonly SqlValue[]
}

/** One open database; what the shared code of the store needs of a dialect at run time. */
export interface Database extends AsyncDisposable {
  readonly dialect: 'sqlite' | 'postgres'
  /** Address without credentials. */
  readonly location: string
  /** Ordinary queries on Hermes' own tables, on both databases alike. */
  readonly kysely: Kysely<HermesTables>
  /** A query with `$1, $2` (postgres) or `?` (sqlite) parameters. */
  query<Row>(sql: string, values?: readonly SqlValue[], signal?: AbortSignal): Promise<readonly Row[]>
  /** Several statements as text, in one transaction: all or nothing. */
  script(sql: string, signal?: AbortSignal): Promise<void>
  /** Resolves when nothing is under way any more that a process left behind which was killed; in half a minute at most. */
  leftBehindEnded(signal: AbortSignal): Promise<void>
  /** The bulk path into one table. */
  load(target: LoadTarget): Promise<Loader>
}

export interface LoadTarget {
  readonly table: string
  /** All columns of the rows, `source_name` and `created_at` first. */
  readonly columns: readonly Column[]
  /** Columns of the primary key, `source_name` first; empty without one. */
  readonly key: readonly string[]
  /** What to do with a row whose key is there. */
  readonly onConflict: 'update' | 'ignore'
  /** Collects the rows apart; `swap` then replaces the source's rows with them in one transaction. */
  readonly staged: boolean
}

/** Canonical values in the order of `LoadTarget.columns`; see `canonical.ts`. */
export type Row = readonly SqlValue[]

/** Calls may overlap; they are carried out in order, and none behind a write that failed. */
export interface Loader extends AsyncDisposable {
  /** Rows and the statements beside them commit in one transaction. Keys are unique within `rows`. */
  write(rows: readonly Row[], beside: readonly Statement[], signal: AbortSignal): Promise<void>
  /** Staged only: deletes the source's rows, moves the staged ones in, runs the statements beside; one transaction. */
  swap(source: string, beside: readonly Statement[]): Promise<void>
  /** The table has changed: from now on rows have the columns of `target`. What is staged is carried over. */
  reshape(target: LoadTarget): Promise<void>
}
