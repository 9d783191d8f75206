// A small API over published data (the npm package vega-datasets), as providers have them: pages, a token, a rate
// limit. It tells its parent the address it listens on and ends with it.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { routes } from './data.ts'
import { windowLimit } from './window-limit.ts'

const token = process.env.QUICKSTART_TOKEN ?? ''
const allow = windowLimit(40, 1000)

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.headers.authorization !== `Bearer ${token}`) {
    send(response, 401, { error: 'a bearer token is needed' }, { 'www-authenticate': 'Bearer' })
    return
  }
  if (!allow(Date.now())) {
    send(response, 429, { error: 'at most 40 requests a second' }, { 'retry-after': '1' })
    return
  }
  const url = new URL(request.url ?? '/', 'http://localhost')
  for (const [pattern, route] of routes) {
    const match = pattern.exec(url.pathname)
    if (match === null) continue
    const body = route(match.slice(1), url.searchParams)
    if (body !== undefined) {
      send(response, 200, body)
      return
    }
  }
  send(response, 404, { error: `there is nothing at ${url.pathname}` })
}

/** Tells the parent, which may be gone already. */
function tell(message: { url?: string }): void {
  process.send?.(message, undefined, undefined, () => undefined)
}

const server = createServer(answer)
server.on('error', () => {
  tell({})
  process.disconnect()
})
server.listen(Number(process.env.QUICKSTART_PORT ?? 0), '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') tell({ url: `http://127.0.0.1:${address.port}` })
})

// A terminal sends its signals to the whole group; the parent drains its fetches first and then disconnects.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.on('disconnect', () => process.exit(0))
