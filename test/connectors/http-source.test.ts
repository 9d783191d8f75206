import { describe, expect, it } from 'vitest'
import { openMemoryBuffer } from '../../src/connectors/buffers/memory.ts'
import { tableSink } from '../../src/connectors/sinks/table.ts'
import { directBranch } from '../../src/stream/direct-branch.ts'
import { runPipeline } from '../../src/stream/pipeline.ts'
import { heldBytes } from '../memory.ts'
import { client, failure, started } from './clients.ts'
import { api, page, queries, source } from './http-source-world.ts'
import { batches, contextOf, never, openSource, records } from './opened.ts'

describe('requests', () => {
  it('carry query, headers and the body as JSON, a form or text', async () => {
    const { source: json, server } = await source(() => [], {
      method: 'POST',
      query: { n: 1, flag: true, text: 'a b' },
      headers: { 'X-A': 'b' },
      body: { json: { filter: { a: [1, null] } } },
    })
    await records(json)
    expect(server.seen[0]).toMatchObject({
      method: 'POST',
      body: '{"filter":{"a":[1,null]}}',
      headers: { 'x-a': 'b', 'content-type': 'application/json' },
    })
    expect(queries(server)).toEqual(['?n=1&flag=true&text=a%20b'])
    const form = await source(() => [], { method: 'POST', body: { form: { a: 'b c', d: 1 } } })
    await records(form.source)
    expect(form.server.seen[0]?.body).toBe('a=b+c&d=1')
    const text = await source(() => [], {
      method: 'PUT',
      body: { text: '<x/>' },
      headers: { 'Content-Type': 'text/xml' },
    })
    await records(text.source)
    expect(text.server.seen[0]).toMatchObject({ method: 'PUT', body: '<x/>', headers: { 'content-type': 'text/xml' } })
  })

  it('go to an absolute address without a Connection', async () => {
    const server = await started(() => page(2))
    const free = await openSource('http', { url: `${server.url}/x` }, { http: client({}) })
    expect(await records(free)).toEqual(page(2))
  })

  const wrong: [string, object][] = [
    ['a GET with a body', { body: { json: 1 } }],
    [
      'a parameter in a text body',
      { method: 'POST', body: { text: '' }, pagination: { page: { parameter: 'p', in: 'body' } } },
    ],
    ['a GET with a parameter in the body', { incremental: { column: 'a', parameter: 'b', in: 'body' } }],
  ]
  it.each(wrong)('refuse %s', async (_name, config) => {
    expect((await failure(source(() => [], config))).code).toBe('invalid_value')
  })
})

describe('records', () => {
  const answers: [answer: string, path: string | undefined, expected: unknown][] = [
    ['[{"a":1}]', undefined, [{ a: 1 }]],
    ['{"a":1}', undefined, [{ a: 1 }]],
    ['\uFEFF [{"a":1}]', undefined, [{ a: 1 }]],
    ['{"data":{"items":[{"a":1}]}}', 'data.items', [{ a: 1 }]],
    ['{"data":{"items":[{"a":1}]}}', '$.data.items', [{ a: 1 }]],
    ['{"a.b":{"c d":[{"x":1}]}}', '["a.b"].c d', [{ x: 1 }]],
    ['[[{"a":1}],[{"a":2}]]', '[-1]', [{ a: 2 }]],
    ['{"data":{"id":7}}', 'data', [{ id: 7 }]],
    ['{"items":null}', 'items', []],
    ['', 'items', []],
    [' \n', undefined, []],
    ['[]', undefined, []],
    ['{"n":[{"v":12345678901234567890.1}]}', 'n', [{ v: JSON.parse('1') as number }]],
  ]
  it.each(answers)('of %s at %s', async (answer, path, expected) => {
    const { source: reading } = await source(() => answer, path === undefined ? {} : { records: path })
    const found = await records(reading)
    if (answer.includes('12345678901234567890')) {
      expect(JSON.stringify(found)).toBe('[{"v":12345678901234567890.1}]')
    } else expect(found).toEqual(expected)
  })

  it('are none when the answer has no content', async () => {
    const { source: reading } = await source((_, response) => void response.writeHead(204).end(), { records: 'items' })
    expect(await records(reading)).toEqual([])
  })

  const missing: [answer: string, path: string | undefined, message: string][] = [
    ['{"data":{"rows":[],"n":1}}', 'data.items', 'there is no data.items; data is an object with rows, n'],
    ['{"data":{}}', 'dat.items', 'there is no dat; the root is an object with data'],
    ['{}', 'items', 'there is no items; the root is an object without keys'],
    ['[1]', 'items', 'there is no items; the root is a list of 1'],
    ['{"items":"x"}', 'items', 'items is a string, not a list or an object'],
    ['"text"', undefined, 'the root is a string, not a list or an object'],
    ['null', undefined, 'the root is null, not a list or an object'],
    ['12345678901234567890123', undefined, 'the root is a number, not a list or an object'],
  ]
  it.each(missing)('%s has none at %s', async (answer, path, message) => {
    const { source: reading, server } = await source(() => answer, path === undefined ? {} : { records: path })
    const error = await failure(records(reading))
    expect([error.code, error.message]).toEqual(['records_not_found', `${server.url}/items: ${message}`])
  })

  it('are not looked for in what is no JSON', async () => {
    const html = `<html>\n<b>${'x'.repeat(500)}`
    const { source: reading } = await source(
      (_, response) => void response.setHeader('content-type', 'text/html').end(html),
      {},
    )
    const error = await failure(records(reading))
    expect(error.code).toBe('response_not_json')
    expect(error.message).toContain('the answer (text/html) begins with "<html> <b>xxx')
    expect(error.message.length).toBeLessThan(200)
    const half = await source(() => '[{"a":1},{"a"', {})
    expect((await failure(records(half.source))).code).toBe('response_not_json')
  })

  it('of a large page are cut, and every cut can be resumed behind', async () => {
    const { source: reading } = await source(() => page(2_500), {})
    const sizes = (await batches(reading)).map(({ size, position }) => [size, position])
    expect(sizes).toEqual([
      [1_000, { place: {}, skip: 1_000, pages: 0, seen: 0 }],
      [1_000, { place: {}, skip: 2_000, pages: 0, seen: 0 }],
      [500, { done: true }],
    ])
  })
})

describe('an incremental fetch', () => {
  const incremental = { column: 'at', parameter: 'since' }

  it('asks from the start at first, then from the cursor, on every page', async () => {
    const pagination = { page: { parameter: 'page', size: 10 } }
    const config = {
      records: 'items',
      pagination,
      incremental: { ...incremental, start: '2020-01-01', lookback: '1d' },
    }
    const first = await source(api(5, 10), config)
    await records(first.source)
    expect(queries(first.server)).toEqual(['?since=2020-01-01&page=1'])
    const later = await source(api(15, 10), config, '2024-03-01')
    await records(later.source)
    expect(queries(later.server)).toEqual(['?since=2024-02-29&page=1', '?since=2024-02-29&page=2'])
  })

  it('leaves the parameter out without a cursor and a start', async () => {
    const { source: reading, server } = await source(() => [], { incremental })
    await records(reading)
    expect(queries(server)).toEqual([''])
  })

  it('may stand in the body', async () => {
    const body = { json: { filter: { kind: 'a' } } }
    const config = { method: 'POST', body, incremental: { ...incremental, parameter: 'filter.since', in: 'body' } }
    const { source: reading, server } = await source(() => [], config, '17')
    await records(reading)
    expect(server.seen[0]?.body).toBe('{"filter":{"kind":"a","since":"17"}}')
  })
})

describe('a fetch as a pipeline', () => {
  it('asks for the next page while this one is written, and holds back when the sink is slow', async () => {
    let [asked, written, overlapped, ahead] = [0, 0, false, 0]
    const pagination = { page: { parameter: 'page' } }
    const { source: reading } = await source(
      (request, response) => {
        asked += 1
        ahead = Math.max(ahead, asked - written)
        return api(200, 10)(request, response)
      },
      { records: 'items', pagination },
    )
    const sink = await tableSink.open(
      {},
      contextOf({
        tables: {
          writer: () => ({
            write: async () => {
              const before = asked
              await new Promise((resolve) => setTimeout(resolve, 8))
              overlapped ||= asked > before
              written += 1
            },
          }),
        },
      }),
    )
    const buffer = openMemoryBuffer({ batches: 2, messages: 1_000 })
    const moved = await runPipeline({
      source: reading,
      branches: [directBranch(sink)],
      buffer,
      stop: never,
      signal: never,
    })
    expect([moved, overlapped]).toEqual([{ messages: 200, batches: 20 }, true])
    expect(ahead).toBeLessThanOrEqual(4)
  })

  it('needs no more memory for a thousand pages than for a hundred', async () => {
    const rows = JSON.stringify(page(600).map(({ id }) => ({ id, text: `${id}`.padEnd(150) })))
    const { source: reading } = await source(
      ({ url }) => {
        const number = Number(url.searchParams.get('page'))
        return number > 1_000 ? '[]' : `[{"page":${number}},${rows.slice(1)}`
      },
      { pagination: { page: { parameter: 'page' } } },
    )
    let [count, early, late] = [0, 0, 0]
    for await (const _ of reading.read(undefined, never, never)) {
      count += 1
      if (count === 100) early = await heldBytes()
      if (count === 1_000) late = await heldBytes()
    }
    expect(count).toBe(1_000)
    // The server here remembers each request; the pages themselves are 90 MB.
    expect(late).toBeLessThan(early + 10_000_000)
  })
})

describe('a ping', () => {
  it('takes any answer but a refusal of the credentials', async () => {
    for (const [status, code] of [
      [200, undefined],
      [405, undefined],
      [401, 'http_unauthorized'],
    ] as const) {
      const { source: reading, server } = await source((_, response) => void response.writeHead(status).end(), {})
      const [result] = await Promise.allSettled([reading.ping(never)])
      expect(result.status === 'rejected' ? (result.reason as { code: string }).code : undefined).toBe(code)
      expect(server.seen[0]?.method).toBe('HEAD')
    }
  })
})
