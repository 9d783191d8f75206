import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { createServer as createHttpsServer, type ServerOptions as TlsOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'

export interface PeerOptions {
  readonly tls?: TlsOptions
  readonly socket?: Omit<ServerOptions, 'noServer'>
  /** Does something else than to open a WebSocket, and says so by `true`. */
  readonly upgrade?: (request: IncomingMessage, socket: Duplex) => boolean
  /** `wire` is what is below the WebSocket. */
  readonly connected?: (socket: WebSocket, number: number, wire: Duplex) => void
  readonly port?: number
}

/** A real WebSocket server on loopback. */
export interface Peer extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** All connections there ever were. */
  readonly sockets: WebSocket[]
  readonly requests: IncomingMessage[]
  /** What clients sent, over all connections. */
  readonly received: string[]
  /** How each connection ended, by its number. */
  readonly closes: Map<number, number>
  /** The connection that was made last. */
  last(): WebSocket
}

export async function openPeer(options: PeerOptions = {}): Promise<Peer> {
  const { tls, connected, upgrade } = options
  const server = tls === undefined ? createHttpServer() : createHttpsServer(tls)
  const open = new Set<Socket>()
  const onSocket = (socket: Socket): void => {
    open.add(socket)
    socket.on('error', () => undefined).on('close', () => open.delete(socket))
  }
  server.on('connection', onSocket).on('secureConnection', onSocket)
  const sockets: WebSocket[] = []
  const requests: IncomingMessage[] = []
  const received: string[] = []
  const closes = new Map<number, number>()
  const peer = new WebSocketServer({ noServer: true, ...options.socket })
  server.on('upgrade', (request, socket, head) => {
    requests.push(request)
    if (upgrade?.(request, socket) === true) return
    peer.handleUpgrade(request, socket, head, (made) => {
      const number = sockets.push(made)
      made.on('message', (data) => received.push((data as Buffer).toString()))
      made.on('error', () => undefined).on('close', (code) => closes.set(number, code))
      connected?.(made, number, socket)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `${tls === undefined ? 'ws' : 'wss'}://127.0.0.1:${port}/feed`,
    port,
    sockets,
    requests,
    received,
    closes,
    last: () => {
      const last = sockets.at(-1)
      if (last === undefined) throw new Error('nobody has connected')
      return last
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}

/** Answers an upgrade as a server does that does not want it. */
export function refuse(socket: Duplex, status: string, headers = ''): true {
  socket.end(`HTTP/1.1 ${status}\r\n${headers}Content-Length: 0\r\nConnection: close\r\n\r\n`)
  return true
}
