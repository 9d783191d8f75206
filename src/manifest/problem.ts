import { type ErrorCode, errorTable, type Location } from '../errors.ts'
import type { Problem } from './manifest.ts'

/** Where in the document a problem is, and a more exact fix than the table's. */
export interface ProblemDetails {
  readonly path?: string
  readonly fix?: string
}

/** A problem with the fix of the error table unless a better one is given. */
export function problem(code: ErrorCode, message: string, at: Location, details: ProblemDetails = {}): Problem {
  const { path, fix = errorTable[code].fix } = details
  return { code, message, at, ...(path === undefined ? {} : { path }), fix }
}

/** The place of a problem that concerns a whole file. */
export function startOf(file: string): Location {
  return { file, line: 1, column: 1 }
}
