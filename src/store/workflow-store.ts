import type { DeclaredColumn } from './column-type.ts'

/** What is known of a message beside its payload. */
export interface MessageFacts {
  readonly id?: string
  readonly key?: string
  readonly route?: string
}

/** A message that could not be delivered, as a workflow gives it. */
export interface Letter {
  readonly payload: Uint8Array
  readonly meta: MessageFacts
  readonly reason: string
  /** Where it failed: `validate`, `steps[2].set`, `sinks.cold`. */
  readonly stage: string
  /** The source's position behind the message's batch; JSON. */
  readonly position?: unknown
  /** How often it was tried. */
  readonly attempts: number
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** A letter in `hermes_dead_letters`. */
export interface StoredLetter extends Letter {
  /** Unique within its workflow; in the order of ids letters are in the order of `at`. */
  readonly id: string
  readonly workflow: string
}

export interface LetterPage {
  /** The id of the last letter of the page before. */
  readonly after?: string
  /** Only letters of this moment or before, milliseconds: what comes meanwhile is left out. */
  readonly until?: number
  /** Letters at most. */
  readonly limit: number
}

/** `hermes_dead_letters`: what workflows could not deliver. */
export interface DeadLetterStore {
  /** The dead letters of one workflow, to be written; of the shape that pipelines expect. */
  of(workflow: string): LetterWriter
  /** A page of a workflow's letters, the oldest first. */
  list(workflow: string, page: LetterPage, signal?: AbortSignal): Promise<readonly StoredLetter[]>
  /** Those of the ids that are there, the oldest first. */
  find(workflow: string, ids: readonly string[], signal?: AbortSignal): Promise<readonly StoredLetter[]>
  /** How many letters each workflow has; workflows without any are absent. */
  counts(signal?: AbortSignal): Promise<ReadonlyMap<string, number>>
  /** Deletes letters and returns those that were there: of two callers at once only one gets a letter. */
  take(workflow: string, ids: readonly string[]): Promise<readonly StoredLetter[]>
  /** Deletes letters; the answer is how many were there. */
  delete(workflow: string, ids: readonly string[]): Promise<number>
  /** Counts one more attempt for each of the letters, which stay. */
  countAttempt(workflow: string, ids: readonly string[]): Promise<void>
  /** Deletes all letters of workflows; for removal. */
  clear(workflows: readonly string[]): Promise<void>
}

export interface LetterWriter {
  /**
   * Resolves when the letters are durable. The same letters again, as after an answer that was lost, are not stored
   * twice. An abort before a statement was sent throws the signal's reason.
   */
  write(letters: readonly Letter[], signal: AbortSignal): Promise<void>
}

/** `hermes_checkpoints`: where the sources of workflows stand that keep no place of their own. */
export interface Checkpoints {
  /** The position of every workflow that has one; `undefined` is the source's beginning. */
  read(signal?: AbortSignal): Promise<ReadonlyMap<string, unknown>>
  /** Moves the positions of many workflows in one statement. */
  save(positions: ReadonlyMap<string, unknown>, signal?: AbortSignal): Promise<void>
  delete(workflows: readonly string[]): Promise<void>
}

/** A position that is to be committed with rows. */
export interface Checkpoint {
  readonly workflow: string
  readonly position: unknown
}

/** Messages to be written; a workflow's batch has this shape. */
export interface Messages {
  readonly size: number
  /** Throws a HermesError for a payload that has no value. */
  value(index: number): unknown
  /** The message as it came, where that is JSON in UTF-8 or at least looks like it; nobody has parsed it yet. */
  source?(index: number): Uint8Array | undefined
  meta(index: number): MessageFacts
}

/** The table that a workflow's messages go into. */
export interface MessageTarget {
  /** What `source_name` says. */
  readonly workflow: string
  readonly table: string
  /** Columns that tell one row of the workflow from another; empty: `message_id`, which takes the message's id. */
  readonly primaryKey: readonly string[]
  /** Declared columns; fields beside them are inferred or, with `freeze`, left out. */
  readonly columns: readonly DeclaredColumn[]
  /** The column that takes the message as a whole; fields that no other column is declared for have none then. */
  readonly json?: string
  /** What becomes of a message whose key is there: `merge` replaces the row, `append` leaves it. */
  readonly write: 'append' | 'merge'
  readonly evolve: 'additive' | 'freeze'
}

/** A message that has no place in the table and never will, and why. */
export interface RefusedMessage {
  readonly index: number
  readonly reason: string
}

export interface MessagesWritten {
  /** In the order of the messages; all others are durable. */
  readonly refused: readonly RefusedMessage[]
  /**
   * Whether the checkpoint was committed with the rows. It is not when messages were refused: their dead letters have
   * to be durable first, and the caller moves it then.
   */
  readonly checkpointed: boolean
}

/** One workflow's way into one table of the database. */
export interface MessageTable extends AsyncDisposable {
  /**
   * Commits the messages and, in the same transaction, the checkpoint. Creates the table when it is not there, adds and
   * widens inferred columns. Throws when nothing is known to be written, and it may be tried again: a message that was
   * written all the same is not doubled. Calls are carried out one after the other.
   */
  write(
    messages: Messages,
    options: { readonly checkpoint?: Checkpoint },
    signal: AbortSignal,
  ): Promise<MessagesWritten>
}

export interface MessageTables {
  /** Throws `invalid_value` for a target that contradicts itself. Nothing is looked at before the first write. */
  open(target: MessageTarget): MessageTable
}
