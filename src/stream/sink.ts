import type { Batch } from './batch.ts'

/** A message that a sink did not take, and why. */
export interface Rejection {
  readonly index: number
  readonly reason: string
  /**
   * It may be taken later: it is tried again, and what follows it under its key waits; in the same batch the sink must
   * not take that either. Absent: it never will be taken.
   */
  readonly retryable?: boolean
}

/** Where messages go. */
export interface Sink extends AsyncDisposable {
  /**
   * Resolves when the batch is durable but for the rejections it names; throws when the whole batch may be tried again.
   * One write at a time, unless the connector has `maxInFlight`. The same message may come twice: by its
   * meta's id a sink can tell.
   */
  write(batch: Batch, signal: AbortSignal): Promise<readonly Rejection[]>
  /** Resolves when the sink could be written to now, without writing. */
  ping(signal: AbortSignal): Promise<void>
}
