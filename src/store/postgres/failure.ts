import { DatabaseError } from 'pg'
import { HermesError } from '../../errors.ts'

// Connection exceptions, refused credentials, a missing database, too many connections or a full disk, a shutdown.
const unavailable = /^(?:08|28|3D|53|57P)/
const network = /^E(?:CONN|PIPE|TIMEDOUT|HOST|NET|AI_|ADDR)|^ENOTFOUND$|^ENOENT$|^EACCES$|_TLS_|CERT/
const lost = /^(?:Connection terminated|timeout exceeded|Client has encountered|Cannot use a pool)|ssl|socket/i

/** What `pg` throws as a HermesError: who cannot be reached, or what the server says against a statement. */
export function postgresError(error: unknown, location: string): HermesError {
  if (error instanceof HermesError) return error
  const first = error instanceof AggregateError ? error.errors[0] : error
  const code = first instanceof Error && 'code' in first && typeof first.code === 'string' ? first.code : ''
  const message = first instanceof Error ? first.message : String(first)
  const isServer = /^[0-9A-Z]{5}$/.test(code) && !network.test(code)
  const gone = isServer ? unavailable.test(code) : network.test(code) || lost.test(message)
  if (gone) return new HermesError('database_unavailable', `${location}: ${message}`, { cause: error })
  const detail =
    first instanceof Error && 'detail' in first && typeof first.detail === 'string' ? `: ${first.detail}` : ''
  return new HermesError('database_error', `${message}${detail}`, { cause: error })
}

// A serialization failure, a deadlock; a table, or the type that goes with it, that came between look and creation.
const retried: ReadonlySet<string> = new Set(['40001', '40P01', '42P07', '42710'])

/**
 * Whether a transaction failed only because of another one at the same moment: a deadlock, a serialization failure, or
 * both creating the same table, which IF NOT EXISTS does not prevent.
 */
export function isCollision(error: unknown): boolean {
  const cause = error instanceof HermesError ? error.cause : error
  if (!(cause instanceof DatabaseError)) return false
  if (retried.has(cause.code ?? '') || /concurrently updated/.test(cause.message)) return true
  return cause.code === '23505' && cause.schema === 'pg_catalog'
}
