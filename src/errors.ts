import type { NextMove } from './error-kind.ts'
import { errorTable } from './error-table.ts'

export type { NextMove } from './error-kind.ts'
export { errorTable } from './error-table.ts'

/** A place in a file; line and column count from 1. */
export interface Location {
  readonly file: string
  readonly line: number
  readonly column: number
}

export type ErrorCode = keyof typeof errorTable

export interface ErrorDetails {
  readonly at?: Location
  /** Overrides the table's fix with a more exact one. */
  readonly fix?: string
  /** The earliest useful time to try again, in milliseconds from now, when the other side named one. */
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

/** The one error class: its code says what it is and what happens next. */
export class HermesError extends Error {
  readonly code: ErrorCode
  readonly at: Location | undefined
  readonly fix: string
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'HermesError'
    this.code = code
    this.at = details.at
    this.fix = details.fix ?? errorTable[code].fix
    this.retryAfterMs = details.retryAfterMs
  }

  get next(): NextMove {
    return errorTable[this.code].next
  }
}

/** Any thrown value as a HermesError; what is not one becomes `code`. */
export function toHermesError(error: unknown, code: ErrorCode = 'internal'): HermesError {
  if (error instanceof HermesError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new HermesError(code, message, { cause: error })
}
