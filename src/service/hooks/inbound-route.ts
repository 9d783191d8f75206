import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../../clock.ts'
import { HermesError } from '../../errors.ts'
import type { InboundRoute } from '../../inbound-routes.ts'
import { type BodyBudget, readBody } from './request-body.ts'
import type { Found, RouteTable } from './route-table.ts'

/** Where webhooks for workflows arrive: `/hooks/WORKFLOW/PATH`. */
export const INBOUND_PATH = '/hooks/*'

/** What bodies take at most while they are read, all together; also the largest one there can be. */
const MOST_BYTES = 64 * 1024 * 1024

/** When to come again to a workflow that does not run. */
const IDLE_RETRY_MS = 5_000

/**
 * Whether the service has to find out who asks: not where a route does so itself, nor where a workflow does not run.
 * That one answers nobody but by "come again", and its sender may have a signature and no token.
 */
export function needsGuard(table: RouteTable, request: FastifyRequest): boolean {
  const found = foundFor(table, request)
  return found === undefined || (found !== 'idle' && !found.guardsItself)
}

/** Adds the route. Bodies are read as they come, and no further than the route that answers wants them. */
export function addInboundRoute(server: FastifyInstance, table: RouteTable, clock: Clock): void {
  const budget: BodyBudget = { used: 0, most: MOST_BYTES }
  void server.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
    scope.post(INBOUND_PATH, { bodyLimit: MOST_BYTES }, async (request, reply) => {
      try {
        return await answer(routeFor(table, request), request, budget, clock)
      } catch (error) {
        throw withHeaders(error, request, reply)
      }
    })
  })
}

async function answer(
  route: InboundRoute,
  { raw, headers }: FastifyRequest,
  budget: BodyBudget,
  clock: Clock,
): Promise<object> {
  const body = await readBody(raw, Math.min(route.maxBytes, MOST_BYTES), budget, clock)
  return await route.answer({ headers, body })
}

function foundFor(table: RouteTable, { params }: FastifyRequest): Found {
  return table.find((params as Readonly<Record<string, string>>)['*'] ?? '')
}

function routeFor(table: RouteTable, request: FastifyRequest): InboundRoute {
  const found = foundFor(table, request)
  if (found === undefined) throw new HermesError('not_found', 'no workflow takes webhooks here')
  if (found !== 'idle') return found
  throw new HermesError('webhook_busy', 'the workflow does not run just now', { retryAfterMs: IDLE_RETRY_MS })
}

/** Says when to come again, and ends the connection where the rest of the body was not read. */
function withHeaders(error: unknown, { raw }: FastifyRequest, reply: FastifyReply): unknown {
  if (error instanceof HermesError && error.retryAfterMs !== undefined) {
    reply.header('retry-after', Math.max(1, Math.ceil(error.retryAfterMs / 1_000)))
  }
  if (!raw.complete) reply.header('connection', 'close')
  return error
}
