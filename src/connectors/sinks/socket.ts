import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { FromSchema } from 'json-schema-to-ts'
import { HermesError } from '../../errors.ts'
import { durationMs } from '../../manifest/duration.ts'
import type { Batch } from '../../stream/batch.ts'
import type { Connector } from '../../stream/connector.ts'
import type { Rejection, Sink } from '../../stream/sink.ts'
import { withDeadline } from '../deadline.ts'
import { durationSchema } from '../duration-schema.ts'
import { serverTlsSchema, tlsOptions } from '../server-tls.ts'
import { encodeJsonLines, LineBuffer } from './line-buffer.ts'

const config = {
  type: 'object',
  description:
    'One message a line over a TCP or Unix socket, as log shippers and stream processors take them: bytes as they came, ' +
    'values as JSON. Such a line has no acknowledgement: a message counts as delivered when the system took it, and what ' +
    'was on its way when the other side goes is lost with it. After a failure the whole batch is sent again.',
  additionalProperties: false,
  required: ['address'],
  properties: {
    address: {
      type: 'string',
      minLength: 1,
      pattern: '^((tcp|tls)://[^/\\s]+:\\d+$|unix:///|\\$\\{)',
      'x-pattern-hint': 'tcp://HOST:PORT, tls://HOST:PORT or unix:///PATH',
      'x-template': true,
      description: 'tcp://HOST:PORT, tls://HOST:PORT, or unix:///PATH.',
    },
    tls: serverTlsSchema,
    timeout: {
      ...durationSchema,
      default: '10s',
      description: 'Time for the other side to take a connection, and a batch.',
    },
  },
} as const

export type SocketSinkConfig = FromSchema<typeof config>

/** Lines over a socket. */
export const socketSink: Connector<Sink, SocketSinkConfig> = {
  type: 'socket',
  summary: 'Lines over a TCP or Unix socket.',
  config,
  open: async (settings) => new SocketSink(settings),
}

class SocketSink implements Sink {
  readonly #config: SocketSinkConfig
  readonly #timeoutMs: number
  readonly #lines = new LineBuffer()
  #socket: Socket | undefined

  constructor(settings: SocketSinkConfig) {
    this.#config = settings
    this.#timeoutMs = durationMs(settings.timeout)
  }

  async write(batch: Batch, signal: AbortSignal): Promise<readonly Rejection[]> {
    signal.throwIfAborted()
    this.#lines.clear()
    const rejections = encodeJsonLines(batch, this.#lines)
    if (this.#lines.length === 0) return rejections
    const socket = await this.#connected(signal)
    try {
      await this.#inTime(taken(socket, this.#lines.bytes), socket, signal)
    } catch (error) {
      // A part may be out: what is sent again begins on a connection of its own.
      this.#leave(socket)
      signal.throwIfAborted()
      throw this.#failure(error)
    }
    return rejections
  }

  async ping(signal: AbortSignal): Promise<void> {
    await this.#connected(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const socket = this.#socket
    this.#socket = undefined
    if (socket === undefined || socket.destroyed) return
    await new Promise<void>((resolve) => {
      const late = setTimeout(() => socket.destroy(), this.#timeoutMs)
      socket.once('close', () => {
        clearTimeout(late)
        resolve()
      })
      socket.end()
      socket.resume()
    })
  }

  async #connected(signal: AbortSignal): Promise<Socket> {
    signal.throwIfAborted()
    if (this.#socket?.writable === true) return this.#socket
    const socket = this.#connect()
    try {
      await this.#inTime(opened(socket), socket, signal)
    } catch (error) {
      this.#leave(socket)
      signal.throwIfAborted()
      throw this.#failure(error)
    }
    // Nothing is expected to come; what does is not kept.
    socket.resume().on('error', () => this.#leave(socket))
    socket.on('close', () => this.#leave(socket))
    this.#socket = socket
    return socket
  }

  #connect(): Socket {
    const { address, tls = {} } = this.#config
    const { protocol, hostname, port, pathname } = new URL(address)
    if (protocol === 'unix:') return connectTcp({ path: decodeURIComponent(pathname) })
    const place = { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port) }
    if (protocol === 'tcp:') return connectTcp({ ...place, noDelay: true })
    return connectTls({ ...place, servername: place.host, ...tlsOptions(tls) })
  }

  #leave(socket: Socket): void {
    if (this.#socket === socket) this.#socket = undefined
    socket.destroy()
  }

  #inTime<T>(work: Promise<T>, socket: Socket, signal: AbortSignal): Promise<T> {
    const onTimeout = (): void => this.#leave(socket)
    return withDeadline(work, { ms: this.#timeoutMs, who: this.#config.address, onTimeout }, signal)
  }

  #failure(error: unknown): HermesError {
    if (error instanceof HermesError) return error
    const reason = error instanceof Error ? error.message : String(error)
    const isRefused = error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_TLS')
    const code = isRefused ? 'connector_refused' : 'connector_unavailable'
    return new HermesError(code, `${this.#config.address}: ${reason}`)
  }
}

function opened(socket: Socket): Promise<void> {
  const event = 'encrypted' in socket ? 'secureConnect' : 'connect'
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the connection was closed')))
    socket.once(event, () => {
      socket.removeAllListeners('error').removeAllListeners('close')
      resolve()
    })
  })
}

/** Resolves when the system took all of it. */
function taken(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(new Error('the connection was closed'))
    socket.once('close', onClose)
    socket.write(bytes, (error) => {
      socket.off('close', onClose)
      if (error === undefined || error === null) resolve()
      else reject(error)
    })
  })
}
