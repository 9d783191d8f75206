import type { Batch } from './batch.ts'

/** A message that a sink will never take, and why. */
export interface Rejection {
  readonly index: number
  readonly reason: string
}

/** Where messages go. */
export interface Sink extends AsyncDisposable {
  /** Resolves when the batch is durable but for the rejections it names; throws when the whole batch may be tried again. */
  write(batch: Batch, signal: AbortSignal): Promise<readonly Rejection[]>
  ping(signal: AbortSignal): Promise<void>
}
