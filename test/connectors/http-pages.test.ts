import { describe, expect, it } from 'vitest'
import { failure } from './clients.ts'
import { api, page, queries, source } from './http-source-world.ts'
import { batches, never, records } from './opened.ts'

describe('pages', () => {
  const numbered = { page: { parameter: 'page' } }
  const skipping = { offset: { parameter: 'offset', limit: 10 } }
  const cursor = { cursor: { parameter: 'cursor', from: 'meta.next' } }
  const inBody = { cursor: { parameter: 'variables.at', from: 'meta.next', in: 'body' } }
  const cases: [name: string, config: object, total: number, requests: number, extra?: (at: number) => object][] = [
    ['end at an empty one', { pagination: numbered }, 30, 4],
    ['end at a short one when the size is known', { pagination: { page: { ...numbered.page, size: 10 } } }, 25, 3],
    ['ask for an empty one when the last is full', { pagination: { page: { ...numbered.page, size: 10 } } }, 20, 3],
    ['by offset end at a short one', { pagination: skipping }, 25, 3],
    ['end where hasMore says so', { pagination: numbered, stop: { hasMore: 'meta.more' } }, 30, 3],
    ['end where totalPages says so', { pagination: numbered, stop: { totalPages: 'n' } }, 30, 3, () => ({ n: 3 })],
    ['end where total says so', { pagination: skipping, stop: { total: 'n' } }, 30, 3, () => ({ n: '30' })],
    ['by cursor end without one', { pagination: cursor }, 30, 3],
    ['by cursor in a JSON body', { method: 'POST', body: { json: { query: 'q' } }, pagination: inBody }, 30, 3],
    [
      'by the last record as cursor',
      { pagination: { cursor: { parameter: 'cursor', from: 'next[-1].id' } } },
      30,
      3,
      (at) => ({ next: at < 20 ? [{ id: 0 }, { id: at + 10 }] : [] }),
    ],
  ]
  it.each(cases)('%s', async (_name, config, total, requests, extra) => {
    const { source: reading, server } = await source(api(total, 10, extra), { records: 'items', ...config })
    expect(await records(reading)).toEqual(page(total))
    expect(server.seen.length).toBe(requests)
  })

  it('go on behind a short one when another rule decides, from where the server left off', async () => {
    const pagination = { offset: { parameter: 'offset', limitParameter: 'limit', limit: 100 } }
    const { source: reading, server } = await source(api(30, 10), {
      records: 'items',
      pagination,
      stop: { hasMore: 'meta.more' },
    })
    expect(await records(reading)).toEqual(page(30))
    expect(queries(server)).toEqual(['?offset=0&limit=100', '?offset=10&limit=100', '?offset=20&limit=100'])
  })

  it('keep all other parameters, but for links, which hold theirs', async () => {
    const { source: byNumber, server } = await source(api(15, 10), {
      records: 'items',
      query: { sort: 'id' },
      pagination: { page: { parameter: 'page', sizeParameter: 'per', size: 10 } },
    })
    await records(byNumber)
    expect(queries(server)).toEqual(['?sort=id&page=1&per=10', '?sort=id&page=2&per=10'])
    const linked = await source(({ url }) => ({ next: url.searchParams.has('x') ? '' : '/items?x=1', rows: [{}] }), {
      records: 'rows',
      query: { sort: 'id' },
      pagination: { next: { from: 'next' } },
    })
    expect(await records(linked.source)).toEqual([{}, {}])
    expect(queries(linked.server)).toEqual(['?sort=id', '?x=1'])
  })

  it('go on where they stood: with the count of what was read, whatever the process', async () => {
    const { source: reading, server } = await source(api(30, 10), {
      records: 'items',
      pagination: skipping,
      stop: { total: 'n' },
    })
    expect((await failure(records(reading))).code).toBe('pagination_invalid')
    const counted = await source(
      api(30, 10, () => ({ n: 30 })),
      { records: 'items', pagination: skipping, stop: { total: 'n' } },
    )
    const [, second] = await batches(counted.source)
    expect(second?.position).toEqual({ place: { offset: 20 }, skip: 0, pages: 2, seen: 20 })
    counted.server.seen.length = 0
    expect(await records(counted.source, second?.position)).toEqual(page(10, 20))
    expect(queries(counted.server)).toEqual(['?offset=20'])
    expect(server.seen.length).toBe(1)
  })

  const endless: [name: string, config: object, answer: (n: number) => object, code: string, rows: number][] = [
    ['the same page again', { pagination: numbered }, () => ({ items: [{ id: 1 }] }), 'page_repeated', 1],
    [
      'the same cursor again',
      { pagination: cursor },
      (n) => ({ items: [{ n }], meta: { next: 'x' } }),
      'page_repeated',
      2,
    ],
    [
      'cursors that go round',
      { pagination: cursor },
      (n) => ({ items: [{ n }], meta: { next: `c${n % 3}` } }),
      'page_repeated',
      6,
    ],
    [
      'more than maxPages',
      { pagination: cursor, maxPages: 4 },
      (n) => ({ items: [{ n }], meta: { next: n } }),
      'max_pages',
      4,
    ],
    [
      'a cursor that is none',
      { pagination: cursor },
      () => ({ items: [], meta: { next: {} }, x: 1 }),
      'pagination_invalid',
      0,
    ],
    [
      'a next page elsewhere',
      { pagination: { next: { from: 'next' } } },
      () => ({ items: [{}], next: 'https://evil.example/' }),
      'http_client_error',
      0,
    ],
  ]
  it.each(endless)('are refused: %s', async (_name, config, answer, code, rows) => {
    let count = 0
    const stop = { emptyPage: code !== 'pagination_invalid' }
    const { source: reading } = await source(() => answer(++count), { records: 'items', stop, ...config })
    const read: unknown[] = []
    const reads = (async () => {
      for await (const batch of reading.read(undefined, never, never)) read.push(...batch.values())
    })()
    expect((await failure(reads)).code).toBe(code)
    expect(read.length).toBe(rows)
  })

  it('behind a login page or an error keep what was read', async () => {
    let count = 0
    const { source: reading } = await source(
      (_, response) => {
        count += 1
        if (count < 3) return { items: page(10, count) }
        response.writeHead(429, { 'retry-after': '9' }).end()
        return undefined
      },
      { records: 'items', pagination: numbered },
    )
    const read: unknown[] = []
    const reads = (async () => {
      for await (const batch of reading.read(undefined, never, never)) read.push(...batch.values())
    })()
    const error = await failure(reads)
    expect([error.code, error.retryAfterMs, read.length]).toEqual(['http_rate_limited', 9_000, 20])
  })
})
