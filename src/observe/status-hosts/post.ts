import { getCACertificates } from 'node:tls'
import type { Dispatcher } from 'undici'
import type { RepositoryAddress } from '../repository-address.ts'
import type { CommitStatusUpdate, StatusHost } from './status-host.ts'
import { waitMs } from './wait.ts'

/** Where and how statuses are posted. */
export interface PosterOptions {
  readonly host: StatusHost
  readonly repository: RepositoryAddress
  /** Without a slash at the end. */
  readonly apiUrl: string
  /** Certificates, PEM, that are trusted beside the machine's. */
  readonly ca: string | undefined
}

/** What came of a post: `refused` is for good, `failed` may go better later. */
export interface PostResult {
  readonly outcome: 'done' | 'refused' | 'failed'
  /** Milliseconds that the host asks to be left alone. */
  readonly waitMs: number
  /** Why it did not succeed. */
  readonly error: string
}

/** Posts the statuses of commits; never throws. */
export interface Poster {
  post(update: CommitStatusUpdate, token: string, clock: { now(): number }, signal: AbortSignal): Promise<PostResult>
  close(): Promise<void>
}

const TIMEOUT_MS = 10_000
const ERROR_BYTES = 4_096
const ERROR_CHARACTERS = 200

/** Asking again helps after these, among the answers 4xx: somebody may give the token its rights meanwhile. */
const mendable = new Set([401, 403, 404, 408, 425, 429])

export function statusPoster(options: PosterOptions): Poster {
  let opening: Promise<Dispatcher> | undefined
  return {
    post: async (update, token, clock, signal) => {
      try {
        opening ??= openDispatcher(options.ca)
        const either = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])
        const answer = await send(options, { update, token, dispatcher: await opening, signal: either })
        return resultOf(options.host, answer, clock.now(), token)
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error)
        return { outcome: 'failed', waitMs: 0, error: masked(message, token) }
      }
    },
    close: async () => await (await opening)?.destroy(),
  }
}

async function openDispatcher(ca: string | undefined): Promise<Dispatcher> {
  const { EnvHttpProxyAgent } = await import('undici')
  const connect = ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] }
  return new EnvHttpProxyAgent({ connect, requestTls: connect })
}

interface Call {
  readonly update: CommitStatusUpdate
  readonly token: string
  readonly dispatcher: Dispatcher
  readonly signal: AbortSignal
}

interface Answer {
  readonly status: number
  readonly headers: Dispatcher.ResponseData['headers']
  readonly text: string
}

/** No redirect is followed: the token is for this host. */
async function send({ host, repository, apiUrl }: PosterOptions, call: Call): Promise<Answer> {
  const { update, token, dispatcher, signal } = call
  const url = new URL(apiUrl + host.path(repository, update.sha))
  const response = await dispatcher.request({
    origin: url.origin,
    path: url.pathname,
    method: 'POST',
    headers: { ...host.headers(token), 'content-type': 'application/json', 'user-agent': 'hermes' },
    body: JSON.stringify(host.body(update)),
    signal,
  })
  return { status: response.statusCode, headers: response.headers, text: await beginning(response.body) }
}

async function beginning(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of body) {
    parts.push(part)
    length += part.length
    if (length >= ERROR_BYTES) break
  }
  return Buffer.concat(parts).toString('utf8')
}

function resultOf(host: StatusHost, answer: Answer, now: number, token: string): PostResult {
  const { status, text } = answer
  const wait = waitMs(answer, now)
  const done = (status >= 200 && status < 300) || host.isRepetition?.(status, text) === true
  if (done) return { outcome: 'done', waitMs: wait, error: '' }
  const refused = status >= 400 && status < 500 && !mendable.has(status)
  const error = masked(`${host.name} answered ${status}: ${text.replaceAll(/\s+/g, ' ')}`, token)
  return { outcome: refused ? 'refused' : 'failed', waitMs: wait, error: error.slice(0, ERROR_CHARACTERS) }
}

function masked(text: string, token: string): string {
  return token === '' ? text : text.replaceAll(token, '***')
}
