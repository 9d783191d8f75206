import type { Clock } from '../clock.ts'
import type { Batch } from './batch.ts'
import type { JsonSchema, Log } from './connector.ts'

/** A batch on its way out, with the promise that it is durable. */
export interface Delivery {
  readonly batch: Batch
  /** Called once, when the consumer holds the batch durably. Consumers may call it out of order. */
  ack(): void
}

/** How full a buffer is. */
export interface Depth {
  readonly messages: number
  /** Of payloads, as far as they are known as bytes. */
  readonly bytes: number
  /** Messages that were dropped because it was full, since it was opened. */
  readonly dropped: number
}

/** What stands between source and sinks. It owns the ack. */
export interface Buffer extends AsyncDisposable {
  /**
   * Resolves when there was room: back-pressure is the default. `ack` is called in the order of pushes, and speaks for
   * all before it as well: when the batch is durable here, or, where it is not, when all consumers have acknowledged it.
   */
  push(batch: Batch, ack: () => void, signal: AbortSignal): Promise<void>
  /** No more pushes; each `pull` ends when it has given everything. */
  end(): void
  /**
   * Everything that was pushed, in order, to one consumer: each has its own pace, and what one has not acknowledged is
   * given to it again after a restart, if the buffer is durable. Consumers count from 0; one pull for each at a time.
   */
  pull(signal: AbortSignal, consumer?: number): AsyncIterable<Delivery>
  depth(): Depth
  ping(signal: AbortSignal): Promise<void>
}

/** Where a buffer stands. */
export interface BufferPlace {
  /** A directory of its own, absolute; it need not be there yet. */
  readonly dir: string
  /** Names of the consumers: one that was not there before begins with what is pushed from now on. */
  readonly consumers: readonly string[]
  readonly clock: Clock
  readonly log: Log
}

/** One buffer type: its schema, its documentation and its behaviour in one file. */
export interface BufferConnector<Config> {
  readonly type: string
  readonly summary: string
  readonly config: JsonSchema
  /** What was pushed outlives the process: its ack says so. */
  readonly durable: boolean
  open(config: Config, place: BufferPlace): Promise<Buffer>
}
