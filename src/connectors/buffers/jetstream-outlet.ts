import type { Consumer, ConsumerMessages, JetStreamManager } from '@nats-io/jetstream'
import type { Batch } from '../../stream/batch.ts'
import type { Log } from '../../stream/connector.ts'
import type { NatsClient } from '../nats-client.ts'
import type { Receipt, Receipts } from '../nats-receipts.ts'
import { batchOf } from './jetstream-frame.ts'

/** A frame that was delivered, and not given out yet. */
export interface Arrived {
  readonly receipt: Receipt
  readonly batch: Batch
}

export interface OutletParts {
  readonly client: NatsClient
  readonly manager: JetStreamManager
  readonly stream: string
  /** Name of the durable consumer. */
  readonly name: string
  readonly consumer: Consumer
  readonly receipts: Receipts
  readonly log: Log
}

/** Frames on their way at most that nobody has asked for yet. */
const AHEAD = 8
const EXPIRES_MS = 5_000

/** What one consumer of the stream is given: asked for ahead, kept until it is taken. */
export class Outlet {
  readonly receipts: Receipts
  readonly #parts: OutletParts
  readonly #arrived: Arrived[] = []
  readonly #waiting = new Set<() => void>()
  #asking: Promise<void> | undefined
  #messages: ConsumerMessages | undefined
  #failure: { readonly error: Error } | undefined
  #closed = false

  constructor(parts: OutletParts) {
    this.#parts = parts
    this.receipts = parts.receipts
  }

  take(): Arrived | undefined {
    return this.#arrived.shift()
  }

  /** Lets whoever waits look again. */
  wake(): void {
    for (const wake of this.#waiting) wake()
  }

  /**
   * Resolves when something may have come, it was woken, or `ms` are over. Throws what asking failed with, and the
   * signal's reason.
   */
  async more(signal: AbortSignal, ms?: number): Promise<void> {
    if (this.#closed) return
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
      this.wake()
    })
    if (this.#arrived.length === 0) await this.#change(signal, ms)
    signal.throwIfAborted()
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw this.#parts.client.problem(failure.error)
  }

  /**
   * Whether everything up to a place in the stream was delivered, to this process or another, and taken here. What was
   * delivered to nobody, because a connection was cut, comes again in a while: `patient` waits for it, and for what
   * another process has on its way.
   */
  async isDrained(last: number, patient: boolean, signal: AbortSignal): Promise<boolean> {
    if (this.#closed) return true
    const { client, manager, stream, name } = this.#parts
    const { delivered, num_ack_pending: owed } = await client.inTime(manager.consumers.info(stream, name), signal)
    // What was delivered before the answer came before it; the vendor's client hands it over in turns of its own.
    await new Promise((resolve) => setImmediate(resolve))
    if (delivered.stream_seq < last || this.#arrived.length > 0) return false
    return !patient || owed <= this.receipts.size
  }

  async close(): Promise<void> {
    const { manager, stream, name } = this.#parts
    this.#closed = true
    this.#messages?.stop()
    this.wake()
    await this.#asking
    await this.receipts.close(() => manager.consumers.info(stream, name))
  }

  async #ask(): Promise<void> {
    const { consumer, receipts, log, stream } = this.#parts
    try {
      const messages = await consumer.fetch({ max_messages: AHEAD, expires: EXPIRES_MS })
      this.#messages = messages
      if (this.#closed) messages.stop()
      for await (const message of messages) {
        const receipt = receipts.add(message)
        if (receipt === undefined) continue
        const batch = batchOf(message.data)
        if (batch === undefined) {
          log.error({ stream, sequence: receipt.sequence }, 'a message of the stream is no batch; it is left out')
          receipts.ack([receipt])
        } else this.#arrived.push({ receipt, batch })
        this.wake()
      }
    } catch (error) {
      this.#failure = { error: error instanceof Error ? error : new Error(String(error)) }
    }
  }

  #change(signal: AbortSignal, ms: number | undefined): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake)
        clearTimeout(timer)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      const timer = ms === undefined ? undefined : setTimeout(wake, ms)
      this.#waiting.add(wake)
      signal.addEventListener('abort', wake, { once: true })
    })
  }
}
