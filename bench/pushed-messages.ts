import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { type WebSocket, WebSocketServer } from 'ws'

const BYTES = 300
const DIGITS = 9
const HEAD = '{"id":'
/** Of a message that only asks whether anybody is there. */
const PROBE = 0

/** How fast messages are sent, and for how long; those of the warm-up are not counted. */
export interface Pace {
  readonly perSecond: number
  readonly warmUpSeconds: number
  readonly seconds: number
}

/** JSON of 300 bytes, the number in digits of a fixed count. */
function message(id: number): string {
  const start = `${HEAD}${String(10 ** (DIGITS - 1) + id)},"symbol":"BTCUSDT","price":64123.5,"note":"`
  return `${start}${'x'.repeat(BYTES - start.length - 2)}"}`
}

const idOf = (payload: Buffer): number =>
  Number(payload.toString('latin1', HEAD.length, HEAD.length + DIGITS)) - 10 ** (DIGITS - 1)

/**
 * A WebSocket server that sends and a Redis subscriber that waits, in one process and by one clock: the time of a message is
 * that from just before it is sent until the subscriber has it. In between is who is measured.
 */
export class PushedMessages implements AsyncDisposable {
  readonly #server: WebSocketServer
  /** The last to connect: who tries a connection first, leaves it again. */
  #socket: WebSocket | undefined
  #sentAt = new Float64Array(0)
  #times = new Float64Array(0)
  #arrived = 0

  private constructor(server: WebSocketServer, subscriber: Redis, channel: string) {
    this.#server = server
    server.on('connection', (socket) => {
      this.#socket = socket
    })
    subscriber.on('messageBuffer', (to: Buffer, payload: Buffer) => {
      if (to.toString() === channel) this.#receive(idOf(payload))
    })
  }

  /** Listens to `channel` from then on. */
  static async open(subscriber: Redis, channel: string): Promise<PushedMessages> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
    await once(server, 'listening')
    const messages = new PushedMessages(server, subscriber, channel)
    await subscriber.subscribe(channel)
    return messages
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Sends at a pace once somebody passes messages on: milliseconds that each took. Throws when one does not arrive. */
  async times({ perSecond, warmUpSeconds, seconds }: Pace): Promise<Float64Array> {
    const [warmUp, counted] = [perSecond * warmUpSeconds, perSecond * seconds]
    this.#sentAt = new Float64Array(warmUp + counted + 1)
    this.#times = new Float64Array(warmUp + counted + 1)
    this.#arrived = 0
    await this.#until(
      () => this.#arrived > 0,
      () => this.#send(PROBE),
    )
    this.#arrived = 0
    const began = performance.now()
    for (let sent = 0; sent < warmUp + counted; ) {
      const due = Math.min(warmUp + counted, Math.floor(((performance.now() - began) * perSecond) / 1_000))
      while (sent < due) this.#send((sent += 1))
      await delay(1)
    }
    await this.#until(
      () => this.#arrived === warmUp + counted,
      () => undefined,
    )
    return this.#times.subarray(warmUp + 1)
  }

  #send(id: number): void {
    const payload = message(id)
    this.#sentAt[id] = performance.now()
    this.#socket?.send(payload)
  }

  #receive(id: number): void {
    if (id === PROBE && (this.#sentAt[1] ?? 0) > 0) return
    this.#times[id] = performance.now() - (this.#sentAt[id] ?? Number.NaN)
    this.#arrived += 1
  }

  async #until(ready: () => boolean, nudge: () => void): Promise<void> {
    for (const began = performance.now(); !ready(); await delay(50)) {
      if (performance.now() - began > 20_000) throw new Error(`${this.#arrived} messages arrived in 20 s`)
      nudge()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#server.clients) client.terminate()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
