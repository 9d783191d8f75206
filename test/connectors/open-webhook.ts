import { createHmac } from 'node:crypto'
import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Clock } from '../../src/clock.ts'
import { webhookSource } from '../../src/connectors/sources/webhook.ts'
import { openRouteTable } from '../../src/service/hooks/route-table.ts'
import type { Source } from '../../src/stream/source.ts'
import { type Answer, openWorld } from '../service/open-world.ts'
import { openPushed } from './open-pushed.ts'

export const TOKEN = 'a-token-of-some-length'
export const SECRET = 'what only two know'

export type Headers = Readonly<Record<string, string>>

export function signature(body: string | Uint8Array, secret = SECRET): string {
  return createHmac('sha256', secret).update(body).digest('hex')
}

/** A service with a room for the workflow `orders`, and webhooks in it. */
export async function openWebhooks(clock?: Clock) {
  const routes = openRouteTable()
  const world = await openWorld({
    http: { host: '127.0.0.1', port: 0 },
    token: TOKEN,
    routes,
    ...(clock === undefined ? {} : { clock }),
  })
  const room = routes.room('orders')
  const agent = new Agent({ keepAlive: true, maxSockets: 256 })
  const sources: Source[] = []
  return {
    ...world,
    routes,
    room,
    open: async (config: object = { auth: { none: {} } }, by: { clock?: Clock } = {}): Promise<Source> => {
      const source = await openPushed(webhookSource, config, { routes: room, ...by })
      sources.push(source)
      return source
    },
    post: (body: string | Uint8Array, headers: Headers = {}, path = '/hooks/orders'): Promise<Answer> => {
      const { promise, resolve, reject } = Promise.withResolvers<Answer>()
      const sent = request({ ...world.service.http, agent, method: 'POST', path, headers }, (answer) => {
        text(answer).then(
          (content) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: content }),
          reject,
        )
      })
      sent.on('error', reject).end(body)
      return promise
    },
    [Symbol.asyncDispose]: async () => {
      for (const source of sources) await source[Symbol.asyncDispose]()
      agent.destroy()
      await world[Symbol.asyncDispose]()
    },
  }
}

export type Webhooks = Awaited<ReturnType<typeof openWebhooks>>

/** The body of an answer. */
export function told(answer: Answer): { readonly messages?: number; readonly error?: { readonly code: string } } {
  return JSON.parse(answer.text) as ReturnType<typeof told>
}
