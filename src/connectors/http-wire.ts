import type { Dispatcher } from 'undici'
import type { HttpConnectionConfig } from './http-connection-config.ts'
import { openDispatcher } from './http-dispatcher.ts'
import { type Answer, exchange, type WireRequest } from './http-exchange.ts'
import type { Failure } from './http-failure.ts'
import { type Limiter, openLimiter } from './limiter.ts'

interface Opened {
  readonly dispatcher: Dispatcher
  readonly limiter: Limiter
}

/** The sockets and the limiter of a Connection, opened with its first request. */
export class Wire {
  readonly #config: HttpConnectionConfig
  #opened: Promise<Opened> | undefined
  #closed = false

  constructor(config: HttpConnectionConfig) {
    this.#config = config
  }

  /** Sends a request when the limiter lets it; a failure is a value, an abort throws the signal's reason. */
  async send(request: WireRequest, signal: AbortSignal): Promise<Answer | Failure> {
    if (this.#closed) return closed
    const { dispatcher, limiter } = await this.#open()
    try {
      return await limiter.run(() => exchange(dispatcher, request, signal), signal)
    } catch (error) {
      signal.throwIfAborted()
      if (this.#closed) return closed
      throw error
    }
  }

  /** Sends a request beside the limiter. */
  async sendAtOnce(request: WireRequest, signal: AbortSignal): Promise<Answer | Failure> {
    if (this.#closed) return closed
    return exchange((await this.#open()).dispatcher, request, signal)
  }

  async close(): Promise<void> {
    this.#closed = true
    const opened = await this.#opened?.catch(() => undefined)
    this.#opened = undefined
    await opened?.limiter.close()
    await opened?.dispatcher.close()
  }

  #open(): Promise<Opened> {
    this.#opened ??= open(this.#config)
    return this.#opened
  }
}

const closed: Failure = { code: 'http_network', message: 'the Connection is closed', sent: false }

async function open(config: HttpConnectionConfig): Promise<Opened> {
  const [dispatcher, limiter] = await Promise.all([openDispatcher(config), openLimiter(config.rateLimit)])
  return { dispatcher, limiter }
}
