import { serve } from './local-server.ts'
import { connection, openSource } from './opened.ts'
import { sourceContract } from './source-contract.ts'

const expected = Array.from({ length: 5_250 }, (_, id) => ({ id, price: id / 4 }))
const PAGE = 1_500

function slice(start: number): { items: unknown[]; next: number | null } {
  return { items: expected.slice(start, start + PAGE), next: start + PAGE < expected.length ? start + PAGE : null }
}

const paginations = {
  page: { page: { parameter: 'page', start: 0, size: PAGE } },
  offset: { offset: { parameter: 'at', limitParameter: 'n', limit: PAGE } },
  cursor: { cursor: { parameter: 'at', from: 'next' } },
  next: { next: { from: 'links.next' } },
  link: { link: {} },
} as const

for (const [name, pagination] of Object.entries(paginations)) {
  sourceContract(`http with ${name} pagination`, async () => {
    const server = await serve(({ url }, response) => {
      const at = Number(url.searchParams.get('at') ?? 0) + Number(url.searchParams.get('page') ?? 0) * PAGE
      const page = slice(at)
      const next = page.next === null ? undefined : `/items?at=${page.next}`
      if (next !== undefined) response.setHeader('link', `</items?at=0>; rel="first", <${next}>; rel="next"`)
      return { ...page, links: { next } }
    })
    const http = connection({ url: server.url })
    return {
      expected,
      open: () => openSource('http', { path: '/items', records: 'items', pagination }, { http }),
      [Symbol.asyncDispose]: async () => {
        await http.close()
        await server[Symbol.asyncDispose]()
      },
    }
  })
}
