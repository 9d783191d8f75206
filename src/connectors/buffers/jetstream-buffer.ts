import { randomUUID } from 'node:crypto'
import type { JetStreamManager } from '@nats-io/jetstream'
import type { MsgHdrs } from '@nats-io/transport-node'
import { HermesError } from '../../errors.ts'
import { durationMs } from '../../manifest/duration.ts'
import type { Batch } from '../../stream/batch.ts'
import type { Buffer, BufferPlace, Delivery, Depth } from '../../stream/buffer.ts'
import type { NatsClient } from '../nats-client.ts'
import type { NatsServerConfig } from '../nats-config.ts'
import { type Publication, publishAll } from '../nats-publisher.ts'
import { Outage } from '../outage.ts'
import type { StreamDepth } from './jetstream-depth.ts'
import { type Frame, framesOf } from './jetstream-frame.ts'
import type { Arrived, Outlet } from './jetstream-outlet.ts'

/** The server, the stream, and what it is made with. */
export interface JetStreamBufferSettings extends NatsServerConfig {
  readonly stream: string
  readonly bytes: number
  readonly replicas: number
  readonly ackWait: string | number
}

export interface JetStreamBufferParts {
  readonly client: NatsClient
  readonly manager: JetStreamManager
  readonly outlets: readonly Outlet[]
  readonly depth: StreamDepth
  /** Place in the stream of the last frame that is there. */
  readonly last: number
  readonly settings: JetStreamBufferSettings
  readonly place: BufferPlace
  /** Bytes of one frame at most, so that the stream takes several. */
  readonly room: number
  readonly createInbox: () => string
  readonly headers: () => MsgHdrs
}

/** For the header of a frame. */
const RESERVED = 65_536
const FULL_MS = 25
const LOOK_MS = 2_000
const GRACE_MS = 1_000
/** How often it is looked whether everything was given, once nothing comes any more. */
const ENDING_MS = 20

/** A buffer in a stream with interest retention: a frame goes when every consumer has acknowledged it. */
export class JetStreamBuffer implements Buffer {
  readonly #parts: JetStreamBufferParts
  readonly #closed = new AbortController()
  readonly #background: readonly Promise<void>[]
  /** Tells the frames of this process from all others: a repeat is stored once. */
  readonly #nonce = randomUUID()
  #frames = 0
  /** Place in the stream of the last frame that was there at the beginning, or was pushed here. */
  #last: number
  /** When no more pushes were to come, by the clock. */
  #endedAt: number | undefined
  #disposing: Promise<void> | undefined

  constructor(parts: JetStreamBufferParts) {
    this.#parts = parts
    this.#last = parts.last
    const signMs = Math.max(100, durationMs(parts.settings.ackWait) / 3)
    const { signal } = this.#closed
    this.#background = [
      ...parts.outlets.map(({ receipts }) => receipts.keepAlive(() => signMs, signal)),
      this.#look(signal),
    ]
  }

  /** Durable, and acknowledged, when the server has stored it. A loss of connection is bridged for half a minute. */
  async push(batch: Batch, ack: () => void, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { client, room, depth } = this.#parts
    const most = Math.min(room, (client.vendor.info?.max_payload ?? Number.POSITIVE_INFINITY) - RESERVED)
    for (const frame of framesOf(batch, most)) {
      const sequence = await this.#store(frame, signal)
      this.#last = sequence
      depth.add(sequence, frame)
    }
    ack()
  }

  end(): void {
    this.#endedAt ??= this.#parts.place.clock.now()
    for (const outlet of this.#parts.outlets) outlet.wake()
  }

  /**
   * It ends when nothing comes any more: what another process has on its way is waited for no longer than it takes a
   * dead one's to come again. A loss of connection is bridged for half a minute.
   */
  async *pull(signal: AbortSignal, consumer = 0): AsyncGenerator<Delivery> {
    const outlet = this.#parts.outlets[consumer]
    if (outlet === undefined) throw new RangeError(`no consumer ${consumer}`)
    const outage = new Outage(this.#parts.place.clock, this.#parts.place.log)
    for (;;) {
      signal.throwIfAborted()
      const arrived = outlet.take()
      if (arrived !== undefined) {
        yield this.#delivery(outlet, arrived)
        continue
      }
      try {
        if (await this.#isDrained(outlet, signal)) return
        await outlet.more(signal, this.#endedAt === undefined ? undefined : ENDING_MS)
        outage.over()
      } catch (error) {
        if (this.#closed.signal.aborted) return
        await outage.wait(error, signal)
      }
    }
  }

  depth(): Depth {
    return this.#parts.depth.depth()
  }

  async ping(signal: AbortSignal): Promise<void> {
    const { client, manager, settings } = this.#parts
    await client.ready(signal)
    await client.inTime(manager.streams.info(settings.stream), signal)
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposing ??= this.#dispose()
    return this.#disposing
  }

  #delivery(outlet: Outlet, { receipt, batch }: Arrived): Delivery {
    const { depth } = this.#parts
    depth.add(receipt.sequence, { messages: batch.size, bytes: batch.byteLength })
    return {
      batch,
      ack: () => {
        outlet.receipts.ack([receipt])
        depth.acked(receipt.sequence)
      },
    }
  }

  async #isDrained(outlet: Outlet, signal: AbortSignal): Promise<boolean> {
    if (this.#endedAt === undefined) return false
    const { place, settings } = this.#parts
    const waitedMs = place.clock.now() - this.#endedAt
    return await outlet.isDrained(this.#last, waitedMs < durationMs(settings.ackWait) * 1.5, signal)
  }

  /** The place of a frame in the stream; waits while that is full. */
  async #store({ data, messages }: Frame, signal: AbortSignal): Promise<number> {
    const { client, settings, place } = this.#parts
    const limit = client.vendor.info?.max_payload ?? Number.POSITIVE_INFINITY
    if (data.length > limit - 256) {
      throw new HermesError(
        'connector_refused',
        `${client.name}: a message is larger than the server takes (${limit} bytes)`,
      )
    }
    const headers = this.#parts.headers()
    this.#frames += 1
    headers.set('Nats-Msg-Id', `${this.#nonce}.${this.#frames}`)
    const publication = { subject: `${settings.stream}.${messages}`, payload: data, headers }
    const outage = new Outage(place.clock, place.log)
    for (;;) {
      signal.throwIfAborted()
      try {
        const stored = await this.#publish(publication, signal)
        if (stored !== undefined) return stored
        outage.over()
        await place.clock.sleep(FULL_MS, signal)
      } catch (error) {
        await outage.wait(error, signal)
      }
    }
  }

  /**
   * Undefined when the stream is full. What is under way when the signal aborts is waited for a little: a push that
   * throws should not have taken anything.
   */
  async #publish(publication: Publication, signal: AbortSignal): Promise<number | undefined> {
    const { client, place } = this.#parts
    await client.ready(signal)
    const patience = new AbortController()
    const onAbort = (): void => void place.clock.sleep(GRACE_MS).then(() => patience.abort(signal.reason))
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await this.#published(publication, patience.signal)
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  async #published(publication: Publication, signal: AbortSignal): Promise<number | undefined> {
    const { client, createInbox } = this.#parts
    let stored: number | undefined
    const onStored = (_place: number, sequence: number): void => {
      stored = sequence
    }
    const [failure] = await publishAll(client, [publication], createInbox(), signal, onStored)
    if (failure === undefined || /maximum (bytes|messages)/.test(failure.reason)) return stored
    const code = failure.retryable ? 'connector_unavailable' : 'connector_refused'
    throw new HermesError(code, `${client.name}: ${failure.reason}`)
  }

  /** Learns what other processes have acknowledged. Never throws. */
  async #look(until: AbortSignal): Promise<void> {
    const { client, manager, settings, depth, place } = this.#parts
    while (!until.aborted) {
      try {
        await place.clock.sleep(LOOK_MS, until)
        const floors: number[] = []
        for await (const info of manager.consumers.list(settings.stream)) floors.push(info.ack_floor.stream_seq)
        if (client.isConnected) depth.gone(Math.min(...floors))
      } catch (error) {
        if (!until.aborted) place.log.debug({ error: String(error) }, 'jetstream buffer not looked at')
      }
    }
  }

  async #dispose(): Promise<void> {
    this.end()
    this.#closed.abort()
    await Promise.all(this.#background)
    await Promise.all(this.#parts.outlets.map((outlet) => outlet.close()))
    await this.#parts.client[Symbol.asyncDispose]()
  }
}
