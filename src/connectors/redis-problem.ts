import type { ErrorCode } from '../errors.ts'

/** What an error reply of Redis says about what was asked. */
export type ReplyKind =
  /** The server cannot do it now: memory, a failover, a load. */
  | 'later'
  /** The server does not let this user do it, or is not the server for it. */
  | 'refused'
  /** It will never be done as it was asked. */
  | 'never'

const later = new Set([
  'OOM',
  'READONLY',
  'LOADING',
  'MASTERDOWN',
  'BUSY',
  'TRYAGAIN',
  'CLUSTERDOWN',
  'NOREPLICAS',
  'MISCONF',
  'NOSCRIPT',
  'UNBLOCKED',
  'NOMASTERLINK',
  // A stream or group that went is made again.
  'NOGROUP',
])
const refused = new Set(['NOAUTH', 'NOPERM', 'WRONGPASS', 'DENIED', 'MOVED', 'ASK', 'CROSSSLOT'])

/** By the first word of the reply, as the protocol has it. */
export function replyKind(message: string): ReplyKind {
  const [prefix = ''] = message.split(' ', 1)
  if (later.has(prefix)) return 'later'
  if (refused.has(prefix) || /max number of clients/.test(message)) return prefix === 'ERR' ? 'later' : 'refused'
  return 'never'
}

/** An error that a Redis server sent, not one of the network or of the client. */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError'
}

/** The code for a reply to something that does not depend on a message. */
export function replyCode(message: string): ErrorCode {
  return replyKind(message) === 'later' ? 'connector_unavailable' : 'connector_refused'
}
