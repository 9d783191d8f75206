import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** A record of the served data: the same for the same source, size and index, so that tables can be compared. */
export interface DataRecord {
  readonly id: number
  readonly text: string
  readonly amount: number
}

export function dataRecord(source: string, index: number): DataRecord {
  return { id: index, text: `${source} ${index}`, amount: index * 1.25 }
}

export interface DataApi extends AsyncDisposable {
  readonly url: string
  /** Page requests since the last call, by source. */
  takeRequests(): Map<string, number[]>
}

export const PAGE_SIZE = 20

export interface DataApiOptions {
  readonly pageDelayMs: number
  /** Whether the next request is one too many: 429, to come back in a second. */
  readonly refuses: () => boolean
}

/** Serves `/data/NAME?page=K&size=N&since=ID`, pages of twenty, each after a moment. */
export async function dataApi({ pageDelayMs, refuses }: DataApiOptions): Promise<DataApi> {
  let requests = new Map<string, number[]>()
  const server: Server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const source = url.pathname.split('/').at(-1) ?? ''
    const page = Number(url.searchParams.get('page'))
    const size = Number(url.searchParams.get('size'))
    const log = requests.get(source) ?? []
    log.push(page)
    requests.set(source, log)
    if (refuses()) {
      response.writeHead(429, { 'retry-after': '1' }).end()
      return
    }
    // Identifiers count from 0 and only grow: what is newer begins behind the last one.
    const first = Number(url.searchParams.get('since') ?? -1) + 1 + (page - 1) * PAGE_SIZE
    const count = Math.max(0, Math.min(PAGE_SIZE, size - first))
    const records = Array.from({ length: count }, (_, index) => dataRecord(source, first + index))
    void delay(pageDelayMs).then(() => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ records }))
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    takeRequests() {
      const taken = requests
      requests = new Map()
      return taken
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}
