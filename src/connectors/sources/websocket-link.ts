import { setImmediate as immediate } from 'node:timers/promises'
import type { WebSocket } from 'ws'
import type { Clock } from '../../clock.ts'
import { HermesError } from '../../errors.ts'
import { closure, lossOf, refusal, type Target } from './websocket-target.ts'

/** When a connection is looked at, in milliseconds; 0 is never. */
export interface Watch {
  readonly pingMs: number
  /** Sent instead of a ping of the protocol. */
  readonly pingText?: string
  readonly idleMs: number
}

/** So much may wait to be taken before nothing more is read from the socket. */
const MOST_BYTES = 1_048_576
const MOST_MESSAGES = 8_192

/**
 * Makes a connection. Throws the reason of `signal`, `connector_refused` when the server does not want it, and
 * `connector_unavailable` when it cannot be made now.
 */
export async function openLink(target: Target, watch: Watch, clock: Clock, signal: AbortSignal): Promise<Link> {
  const { WebSocket } = await import('ws')
  signal.throwIfAborted()
  const link = new Link(createSocket(WebSocket, target), target, watch, clock)
  const timing = new AbortController()
  const until = AbortSignal.any([signal, timing.signal])
  const late = clock.sleep(target.connectTimeoutMs, until).then(
    () => link.cut(new HermesError('connector_unavailable', `${target.name}: the connection was not made in time`)),
    () => signal.aborted && link.cut(new HermesError('connector_unavailable', 'given up')),
  )
  try {
    await link.opened
    signal.throwIfAborted()
    return link
  } catch (error) {
    await link.close(false)
    signal.throwIfAborted()
    throw error
  } finally {
    timing.abort()
    await late
  }
}

type Socket = typeof WebSocket

function createSocket(Constructor: Socket, { url, protocols, options, name }: Target): WebSocket {
  try {
    return new Constructor(url, [...protocols], options)
  } catch (error) {
    // Node names the header, and not what stands in it.
    const { message } = error as Error
    throw new HermesError('connector_refused', `${name}: the request cannot be sent: ${message}`)
  }
}

/** One connection. What comes waits to be taken; while much waits, nothing is read from the socket. */
export class Link {
  /** Resolves when the connection is made; rejects when it will not be. */
  readonly opened: Promise<void>
  readonly #socket: WebSocket
  readonly #target: Target
  readonly #clock: Clock
  readonly #done = new AbortController()
  readonly #watching: Promise<unknown>
  readonly #closed: Promise<unknown>
  #waiting: Uint8Array[] = []
  #bytes = 0
  #paused = false
  /** Whether anything came since the last ping. */
  #heard = true
  #lastMessageAt: number
  #ended: HermesError | undefined
  #wake: () => void = () => undefined

  constructor(socket: WebSocket, target: Target, watch: Watch, clock: Clock) {
    this.#socket = socket
    this.#target = target
    this.#clock = clock
    this.#lastMessageAt = clock.now()
    this.#closed = new Promise((resolve) => socket.once('close', resolve))
    this.opened = this.#listen(watch)
    this.#watching = this.opened.then(
      () => Promise.all([this.#beat(watch), this.#expect(watch)]),
      () => undefined,
    )
  }

  /** Why the connection is no more; undefined while it holds. What came before may still be taken. */
  get ended(): HermesError | undefined {
    return this.#ended
  }

  /** What came since it was last asked, each message as one piece of bytes. */
  take(): readonly Uint8Array[] {
    const taken = this.#waiting
    if (taken.length === 0) return taken
    this.#waiting = []
    this.#bytes = 0
    if (this.#paused) this.#resume()
    return taken
  }

  /** Resolves when something comes, the connection ends, or `wake` is called. */
  change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  readonly wake = (): void => this.#wake()

  /** What cannot be sent is told of by the end of the connection. */
  send(text: string): void {
    this.#socket.send(text, () => undefined)
  }

  /** Ends the connection at once, for a reason of our own. */
  cut(reason: HermesError): void {
    this.#ended ??= reason
    this.#socket.terminate()
    this.#wake()
  }

  /** Resolves when nothing of the connection is left; politely: the other side is told, and has half a second. */
  async close(politely: boolean): Promise<void> {
    this.#ended ??= new HermesError('connector_unavailable', 'the connection was closed')
    this.#done.abort()
    if (politely && !this.#paused) this.#socket.close(1000)
    else this.#socket.terminate()
    await Promise.all([this.#closed, this.#watching])
    this.#waiting = []
  }

  #listen({ idleMs }: Watch): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const socket = this.#socket
    const target = this.#target
    socket.on('open', resolve)
    socket.on('message', (data) => this.#receive(data as Buffer, idleMs > 0))
    const hear = (): void => {
      this.#heard = true
    }
    socket.on('ping', hear)
    socket.on('pong', hear)
    socket.on('unexpected-response', (_request, response) => this.cut(refusal(target, response, this.#clock.now())))
    socket.on('error', (error) => {
      this.#ended ??= lossOf(target, error)
    })
    socket.on('close', (code, reason) => {
      this.#ended ??= closure(target, code, reason.toString('utf8'))
      this.#done.abort()
      reject(this.#ended)
      this.#wake()
    })
    return promise
  }

  #receive(data: Buffer, timed: boolean): void {
    if (this.#ended !== undefined) return
    this.#heard = true
    if (timed && this.#waiting.length === 0) this.#lastMessageAt = this.#clock.now()
    this.#waiting.push(data)
    this.#bytes += data.length
    if (!this.#paused && (this.#bytes >= MOST_BYTES || this.#waiting.length >= MOST_MESSAGES)) {
      this.#paused = true
      this.#socket.pause()
    }
    if (this.#waiting.length === 1) this.#wake()
  }

  #resume(): void {
    this.#paused = false
    this.#heard = true
    this.#lastMessageAt = this.#clock.now()
    this.#socket.resume()
  }

  /**
   * Cuts a connection that is silent between two pings; while we do not read, we cannot know. When this process was
   * busy for long, the answer may be there already: a turn of the event loop brings it.
   */
  async #beat({ pingMs, pingText }: Watch): Promise<void> {
    if (pingMs === 0) return
    const { signal } = this.#done
    for (let pinged = false; !signal.aborted; pinged = true) {
      if (pinged && !this.#heard) await immediate()
      if (pinged && !this.#heard && !this.#paused) {
        return this.cut(new HermesError('connector_unavailable', `${this.#target.name} does not answer a ping`))
      }
      this.#heard = false
      if (pingText === undefined) this.#socket.ping()
      else this.send(pingText)
      await this.#clock.sleep(pingMs, signal).catch(() => undefined)
    }
  }

  /** Cuts a connection that brings no message for too long. */
  async #expect({ idleMs }: Watch): Promise<void> {
    if (idleMs === 0) return
    const { signal } = this.#done
    while (!signal.aborted) {
      if (this.#clock.now() - this.#lastMessageAt >= idleMs) await immediate()
      const left = this.#lastMessageAt + idleMs - this.#clock.now()
      if (left <= 0 && this.#waiting.length === 0) {
        return this.cut(
          new HermesError('connector_unavailable', `${this.#target.name} sent no message for ${idleMs} ms`),
        )
      }
      await this.#clock.sleep(left <= 0 ? idleMs : Math.min(left, idleMs), signal).catch(() => undefined)
    }
  }
}
