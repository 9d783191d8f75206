import { Readable } from 'node:stream'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Clock } from '../clock.ts'
import { HermesError } from '../errors.ts'
import { rawNumber } from '../lossless-json.ts'
import type { Api, Check } from './api.ts'
import { errorAnswer, toAnswerable } from './error-answer.ts'
import type { GuardedRequest } from './guard.ts'
import { readiness } from './health.ts'
import { addHookRoute, HOOK_PATH } from './hooks/hook-route.ts'
import { addInboundRoute, INBOUND_PATH, needsGuard } from './hooks/inbound-route.ts'
import type { Hooks, ReceiveHook } from './hooks/receive.ts'
import type { RouteTable } from './hooks/route-table.ts'
import type { Metrics } from './metrics.ts'
import { openapi } from './openapi.ts'
import type { Route, RouteRequest } from './route.ts'
import { BODY_LIMIT, routes } from './routes.ts'
import { runLines } from './run-lines.ts'

/** Structured logging, as the whole of Hermes does it. */
export interface ServiceLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** What the service stands on. */
export interface ServiceParts {
  readonly version: string
  readonly api: Api
  readonly checks: readonly Check[]
  readonly metrics: Metrics
  readonly clock: Clock
  readonly log: ServiceLog
  /** Absent: nothing takes webhooks. */
  readonly hooks?: Hooks
  /** Who answers below `/hooks/`; absent: no workflow takes webhooks. */
  readonly routes?: RouteTable
}

/** What differs between the listeners of one service. */
export interface Listener {
  /** Aborts when the service stops: what streams ends. */
  readonly stopping: AbortSignal
  /** Throws for requests that may not pass; absent on the socket, which only its user can open. */
  readonly guard?: (request: GuardedRequest) => void
  /** What all listeners of the service share; absent: there is no route for webhooks. */
  readonly receiveHook?: ReceiveHook
}

/** The HTTP server of one listener, with every route; it does not listen yet. */
export function buildServer(parts: ServiceParts, listener: Listener): FastifyInstance {
  const server = fastify({
    bodyLimit: BODY_LIMIT,
    logger: false,
    routerOptions: { maxParamLength: 253 },
    frameworkErrors: (thrown, _request, reply) => {
      const { error, status } = toAnswerable(thrown)
      void (reply as unknown as FastifyReply).code(status).send(errorAnswer(error))
    },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true } },
  })
  const yaml = ['application/yaml', 'text/yaml', 'text/plain', 'application/x-yaml']
  server.addContentTypeParser(yaml, { parseAs: 'string' }, (_request, body, done) => done(null, body))
  server.setReplySerializer((payload) => JSON.stringify(payload, jsonValue))
  addErrors(server, parts, listener)
  addHooks(server, parts, listener)
  addHealth(server, parts)
  for (const route of routes) addRoute(server, route, parts, listener)
  if (listener.receiveHook !== undefined) addHookRoute(server, listener.receiveHook, parts.log)
  if (parts.routes !== undefined) addInboundRoute(server, parts.routes, parts.clock)
  server.get('/api/v1/openapi.json', () => openapi(parts.version))
  return server
}

function addErrors(server: FastifyInstance, { log }: ServiceParts, { stopping }: Listener): void {
  server.setErrorHandler((thrown, request, reply) => {
    const isCut = stopping.aborted && thrown instanceof Error && thrown.name === 'AbortError'
    const { error, status } = toAnswerable(isCut ? stopping.reason : thrown)
    // That a service stops is no failure of it.
    if (status >= 500 && error.code !== 'service_stopping')
      log.error({ code: error.code, error: error.message, route: routeOf(request) }, 'request failed')
    return reply.code(status).send(errorAnswer(error))
  })
  server.setNotFoundHandler((request, reply) => {
    const error = new HermesError('request_invalid', `there is no ${request.method} ${request.url.slice(0, 200)}`)
    return reply.code(404).send(errorAnswer(error))
  })
}

function addHooks(server: FastifyInstance, { metrics, log, routes: table }: ServiceParts, { guard }: Listener): void {
  if (guard !== undefined) {
    server.addHook('onRequest', async (request) => {
      // A webhook is let in by its signature alone, whatever name its sender knows the service by.
      if (routeOf(request) === HOOK_PATH) return
      if (routeOf(request) === INBOUND_PATH && table !== undefined && !needsGuard(table, request)) return
      const { url, method } = request
      const { host, authorization } = request.headers
      const changes = method !== 'GET' && method !== 'HEAD' && !looking.has(`${method} ${routeOf(request)}`)
      guard({ host, authorization, api: !isOpen(url), changes })
    })
  }
  server.addHook('onResponse', async (request, reply) => {
    const seconds = reply.elapsedTime / 1000
    const answered = { method: request.method, route: routeOf(request), status: reply.statusCode, seconds }
    metrics.request(answered)
    log.debug(answered, 'request answered')
  })
}

/** What is no GET and changes nothing all the same. */
const looking = new Set(routes.flatMap(({ looks, method, path }) => (looks ? [`${method} ${urlOf(path)}`] : [])))

function urlOf(path: string): string {
  return `/api/v1${path}`
}

/** Health and metrics need no token; everything else does. */
function isOpen(url: string): boolean {
  return /^\/(livez|readyz|metrics)(\?|$)/.test(url)
}

/** The pattern of a route, so that its metrics stay few. */
function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? 'none'
}

function addHealth(server: FastifyInstance, { version, checks, metrics, clock }: ServiceParts): void {
  server.get('/livez', () => ({ status: 'ok', version }))
  server.get('/readyz', async (_request, reply) => {
    const ready = await readiness(checks, version, clock)
    return reply.code(ready.status === 'unavailable' ? 503 : 200).send(ready)
  })
  server.get('/metrics', async (_request, reply) => {
    const { text, contentType } = await metrics.scrape()
    return reply.type(contentType).serializer(String).send(text)
  })
}

function addRoute(server: FastifyInstance, route: Route, parts: ServiceParts, listener: Listener): void {
  const { method, params, query, body, bodyLimit } = route
  server.route({
    method,
    url: urlOf(route.path),
    ...(bodyLimit === undefined ? {} : { bodyLimit }),
    schema: {
      ...(params === undefined ? {} : { params }),
      ...(query === undefined ? {} : { querystring: query }),
      ...(body === undefined ? {} : { body }),
    },
    handler: async (request, reply) => {
      const { handle, stream } = route
      if (stream !== undefined) return streamLines(stream, request, reply, { ...parts, ...listener })
      if (handle === undefined) return streamRun(request, reply, parts, listener)
      return reply.type('application/json; charset=utf-8').send(await handle(parts.api, requestOf(request)))
    },
  })
}

function requestOf(request: FastifyRequest): RouteRequest {
  const params = request.params as Record<string, string>
  const query = request.query as Record<string, unknown>
  return { params, query, body: request.body ?? null }
}

/** What can be refused is refused before the first line. */
async function streamLines(
  stream: NonNullable<Route['stream']>,
  request: FastifyRequest,
  reply: FastifyReply,
  { api, stopping }: Pick<ServiceParts, 'api'> & Pick<Listener, 'stopping'>,
): Promise<FastifyReply> {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  const found = await stream(api, requestOf(request), AbortSignal.any([gone.signal, stopping]))
  return reply.type('application/x-ndjson').send(Readable.from(linesOf(found), { objectMode: false }))
}

/** An empty line first: the caller knows that it was let in, however long the first one takes. */
async function* linesOf(found: AsyncIterable<object>): AsyncGenerator<string> {
  yield '\n'
  for await (const each of found) yield `${JSON.stringify(each)}\n`
}

/** The run ends when its caller goes away or the service stops. */
async function streamRun(
  request: FastifyRequest,
  reply: FastifyReply,
  { api, clock }: ServiceParts,
  { stopping }: Listener,
): Promise<FastifyReply> {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort(new HermesError('service_stopping', 'the caller went away')))
  const { name } = request.params as { name: string }
  const signal = AbortSignal.any([gone.signal, stopping])
  const lines = await runLines((onProgress) => api.run(name, signal, onProgress), clock)
  return reply.type('application/x-ndjson').send(lines)
}

/** Rows hold what JSON has no notion of: bigints become numbers with all their digits, bytes base64. */
function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return rawNumber(String(value))
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  return value
}
