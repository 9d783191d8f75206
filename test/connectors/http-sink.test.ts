import { describe, expect, it } from 'vitest'
import { type HttpSinkConfig, httpSink } from '../../src/connectors/sinks/http.ts'
import { bytesBatch, valueBatch } from '../../src/stream/batches.ts'
import type { Sink } from '../../src/stream/sink.ts'
import { client, failure, started } from './clients.ts'
import { type Handler, type LocalServer, type Seen, serve } from './local-server.ts'
import { openConnector } from './open-connector.ts'
import { connection, never } from './opened.ts'
import { forms, sinkContract } from './sink-contract.ts'

type Message = { readonly id: number; readonly bad?: boolean }

function messagesIn({ body }: Seen): Message[] {
  if (body.startsWith('[')) return JSON.parse(body) as Message[]
  return body.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Message]))
}

const decode = new TextDecoder()

for (const body of ['array', 'lines', 'single'] as const) {
  sinkContract(`http with ${body}`, async () => {
    const taken: Message[] = []
    let stalled = false
    const server = await serve((request, response) => {
      if (stalled) return undefined
      if (request.method === 'HEAD') return {}
      const messages = messagesIn(request)
      if (messages.some(({ bad }) => bad === true)) return void response.writeHead(422).end('bad is not allowed')
      taken.push(...messages)
      return {}
    })
    const http = connection({ url: server.url })
    return {
      open: () => openConnector(httpSink, { path: '/in', body }, { http }),
      written: async () => taken,
      refused: { id: -1, bad: true },
      stall: async () => {
        stalled = true
      },
      [Symbol.asyncDispose]: async () => {
        await server[Symbol.asyncDispose]()
        await http.close()
      },
    }
  })
}

async function sinkTo(
  handler: Handler,
  config: Partial<HttpSinkConfig> = {},
): Promise<{ sink: Sink; server: LocalServer }> {
  const server = await started(handler)
  return {
    server,
    sink: await openConnector(httpSink, { path: '/in', ...config }, { http: client({ url: server.url }) }),
  }
}

const three = valueBatch([{ id: 1 }, { id: 2 }, { id: 3 }])

describe('requests', () => {
  it('carry the batch, its type, the headers and the method', async () => {
    const { sink, server } = await sinkTo(() => ({}), { method: 'PUT', headers: { 'x-a': 'b' } })
    await sink.write(bytesBatch([new TextEncoder().encode('{"id": 1.50}'), new TextEncoder().encode('2')]), never)
    expect(server.seen[0]).toMatchObject({ method: 'PUT', body: '[{"id": 1.50},2]' })
    expect(server.seen[0]?.headers).toMatchObject({ 'content-type': 'application/json', 'x-a': 'b' })

    const lines = await sinkTo(() => ({}), { body: 'lines' })
    await lines.sink.write(three, never)
    expect(lines.server.seen[0]?.body).toBe('{"id":1}\n{"id":2}\n{"id":3}\n')
    expect(lines.server.seen[0]?.headers['content-type']).toBe('application/x-ndjson')

    const single = await sinkTo(() => ({}), { body: 'single' })
    await single.sink.write(three, never)
    expect(single.server.seen.map(({ body }) => body)).toEqual(['{"id":1}', '{"id":2}', '{"id":3}'])
  })

  it('have the same key whenever the same messages are sent, and no other messages have it', async () => {
    const { sink, server } = await sinkTo(() => ({}), { idempotencyHeader: 'X-Batch' })
    const batch = forms.values([{ id: 1 }, { id: 12 }])
    for (const each of [batch, batch, forms.bytes([{ id: 1 }, { id: 12 }]), forms.values([{ id: 11 }, { id: 2 }])]) {
      await sink.write(each, never)
    }
    await sink.write(three, never)
    await sink.write(valueBatch([{ id: 1 }, { id: 2 }, { id: 4 }]), never)
    const keys = server.seen.map(({ headers }) => headers['x-batch'])
    expect(keys[0]).toMatch(/^[\w-]{43}$/)
    expect(keys.slice(1, 3)).toEqual([keys[0], keys[0]])
    expect(new Set(keys).size).toBe(4)
  })
})

describe('answers', () => {
  it.each([400, 404, 409, 413, 422])('%i rejects the messages, with the beginning of the answer', async (status) => {
    const handler: Handler = (_, response) => void response.writeHead(status).end('{"error": "no such field"}')
    const { sink, server } = await sinkTo(handler, { splitRefused: false })
    const rejections = await sink.write(three, never)
    expect(rejections.map(({ index, retryable }) => [index, retryable])).toEqual([0, 1, 2].map((at) => [at, undefined]))
    expect(rejections[0]?.reason).toContain(`${status}`)
    expect(rejections[0]?.reason).toContain('{"error": "no such field"}')
    expect(server.seen).toHaveLength(1)
  })

  it.each([
    [401, 'http_unauthorized'],
    [403, 'http_unauthorized'],
    [408, 'http_timeout'],
    [429, 'http_rate_limited'],
    [500, 'http_server_error'],
    [503, 'http_server_error'],
  ])('%i is thrown, to be tried again', async (status, code) => {
    const { sink, server } = await sinkTo((_, response) => void response.writeHead(status).end())
    expect((await failure(sink.write(three, never))).code).toBe(code)
    expect(server.seen).toHaveLength(1)
  })

  it('that name a time hand it on', async () => {
    for (const status of [429, 503]) {
      const { sink } = await sinkTo((_, response) => void response.writeHead(status, { 'retry-after': '7' }).end())
      expect((await failure(sink.write(three, never))).retryAfterMs).toBe(7_000)
    }
  })

  it('that never come, or break off, are thrown', async () => {
    const { sink: slow } = await sinkTo(() => undefined, { timeout: '100ms' })
    expect((await failure(slow.write(three, never))).code).toBe('http_timeout')
    const { sink: reset } = await sinkTo((_, response) => void response.socket?.resetAndDestroy())
    expect((await failure(reset.write(three, never))).code).toBe('http_network')
    const { sink: gone, server } = await sinkTo(() => ({}))
    await server[Symbol.asyncDispose]()
    expect((await failure(gone.write(three, never))).code).toBe('http_network')
    expect((await failure(gone.ping(never))).code).toBe('http_network')
  })

  it('that are too long still say that the messages were taken', async () => {
    const { sink, server } = await sinkTo(() => 'x'.repeat(3_000_000))
    expect(await sink.write(three, never)).toEqual([])
    expect(server.seen).toHaveLength(1)
  })

  it('that lead elsewhere without end are no refusal of a message', async () => {
    const { sink } = await sinkTo((_, response) => void response.writeHead(307, { location: '/in' }).end())
    expect((await failure(sink.write(three, never))).code).toBe('http_client_error')
  })
})

/** Refuses a request with a bad message in it. */
const pick: Handler = (request, response) => {
  const bad = messagesIn(request).filter((each) => each.bad === true)
  return bad.length === 0 ? {} : void response.writeHead(400).end(`bad: ${bad.map(({ id }) => id).join(' ')}`)
}

describe('a refused batch', () => {
  it('is sent in halves until the messages are found', async () => {
    const { sink, server } = await sinkTo(pick)
    const values = Array.from({ length: 1_000 }, (_, id) => ({ id, bad: id === 77 || id === 500 }))
    const rejections = await sink.write(valueBatch(values), never)
    expect(rejections.map(({ index }) => index)).toEqual([77, 500])
    expect(rejections[0]?.reason).toContain('bad: 77')
    expect(server.seen.length).toBeLessThan(50)
    const taken = server.seen.map(messagesIn).filter((messages) => messages.every(({ bad }) => bad !== true))
    expect(taken.flat().map(({ id }) => id)).toEqual(values.flatMap(({ id, bad }) => (bad ? [] : [id])))
  })

  it('of which nothing is taken does not flood the server', async () => {
    const { sink, server } = await sinkTo((_, response) => void response.writeHead(404).end())
    const rejections = await sink.write(valueBatch(Array.from({ length: 5_000 }, (_, id) => ({ id }))), never)
    expect(rejections.map(({ index }) => index)).toEqual(Array.from({ length: 5_000 }, (_, id) => id))
    expect(server.seen.length).toBeLessThan(200)
  })

  it('fails as a whole when the server fails on the way: what it took may come again', async () => {
    const { sink, server } = await sinkTo((request, response) =>
      server.seen.length > 2 ? void response.writeHead(500).end() : pick(request, response),
    )
    const values = [{ id: 0 }, { id: 1 }, { id: 2, bad: true }, { id: 3 }]
    expect((await failure(sink.write(valueBatch(values), never))).code).toBe('http_server_error')
  })

  it('is not sent at all for a payload that is not JSON', async () => {
    const { sink, server } = await sinkTo(() => ({}))
    const payloads = ['{"id":1}', 'nonsense', ''].map((text) => new TextEncoder().encode(text))
    const rejections = await sink.write(bytesBatch(payloads), never)
    expect(rejections).toEqual([
      { index: 1, reason: expect.stringContaining('not JSON') },
      { index: 2, reason: expect.stringContaining('not JSON') },
    ])
    expect(server.seen.map(({ body }) => body)).toEqual(['[{"id":1}]'])
  })
})

describe('the ping', () => {
  it('asks for the head, and takes any answer but a refusal of the credentials', async () => {
    const { sink, server } = await sinkTo((_, response) => void response.writeHead(405).end())
    await sink.ping(never)
    expect(server.seen.map(({ method, body }) => [method, body])).toEqual([['HEAD', '']])
    const { sink: refused } = await sinkTo((_, response) => void response.writeHead(401).end(decode.decode()))
    expect((await failure(refused.ping(never))).code).toBe('http_unauthorized')
  })
})
