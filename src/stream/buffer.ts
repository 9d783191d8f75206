import type { Batch } from './batch.ts'

/** A batch on its way out, with the promise that it is durable. */
export interface Delivery {
  readonly batch: Batch
  ack(): void
}

/** What stands between source and sinks. It owns the ack. */
export interface Buffer extends AsyncDisposable {
  /** Resolves when there is room: back-pressure is the default. `ack` is called once the batch is durable downstream. */
  push(batch: Batch, ack: () => void, signal: AbortSignal): Promise<void>
  /** No more pushes; `pull` ends when it is empty. */
  end(): void
  pull(signal: AbortSignal): AsyncIterable<Delivery>
  ping(signal: AbortSignal): Promise<void>
}
