import { HermesError } from '../errors.ts'

// Data exceptions, constraints, limits of the server (a key too large for its index), and what triggers raise.
const postgresFault = /^(?:22|23|54)|^P0001$/
// TOOBIG, CONSTRAINT, MISMATCH.
const sqliteFaults: ReadonlySet<number> = new Set([18, 19, 20])
const ownFaults: ReadonlySet<string> = new Set([
  'value_mismatch',
  'record_not_object',
  'key_missing',
  'too_many_columns',
])

/** Whether a write failed because of what is in its rows: fewer of them may be written, and one by itself never will. */
export function isRowFault(error: unknown): boolean {
  if (!(error instanceof HermesError)) return false
  if (ownFaults.has(error.code)) return true
  if (error.code !== 'database_error') return false
  const { cause } = error
  if (typeof cause !== 'object' || cause === null) return false
  if ('errcode' in cause && typeof cause.errcode === 'number') return sqliteFaults.has(cause.errcode & 255)
  return 'code' in cause && typeof cause.code === 'string' && postgresFault.test(cause.code)
}
