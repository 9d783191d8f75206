import type { Column } from './column-type.ts'

/**
 * A data table but for what every one has: `source_name text`, `created_at timestamptz`, the primary key
 * `(source_name, …key)` and the index `(source_name, created_at)`.
 */
export interface TableShape {
  readonly name: string
  /** Without `source_name` and `created_at`; order has no meaning. */
  readonly columns: readonly Column[]
  /** Without `source_name`; empty for a table without a primary key. Order has no meaning. */
  readonly key: readonly string[]
  /** Indexes beside the primary key and `(source_name, created_at)`; columns after the leading `source_name`. */
  readonly indexes: readonly (readonly string[])[]
}

export interface ActualColumn extends Column {
  /** The database's own name for a type that is none of ours; `type` is then text. */
  readonly foreignType?: string
  /** Set when it refuses NULL though it is not part of the key. */
  readonly required?: boolean
}

/** An index or trigger on a table that somebody else made. */
export interface ForeignObject {
  readonly name: string
  readonly kind: 'index' | 'trigger'
  readonly columns: readonly string[]
  /** The statement that makes it again; only where a rebuild of the table would lose it. */
  readonly sql?: string
}

/** A table as the database's catalogue has it. */
export interface ActualTable extends TableShape {
  readonly columns: readonly ActualColumn[]
  /** False when the reserved columns are missing or have other types: not a table of Hermes. */
  readonly ours: boolean
  /** False when the index `(source_name, created_at)` is missing. */
  readonly runIndex: boolean
  /** Name of the primary key's constraint, where the dialect needs it to drop it. */
  readonly keyName?: string
  /** Set when the primary key does not begin with `source_name`. */
  readonly strayKey?: boolean
  readonly foreign?: readonly ForeignObject[]
}

/** A step over a table with its exact SQL; the store prints it and runs what it printed. */
export interface TableStep {
  readonly op: '+' | '~' | '-' | '.'
  readonly summary: string
  readonly sql: string
  readonly destroys?: { readonly what: string; readonly rows?: number }
  readonly code?:
    | 'column_dropped'
    | 'column_narrowed'
    | 'key_changed'
    | 'rows_deleted'
    | 'table_dropped'
    | 'reserved_column'
  /** The column this step is about, for the caller's reason. */
  readonly column?: string
}
