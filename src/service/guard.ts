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

/** What lets a request in: `token` for everything, `readToken` for whatever changes nothing. */
export interface Tokens {
  readonly token?: string | undefined
  readonly readToken?: string | undefined
}

/**
 * Who may ask over TCP: with a token configured every API request must carry one; without any only reads are allowed,
 * on loopback. On loopback the Host header must name it too, so that no web page reaches the service by rebinding a
 * name. Throws `unauthorized`, `token_needed` or `read_only_token`.
 */
export function tcpGuard(listen: { readonly host: string }, { token, readToken }: Tokens) {
  const [full, reading] = [digestOf(token), digestOf(readToken)]
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
    if (full === undefined && reading === undefined) {
      if (!request.changes && loopback) return
      throw new HermesError('token_needed', 'changes are not accepted over TCP: the service has no token')
    }
    const given = /^Bearer +(\S+)$/i.exec(request.authorization ?? '')?.[1]
    if (given === undefined) throw new HermesError('unauthorized', 'the request carries no token')
    const digest = sha256(given)
    const [isFull, isReading] = [isEqual(digest, full), isEqual(digest, reading)]
    if (!isFull && !isReading) throw new HermesError('unauthorized', 'the token is not the right one')
    if (!isFull && request.changes) throw new HermesError('read_only_token', 'the token may only look and plan')
  }
}

function hostName(host: string | undefined): string {
  if (host === undefined) return ''
  return host
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()
}

function digestOf(token: string | undefined): Buffer | undefined {
  return token === undefined ? undefined : sha256(token)
}

function isEqual(digest: Buffer, expected: Buffer | undefined): boolean {
  return expected !== undefined && timingSafeEqual(digest, expected)
}

/** Digests have one length, so that comparing them tells nothing about the token's. */
function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
