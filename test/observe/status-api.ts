import type { ServerOptions } from 'node:https'
import { type LocalServer, type Seen, serve } from '../connectors/local-server.ts'
import type { FakeClock } from '../fake-clock.ts'

export type Kind = 'github' | 'gitlab' | 'gitea'

export interface Posted {
  readonly sha: string
  readonly state: string
  readonly description: string
  readonly context: string
}

/** Another answer than the fake would give: status, headers, body. */
export type Answer = readonly [number, Readonly<Record<string, string>>, unknown?]

export interface StatusApi extends LocalServer {
  /** What it took, in order. */
  readonly posted: Posted[]
  /** Why it refused what it refused by itself: a wrong path, token or form, or a request too soon after another. */
  readonly refused: string[]
  /** Given to the next requests instead; `undefined` answers nothing at all. */
  readonly instead: (Answer | undefined)[]
}

export const TOKEN = 'secret-status-token'

/** The three hosts' forms, as their documentation has them, for the repository `acme/tools/data` or `acme/data`. */
const forms = {
  github: {
    path: /^\/repos\/acme\/data\/statuses\/([0-9a-f]{40})$/,
    authorised: ({ headers }: Seen) =>
      headers.authorization === `Bearer ${TOKEN}` && headers['user-agent'] !== undefined,
    states: ['error', 'failure', 'pending', 'success'],
    context: 'context',
    longest: 140,
  },
  gitlab: {
    path: /^\/projects\/acme%2Ftools%2Fdata\/statuses\/([0-9a-f]{40})$/,
    authorised: ({ headers }: Seen) => headers['private-token'] === TOKEN,
    states: ['pending', 'running', 'success', 'failed', 'canceled', 'skipped'],
    context: 'name',
    longest: 255,
  },
  gitea: {
    path: /^\/repos\/acme\/data\/statuses\/([0-9a-f]{40})$/,
    authorised: ({ headers }: Seen) => headers.authorization === `token ${TOKEN}`,
    states: ['pending', 'success', 'error', 'failure', 'warning'],
    context: 'context',
    longest: Number.POSITIVE_INFINITY,
  },
} as const

/** Requests that come sooner after another are refused. */
const SPACING_MS = 3_000

/** A Git host's API for the status of commits, on loopback; it takes what the host would take and nothing else. */
export async function statusApi(kind: Kind, clock: FakeClock, tls?: ServerOptions): Promise<StatusApi> {
  const posted: Posted[] = []
  const refused: string[] = []
  const instead: (Answer | undefined)[] = []
  let lastAt = Number.NEGATIVE_INFINITY
  const answerTo = (request: Seen): Answer => {
    const tooSoon = clock.now() - lastAt < SPACING_MS
    lastAt = clock.now()
    const found = tooSoon ? ([429, {}, 'too soon'] as const) : judged(kind, request, posted)
    if ('sha' in found) {
      posted.push(found)
      return [201, {}, { id: posted.length }]
    }
    refused.push(found[2])
    return [found[0], found[1], { message: found[2] }]
  }
  const server = await serve((request, response) => {
    const replaced = instead.length > 0
    const answer = replaced ? instead.shift() : answerTo(request)
    if (replaced) lastAt = clock.now()
    if (answer === undefined) return undefined
    const [status, headers, body = {}] = answer
    response.statusCode = status
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    return body
  }, tls)
  return Object.assign(server, { posted, refused, instead })
}

function judged(
  kind: Kind,
  request: Seen,
  posted: readonly Posted[],
): Posted | readonly [number, object & Headers, string] {
  const { path, authorised, states, context, longest } = forms[kind]
  const [, sha] = path.exec(request.url.pathname) ?? []
  if (request.method !== 'POST' || sha === undefined) return [404, {}, `no ${request.method} ${request.url.pathname}`]
  if (!authorised(request)) return [401, {}, 'bad credentials']
  if (request.headers['content-type'] !== 'application/json') return [415, {}, 'no JSON']
  const body = JSON.parse(request.body) as Record<string, string>
  const status = {
    sha,
    state: body['state'] ?? '',
    description: body['description'] ?? '',
    context: body[context] ?? '',
  }
  if (!(states as readonly string[]).includes(status.state)) return [422, {}, `no state ${status.state}`]
  if (status.context === '' || Array.from(status.description).length > longest) return [422, {}, 'invalid']
  const before = posted.findLast((each) => each.sha === sha && each.context === status.context)
  return kind === 'gitlab' && before?.state === status.state
    ? [400, {}, `Cannot transition status via :enqueue from :${status.state}`]
    : status
}

type Headers = Readonly<Record<string, string>>
