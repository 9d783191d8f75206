import type { Consumer, ConsumerMessages, JetStreamManager } from '@nats-io/jetstream'
import type { Clock } from '../../clock.ts'
import { HermesError } from '../../errors.ts'
import { durationMs } from '../../manifest/duration.ts'
import type { Batch } from '../../stream/batch.ts'
import { bytesBatch } from '../../stream/batches.ts'
import type { Log } from '../../stream/connector.ts'
import type { Source } from '../../stream/source.ts'
import { bridged } from '../bridged.ts'
import type { NatsClient } from '../nats-client.ts'
import { type Receipt, Receipts } from '../nats-receipts.ts'
import { apiCode, ensureStream, openJetStream } from '../nats-stream.ts'
import { Outstanding } from '../outstanding.ts'
import { ReadSize } from '../read-size.ts'
import type { JetStreamSourceConfig } from './nats-config.ts'

export interface JetStreamSourceParts {
  readonly jetstream: JetStreamSourceConfig
  readonly clock: Clock
  readonly log: Log
}

const NO_CONSUMER = 10_014
const NANOS = 1_000_000
/** How long a request for messages stands at the server. */
const EXPIRES_MS = 10_000

interface Taken {
  readonly receipt: Receipt
  readonly payload: Uint8Array
}

/**
 * A stream read by a durable consumer. What is on its way is kept from being delivered again by signs of life; what was
 * not acknowledged when the source is disposed is given back at once.
 */
export class JetStreamSource implements Source {
  readonly #client: NatsClient
  readonly #manager: JetStreamManager
  readonly #parts: JetStreamSourceParts
  readonly #closed = new AbortController()
  readonly #size: ReadSize
  readonly #outstanding = new Outstanding<Receipt>()
  readonly #receipts: Receipts
  #signing: Promise<void> | undefined
  #signMs = 10_000

  /** Throws `connector_refused` when there is no JetStream, no such stream, or a consumer that cannot be used. */
  static async open(client: NatsClient, parts: JetStreamSourceParts, signal: AbortSignal): Promise<JetStreamSource> {
    try {
      const source = new JetStreamSource(client, await openJetStream(client, signal), parts)
      await source.#consumer(signal)
      return source
    } catch (error) {
      await client[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor(client: NatsClient, manager: JetStreamManager, parts: JetStreamSourceParts) {
    this.#client = client
    this.#manager = manager
    this.#parts = parts
    this.#size = new ReadSize(parts.jetstream.batch)
    this.#receipts = new Receipts({ client, clock: parts.clock, log: parts.log })
  }

  /** A loss of connection is bridged for half a minute; then it throws `connector_unavailable`. */
  read(_from: unknown, stop: AbortSignal, signal: AbortSignal): AsyncIterable<Batch> {
    const closed = this.#closed.signal
    // What was read is on its way still when reading has ended.
    this.#signing ??= this.#receipts.keepAlive(() => this.#signMs, closed)
    return bridged((over, until) => this.#connected(over, until), { stop, signal, closed }, this.#parts)
  }

  ack(position: unknown): void {
    this.#receipts.ack(this.#outstanding.take(position))
  }

  async ping(signal: AbortSignal): Promise<void> {
    const { stream, consumer } = this.#parts.jetstream
    await this.#client.ready(signal)
    await this.#client.inTime(this.#manager.consumers.info(stream, consumer), signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { stream, consumer } = this.#parts.jetstream
    this.#closed.abort()
    await this.#signing
    await this.#receipts.close(() => this.#manager.consumers.info(stream, consumer))
    await this.#client[Symbol.asyncDispose]()
  }

  async *#connected(over: () => void, until: AbortSignal): AsyncGenerator<Batch> {
    await this.#client.ready(until)
    const consumer = await this.#consumer(until)
    for (;;) {
      const asked = this.#size.count
      const messages = await this.#client.inTime(consumer.fetch({ max_messages: asked, expires: EXPIRES_MS }), until)
      over()
      yield* this.#fetched(messages, until)
    }
  }

  /** The batches of one request: what is there goes at once, it does not wait for the request to be filled. */
  async *#fetched(messages: ConsumerMessages, until: AbortSignal): AsyncGenerator<Batch> {
    const end = (): void => messages.stop()
    until.addEventListener('abort', end, { once: true })
    const forget = this.#client.onLost(end)
    let count = 0
    let bytes = 0
    let taken: Taken[] = []
    try {
      for await (const message of messages) {
        count += 1
        bytes += message.data.length
        const receipt = this.#receipts.add(message)
        if (receipt !== undefined) taken.push({ receipt, payload: message.data })
        if (taken.length === 0 || messages.getPending() > 0) continue
        const batch = this.#batch(taken)
        taken = []
        yield batch
      }
    } catch (error) {
      throw this.#client.problem(error)
    } finally {
      until.removeEventListener('abort', end)
      forget()
      messages.stop()
      this.#receipts.giveBack(taken.map(({ receipt }) => receipt))
    }
    this.#size.had(count, bytes)
    until.throwIfAborted()
    if (!this.#client.isConnected) {
      throw new HermesError('connector_unavailable', `${this.#client.name}: the connection was lost`)
    }
  }

  #batch(taken: readonly Taken[]): Batch {
    const { stream } = this.#parts.jetstream
    const receipts = taken.map(({ receipt }) => receipt)
    const position = this.#outstanding.add(receipts, `${stream}:${receipts.at(-1)?.sequence ?? 0}`)
    const metas = receipts.map(({ sequence }) => ({ id: `${stream}:${sequence}` }))
    return bytesBatch(
      taken.map(({ payload }) => payload),
      { position, metas },
    )
  }

  /** The consumer, made when it is not there, as is its stream. */
  async #consumer(signal: AbortSignal): Promise<Consumer> {
    const client = this.#client
    const { jetstream } = this.#parts
    const { stream, consumer: name, subjects } = jetstream
    await ensureStream(client, this.#manager, { stream, ...(subjects === undefined ? {} : { subjects }) }, signal)
    const found = this.#manager.consumers.info(stream, name).catch((error: unknown) => {
      if (apiCode(error) !== NO_CONSUMER) throw error
      return undefined
    })
    const { AckPolicy, DeliverPolicy } = await import('@nats-io/jetstream')
    const info =
      (await client.inTime(found, signal)) ??
      (await client.inTime(
        this.#manager.consumers.add(stream, {
          durable_name: name,
          ack_policy: AckPolicy.Explicit,
          deliver_policy: jetstream.from === 'new' ? DeliverPolicy.New : DeliverPolicy.All,
          ack_wait: durationMs(jetstream.ackWait) * NANOS,
          max_ack_pending: jetstream.maxAckPending,
          ...(jetstream.filter === undefined ? {} : { filter_subject: jetstream.filter }),
        }),
        signal,
      ))
    const { ack_policy: policy, deliver_subject: pushed, ack_wait: ackWait } = info.config
    if (policy !== AckPolicy.Explicit || pushed !== undefined) {
      throw new HermesError(
        'connector_refused',
        `${client.name}: the consumer ${name} is not one that is pulled and acknowledged explicitly`,
      )
    }
    this.#signMs = Math.max(100, (ackWait ?? durationMs(jetstream.ackWait) * NANOS) / NANOS / 3)
    return this.#manager.jetstream().consumers.getConsumerFromInfo(info)
  }
}
