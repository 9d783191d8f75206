import { request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HermesError } from '../../src/errors.ts'
import type { InboundRequest, InboundRoute } from '../../src/inbound-routes.ts'
import { openRouteTable, type RouteTable } from '../../src/service/hooks/route-table.ts'
import { FakeClock } from '../fake-clock.ts'
import { type Answer, ask, openWorld } from './open-world.ts'

const TOKEN = 'a-token-of-some-length'
const MEGABYTE = 1_048_576

let clock: FakeClock
let routes: RouteTable
let world: Awaited<ReturnType<typeof openWorld>>
let seen: InboundRequest[]
beforeEach(async () => {
  clock = new FakeClock()
  routes = openRouteTable()
  seen = []
  world = await openWorld({ http: { host: '127.0.0.1', port: 0 }, token: TOKEN, routes, clock })
})
afterEach(() => world[Symbol.asyncDispose]())

const echo = (changes: Partial<InboundRoute> = {}): InboundRoute => ({
  maxBytes: 1_000,
  guardsItself: true,
  answer: async (each) => {
    seen.push(each)
    return { bytes: each.body.length }
  },
  ...changes,
})

function post(
  path: string,
  body = '',
  headers: Readonly<Record<string, string>> = {},
  method = 'POST',
): Promise<Answer> {
  return ask({ ...world.service.http, method, path, headers }, body)
}

const failing = (error: Error) => echo({ answer: () => Promise.reject(error) })

/** The answer to a request that never comes to its end. */
async function begin(path: string, headers: Readonly<Record<string, string>>, body: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const sent = request({ ...world.service.http, method: 'POST', path, headers })
  sent.on('error', reject).on('response', (answer) => {
    text(answer).then(
      (content) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: content }),
      reject,
    )
  })
  sent.flushHeaders()
  if (body !== '') sent.write(body)
  const answer = await promise
  sent.on('error', () => undefined).destroy()
  return answer
}

describe('a route of a workflow', () => {
  it('gets headers and bytes as they came, whatever their type', async () => {
    routes.room('orders').add('paid', echo())
    for (const headers of [{}, { 'content-type': 'application/json' }, { 'content-type': 'application/vnd.acme+x' }]) {
      const answer = await post('/hooks/orders/paid', '{"half', { ...headers, 'X-Key': 'a' })
      expect([answer.status, answer.text]).toEqual([200, '{"bytes":6}'])
    }
    expect(seen.map(({ headers, body }) => [headers['x-key'], Buffer.from(body).toString()])).toEqual(
      Array.from({ length: 3 }, () => ['a', '{"half']),
    )
    expect((await post('/hooks/orders/paid')).text).toBe('{"bytes":0}')
    expect((await post('/hooks/orders/paid', 'x', { 'transfer-encoding': 'chunked' })).text).toBe('{"bytes":1}')
  })

  it('is there until it is disposed; its room says to come again, until that is disposed too', async () => {
    const room = routes.room('orders')
    const route = room.add('', echo())
    expect((await post('/hooks/orders')).status).toBe(200)
    expect((await post('/hooks/orders/')).status).toBe(200)
    expect((await post('/hooks/orders/other')).status).toBe(503)
    route[Symbol.dispose]()
    route[Symbol.dispose]()
    const idle = await post('/hooks/orders')
    expect([idle.status, idle.headers['retry-after'], idle.text]).toEqual([
      503,
      '5',
      expect.stringContaining('webhook_busy'),
    ])
    room[Symbol.dispose]()
    expect((await post('/hooks/orders')).status).toBe(401)
    expect((await post('/hooks/orders', '', { authorization: `Bearer ${TOKEN}` })).status).toBe(404)
    routes.room('orders')
    room[Symbol.dispose]()
    expect((await post('/hooks/orders')).status).toBe(503)
  })

  it('shares its place with nobody', () => {
    const room = routes.room('orders')
    room.add('a', echo())
    room.add('', echo())
    for (const taken of [
      () => room.add('a', echo()),
      () => room.add('', echo()),
      () => routes.room('orders'),
      () => routes.room('git'),
    ]) {
      expect(taken).toThrow(expect.objectContaining({ code: 'connector_refused' }))
    }
  })

  it('that does not find out itself who asks is guarded as the API is', async () => {
    routes.room('orders').add('', echo({ guardsItself: false }))
    const right = { authorization: `Bearer ${TOKEN}` }
    expect((await post('/hooks/orders', 'x', right)).status).toBe(200)
    expect((await post('/hooks/orders', 'x')).status).toBe(401)
    expect((await post('/hooks/orders', 'x', { ...right, host: 'evil.example' })).status).toBe(401)
    expect((await world.ask('POST', '/hooks/orders', 'x')).status).toBe(200)
    expect(seen).toHaveLength(2)
  })

  it('that does is open under whatever name the sender knows the service by', async () => {
    routes.room('orders').add('', echo())
    expect((await post('/hooks/orders', 'x', { host: 'hermes.example.com' })).status).toBe(200)
  })

  it.each([
    ['GET', '/hooks/orders'],
    ['PUT', '/hooks/orders'],
    ['POST', '/hooks/'],
    ['POST', '/hooks'],
    ['POST', '//hooks/orders'],
    ['POST', '/hooks/Orders'],
    ['POST', '/hooks/orders/../../api/v1/reconcile'],
    ['POST', '/hooks/git'],
    ['GET', '/api/v1/status'],
    ['POST', '/api/v1/reconcile?/hooks/orders'],
  ])('opens no other door: %s %s', async (method, path) => {
    routes.room('orders').add('', echo())
    const { status } = await post(path, method === 'GET' ? '' : 'x', {}, method)
    expect([401, 503]).toContain(status)
    expect(seen).toEqual([])
    expect(world.api.reconciled).toEqual([])
  })

  it('answers with what it throws: status, code and when to come again', async () => {
    const room = routes.room('orders')
    room.add('busy', failing(new HermesError('webhook_busy', 'full', { retryAfterMs: 1_200 })))
    room.add('bad', failing(new HermesError('request_invalid', 'half')))
    room.add('who', failing(new HermesError('unauthorized', 'who')))
    room.add('bug', failing(new TypeError('oops')))
    const answers = await Promise.all(['busy', 'bad', 'who', 'bug'].map((each) => post(`/hooks/orders/${each}`, 'x')))
    expect(answers.map(({ status }) => status)).toEqual([503, 400, 401, 500])
    expect(answers.map(({ headers }) => headers['retry-after'])).toEqual(['2', undefined, undefined, undefined])
  })
})

describe('the body of a request', () => {
  it('is read no further than the route wants', async () => {
    routes.room('orders').add('', echo())
    expect((await post('/hooks/orders', 'x'.repeat(1_000))).status).toBe(200)
    const declared = await begin('/hooks/orders', { 'content-length': '1001' }, '')
    const chunked = await begin('/hooks/orders', { 'transfer-encoding': 'chunked' }, 'x'.repeat(1_001))
    for (const { status, text: answer, headers } of [declared, chunked]) {
      expect([status, headers.connection]).toEqual([413, 'close'])
      expect(answer).toContain('webhook_too_large')
    }
    expect(seen).toHaveLength(1)
  })

  it('is not read at all where nothing runs', async () => {
    routes.room('orders')
    const { status, headers } = await begin('/hooks/orders', { 'content-length': '1000000' }, '')
    expect([status, headers.connection, headers['retry-after']]).toEqual([503, 'close', '5'])
  })

  it('that does not come to its end in time is given up', async () => {
    routes.room('orders').add('', echo())
    const answer = begin('/hooks/orders', { 'content-length': '10' }, 'half')
    while (clock.sleeping === 0) await new Promise(setImmediate)
    await clock.advance(30_000)
    expect((await answer).status).toBe(400)
    expect(clock.sleeping).toBe(0)
    expect(seen).toEqual([])
  })

  it('whose sender goes away in the middle disturbs nobody', async () => {
    routes.room('orders').add('', echo())
    const { port = 0 } = world.service.http ?? {}
    const socket = connect(port, '127.0.0.1')
    socket.write('POST /hooks/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf')
    while (clock.sleeping === 0) await new Promise(setImmediate)
    socket.destroy()
    while (clock.sleeping > 0) await new Promise(setImmediate)
    expect((await post('/hooks/orders', 'x')).status).toBe(200)
    expect(seen).toHaveLength(1)
  })

  it('shares a bound with all others that are under way, and gives its share back', async () => {
    routes.room('orders').add('', echo({ maxBytes: 64 * MEGABYTE }))
    const { port = 0 } = world.service.http ?? {}
    const halves = Array.from({ length: 3 }, () => {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined)
      socket.write(`POST /hooks/orders HTTP/1.1\r\nHost: x\r\nContent-Length: ${30 * MEGABYTE}\r\n\r\n`)
      socket.write(Buffer.alloc(25 * MEGABYTE))
      return socket
    })
    const answers = await Promise.race(
      halves.map(
        (socket) =>
          new Promise<string>((resolve) => {
            socket.once('data', (data) => resolve(data.toString()))
          }),
      ),
    )
    expect(answers).toMatch(/^HTTP\/1.1 503 [^]*retry-after: 1\r\n[^]*connection: close/i)
    for (const socket of halves) socket.destroy()
    while (clock.sleeping > 0) await new Promise(setImmediate)
    const { status } = await post('/hooks/orders', 'x'.repeat(50 * MEGABYTE))
    expect(status).toBe(200)
  })
})
