import { createHash, timingSafeEqual } from 'node:crypto'
import { isLoopback } from '../config.ts'
import { HermesError } from '../errors.ts'

/** What the guard looks at. */
export interface GuardedRequest {
  /** The Host header. */
  readonly host: string | undefined
  readonly authorization: string | undefined
  /** Whether it is below `/api`; health and metrics need no token. */
  readonly api: boolean
  readonly changes: boolean
}

/**
 * Who may ask over TCP: with a token configured every API request must carry it; without one only reads are allowed, on
 * loopback. On loopback the Host header must name it too, so that no web page reaches the service by rebinding a name.
 * Throws `unauthorized` or `token_needed`.
 */
export function tcpGuard(listen: { readonly host: string }, token: string | undefined) {
  const digest = token === undefined ? undefined : sha256(token)
  const loopback = isLoopback(listen.host)
  return (request: GuardedRequest): void => {
    if (loopback && !isLoopback(hostName(request.host))) {
      throw new HermesError(
        'unauthorized',
        `the Host header ${JSON.stringify(request.host ?? '')} is not this service`,
        {
          fix: `Ask for http://${listen.host} or http://localhost.`,
        },
      )
    }
    if (!request.api) return
    if (digest === undefined) {
      if (!request.changes && loopback) return
      throw new HermesError('token_needed', 'changes are not accepted over TCP: the service has no token')
    }
    const given = /^Bearer +(\S+)$/i.exec(request.authorization ?? '')?.[1]
    if (given === undefined) throw new HermesError('unauthorized', 'the request carries no token')
    if (!timingSafeEqual(sha256(given), digest)) throw new HermesError('unauthorized', 'the token is not the right one')
  }
}

function hostName(host: string | undefined): string {
  if (host === undefined) return ''
  return host
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()
}

/** Digests have one length, so that comparing them tells nothing about the token's. */
function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
