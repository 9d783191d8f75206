import type { Clock } from '../../clock.ts'
import { HermesError } from '../../errors.ts'
import type { Batch } from '../../stream/batch.ts'
import { bytesBatch } from '../../stream/batches.ts'
import type { Log } from '../../stream/connector.ts'
import type { Source } from '../../stream/source.ts'
import { bridged } from '../bridged.ts'
import { Inbox } from '../inbox.ts'
import type { NatsClient } from '../nats-client.ts'

export interface NatsSubscriptionParts {
  readonly subject: string
  readonly queue: string | undefined
  readonly clock: Clock
  readonly log: Log
}

const LIMITS = { messages: 65_536, bytes: 33_554_432 }
const BATCH = 1_000
const IDLE_MS = 15_000

/**
 * A subject of a NATS server: volatile, without positions; it listens from its opening on. The protocol knows no
 * back-pressure for it: what comes while the inbox is full is dropped, and counted in the log.
 */
export class NatsSubscription implements Source {
  readonly #client: NatsClient
  readonly #parts: NatsSubscriptionParts
  readonly #inbox: Inbox
  readonly #closed = new AbortController()
  #dropped = 0

  private constructor(client: NatsClient, parts: NatsSubscriptionParts) {
    this.#client = client
    this.#parts = parts
    this.#inbox = new Inbox(LIMITS, (full) => {
      if (!full) this.#tellDropped()
    })
    client.onLost(() => this.#onLost())
  }

  /** Takes the client over. Throws `connector_refused` when this user may not listen there. */
  static async open(client: NatsClient, parts: NatsSubscriptionParts, signal: AbortSignal): Promise<NatsSubscription> {
    const subscription = new NatsSubscription(client, parts)
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
    await this.#client.ready(signal)
    await this.#client.flush(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
    this.#tellDropped()
    await this.#client[Symbol.asyncDispose]()
  }

  async *#connected(over: () => void, until: AbortSignal): AsyncGenerator<Batch> {
    for (;;) {
      const payloads = await this.#inbox.take(BATCH, this.#client.isConnected ? IDLE_MS : 0, until)
      if (payloads.length > 0) yield bytesBatch(payloads)
      else {
        await this.#client.ready(until)
        over()
      }
    }
  }

  async #listen(signal: AbortSignal): Promise<void> {
    const { subject, queue } = this.#parts
    this.#client.vendor.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message) => {
        if (error !== null) this.#inbox.fail(this.#client.problem(error))
        else if (this.#inbox.isFull) this.#dropped += 1
        else this.#inbox.push(message.data)
      },
    })
    // The server says no, if it does, before it answers this.
    await this.#client.flush(signal)
    const [refused] = this.#client.takeViolations()
    if (refused !== undefined) {
      throw new HermesError('connector_refused', `${this.#client.name}: it may not listen to ${refused}`)
    }
  }

  #tellDropped(): void {
    const { subject, log } = this.#parts
    if (this.#dropped > 0)
      log.warn({ subject, dropped: this.#dropped }, 'messages dropped: they came faster than they were taken')
    this.#dropped = 0
  }

  #onLost(): void {
    if (this.#closed.signal.aborted) return
    this.#inbox.wake()
    this.#parts.log.warn({ server: this.#client.name }, 'nats connection lost; what is published now is lost')
  }
}
