import type { Clock } from '../../clock.ts'
import type { Batch } from '../../stream/batch.ts'
import { bytesBatch } from '../../stream/batches.ts'
import type { Log } from '../../stream/connector.ts'
import type { Source } from '../../stream/source.ts'
import { bridged } from '../bridged.ts'
import { Inbox } from '../inbox.ts'
import type { RedisClient } from '../redis-client.ts'

export interface RedisSubscriptionParts {
  readonly channels: readonly string[] | undefined
  readonly patterns: readonly string[] | undefined
  readonly clock: Clock
  readonly log: Log
}

const LIMITS = { messages: 65_536, bytes: 33_554_432 }
const BATCH = 1_000
/** An idle subscription is asked whether it stands. */
const IDLE_MS = 15_000

/**
 * Channels of a Redis server: volatile, without positions; it listens from its opening on. A reader that is too slow
 * stops the socket; the server then ends the connection at its own limit (client-output-buffer-limit pubsub).
 */
export class RedisSubscription implements Source {
  readonly #client: RedisClient
  readonly #parts: RedisSubscriptionParts
  readonly #inbox: Inbox
  readonly #closed = new AbortController()

  private constructor(client: RedisClient, parts: RedisSubscriptionParts) {
    const { vendor } = client
    this.#client = client
    this.#parts = parts
    this.#inbox = new Inbox(LIMITS, (full) => (full ? vendor.stream.pause() : vendor.stream.resume()))
    vendor.on('messageBuffer', (_channel: Buffer, payload: Buffer) => this.#inbox.push(payload))
    vendor.on('pmessageBuffer', (_pattern: string, _channel: Buffer, payload: Buffer) => this.#inbox.push(payload))
    vendor.on('ready', () => void this.#listenAgain())
    vendor.on('close', () => this.#onClose())
  }

  /** Takes the client over. Throws `connector_refused` when this user may not listen there. */
  static async open(
    client: RedisClient,
    parts: RedisSubscriptionParts,
    signal: AbortSignal,
  ): Promise<RedisSubscription> {
    const subscription = new RedisSubscription(client, parts)
    try {
      await subscription.#listen(signal)
      return subscription
    } catch (error) {
      await subscription[Symbol.asyncDispose]()
      throw error
    }
  }

  /** A loss of connection is bridged for half a minute; then it throws `connector_unavailable`. */
  read(_from: unknown, stop: AbortSignal, signal: AbortSignal): AsyncIterable<Batch> {
    const until = { stop, signal, closed: this.#closed.signal }
    return bridged((over, ended) => this.#connected(over, ended), until, this.#parts)
  }

  async ping(signal: AbortSignal): Promise<void> {
    await this.#client.ping(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
    await this.#client[Symbol.asyncDispose]()
  }

  async *#connected(over: () => void, until: AbortSignal): AsyncGenerator<Batch> {
    for (;;) {
      const payloads = await this.#inbox.take(BATCH, this.#client.lostSince() === undefined ? IDLE_MS : 0, until)
      if (payloads.length > 0) yield bytesBatch(payloads)
      else {
        await this.#client.ping(until)
        over()
      }
    }
  }

  async #listen(signal: AbortSignal): Promise<void> {
    const { channels, patterns } = this.#parts
    // The vendor's client keeps its set of subscriptions by these names, in lower case.
    if (channels !== undefined) await this.#client.call(['subscribe', ...channels], signal)
    if (patterns !== undefined) await this.#client.call(['psubscribe', ...patterns], signal)
  }

  /** On a new socket, which knows nothing of the pause either. */
  async #listenAgain(): Promise<void> {
    const { vendor } = this.#client
    try {
      if (this.#inbox.isFull) vendor.stream.pause()
      await this.#listen(this.#closed.signal)
    } catch {
      // The next socket is the next try; it is closed already when that was the reason.
      if (!this.#closed.signal.aborted && vendor.status === 'ready') vendor.disconnect(true)
    }
  }

  #onClose(): void {
    if (this.#closed.signal.aborted) return
    this.#inbox.wake()
    this.#parts.log.warn({ server: this.#client.name }, 'redis subscription was ended; what is published now is lost')
  }
}
