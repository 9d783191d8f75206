import type { Source } from '../../src/stream/source.ts'
import { client, started } from './clients.ts'
import type { Handler, LocalServer } from './local-server.ts'
import { openSource } from './opened.ts'

/** An http source over a server of its own. */
export async function source(
  handler: Handler,
  config: object,
  cursor?: string,
): Promise<{ source: Source; server: LocalServer }> {
  const server = await started(handler)
  const http = client({ url: server.url })
  const place = 'url' in config ? {} : { path: '/items' }
  const context = { http, ...(cursor === undefined ? {} : { cursor }) }
  return { server, source: await openSource('http', { ...place, ...config }, context) }
}

export function queries(server: LocalServer): string[] {
  return server.seen.map(({ url }) => url.search)
}

export const page = (count: number, from = 0): { id: number }[] =>
  Array.from({ length: count }, (_, index) => ({ id: from + index }))

/** A table of `total` records in pages of `size`, read by page, offset or cursor, in the query or in a JSON body. */
export function api(total: number, size: number, extra: (at: number) => object = () => ({})): Handler {
  return ({ url, body }) => {
    const { at: inBody } = (body === '' ? {} : (JSON.parse(body) as { variables?: { at?: number } }).variables) ?? {}
    const { page: number, offset, cursor } = Object.fromEntries(url.searchParams)
    const at = number === undefined ? Number(offset ?? cursor ?? inBody ?? 0) : (Number(number) - 1) * size
    const next = at + size < total ? String(at + size) : null
    return {
      items: page(Math.max(0, Math.min(size, total - at)), at),
      meta: { next, more: next !== null },
      ...extra(at),
    }
  }
}
