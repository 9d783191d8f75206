import type { FastifyInstance } from 'fastify'
import type { Verdict } from './judge.ts'
import type { ReceiveHook } from './receive.ts'

/** Where Git hosts send their webhooks. Their signature is what lets them in; they carry no token. */
export const HOOK_PATH = '/hooks/git'

/** The size of the largest webhook, in bytes. */
export const HOOK_LIMIT = 1024 * 1024

interface HookLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
}

/** Adds the route, with bodies as they come: signatures are over bytes. */
export function addHookRoute(server: FastifyInstance, receive: ReceiveHook, log: HookLog): void {
  void server.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    scope.post(HOOK_PATH, { bodyLimit: HOOK_LIMIT }, async ({ headers, body }, reply) => {
      const verdict = receive(headers, body instanceof Uint8Array ? body : new Uint8Array())
      if (verdict.kind === 'wakes') log.info({ host: verdict.host, refs: verdict.refs }, 'webhook received')
      else log.debug(verdict, 'webhook wakes nothing')
      return reply.code(verdict.kind === 'ping' ? 200 : 202).send(answerTo(verdict))
    })
  })
}

/** What the host shows in its list of deliveries. */
function answerTo(verdict: Verdict): object {
  return { wakes: verdict.kind === 'wakes', ...(verdict.kind === 'ignored' ? { reason: verdict.reason } : {}) }
}
