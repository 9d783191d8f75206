import type { ErrorCode } from '../errors.ts'

/** An error that a PostgreSQL server sent, with its SQLSTATE; not one of the network or of the client. */
export interface ServerProblem extends Error {
  readonly code: string
  readonly severity: string
}

export function isServerProblem(error: unknown): error is ServerProblem {
  return error instanceof Error && 'severity' in error && 'code' in error && typeof error.code === 'string'
}

/** SQLSTATEs, or the classes of them, that pass by themselves. */
const passing = [
  '08', // the connection
  '40', // serialization, deadlock, conflict with recovery
  '53', // out of connections, memory or disk
  '57', // shut down, starting up, cancelled
  '58', // the disk, below the server
  '55006', // in use: a replication slot that another connection reads
  '55P03', // a lock
  '25P03', // ended for being idle
  '25P04',
]

const lost =
  /can no longer (?:get changes from|access) replication slot|has been invalidated|requested WAL segment .* removed/
const unpublished = /^publication ".*" does not exist$/

/** What the vendor's client says before the server could. */
const settled = /^SASL|does not support SSL connections/

/** The code for what went wrong with something that does not depend on a message. */
export function problemCode(error: unknown): ErrorCode {
  if (!isServerProblem(error)) {
    return error instanceof Error && settled.test(error.message) ? 'connector_refused' : 'connector_unavailable'
  }
  const { code, message } = error
  if (lost.test(message)) return 'changes_lost'
  return passing.some((each) => code.startsWith(each)) ? 'connector_unavailable' : 'connector_refused'
}

/** Changes are read that were written when the publication was not there: they can never be read. */
export function isUnpublished({ message }: Error): boolean {
  return unpublished.test(message)
}
