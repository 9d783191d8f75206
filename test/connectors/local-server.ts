import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'

export interface Seen {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export type Handler = (request: Seen, response: ServerResponse) => unknown

export interface LocalServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** Requests so far, in order of arrival. */
  readonly seen: Seen[]
}

/** A real server on loopback; what the handler returns is sent as JSON. It goes with its connections. */
export async function serve(handler: Handler, tls?: ServerOptions): Promise<LocalServer> {
  const seen: Seen[] = []
  const scheme = tls === undefined ? 'http' : 'https'
  const listener: RequestListener = (incoming, response) => {
    void answer(incoming, response)
  }
  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers } = incoming
    const body = await text(incoming).catch(() => '')
    const request = { method, url: new URL(url, `${scheme}://${headers.host}`), headers, body }
    seen.push(request)
    const value: unknown = await handler(request, response)
    if (value === undefined) return
    response.setHeader('content-type', 'application/json')
    response.end(typeof value === 'string' ? value : JSON.stringify(value))
  }
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  const port = await listen(server)
  return { url: `${scheme}://127.0.0.1:${port}`, port, seen, [Symbol.asyncDispose]: () => shut(server) }
}

export async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('close-all', () => {
    for (const socket of sockets) socket.destroy()
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return (server.address() as AddressInfo).port
}

export async function shut(server: Server): Promise<void> {
  server.emit('close-all')
  await new Promise((resolve) => {
    server.close(resolve)
  })
}
