import type { LoadTarget, Row, SqlValue, Statement } from '../database.ts'

/** What a thread is started with. */
export interface ThreadSettings {
  readonly path: string
  /** A reader refuses to write; there is one writer, so that writers never wait for each other inside the process. */
  readonly role: 'writer' | 'reader'
}

/** What a thread can be asked for. Requests are carried out one after the other, in the order they were posted. */
export type ThreadRequest =
  | { readonly op: 'query'; readonly sql: string; readonly values: readonly SqlValue[] }
  /** Several statements in one transaction. */
  | { readonly op: 'script'; readonly sql: string }
  | { readonly op: 'load_open'; readonly loader: number; readonly target: LoadTarget }
  | {
      readonly op: 'load_write'
      readonly loader: number
      readonly rows: readonly Row[]
      readonly beside: readonly Statement[]
    }
  | {
      readonly op: 'load_swap'
      readonly loader: number
      readonly source: string
      readonly beside: readonly Statement[]
    }
  | { readonly op: 'load_reshape'; readonly loader: number; readonly target: LoadTarget }
  | { readonly op: 'load_close'; readonly loader: number }
  /** Closes the connection: the last one to close folds the WAL back into the file. */
  | { readonly op: 'close' }

/** The answer to `query`; the other requests answer nothing. */
export interface QueryAnswer {
  readonly rows: readonly Record<string, unknown>[]
  /** Rows changed, for a statement that returns none. */
  readonly changes?: number
}

export interface ThreadFailure {
  readonly message: string
  /** SQLite's extended result code, when the failure came from there. */
  readonly errcode?: number
  /** Code and message of a HermesError thrown in the thread. */
  readonly hermes?: string
}

export interface ThreadQuestion {
  readonly id: number
  readonly request: ThreadRequest
}

export type ThreadAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: ThreadFailure }
