import type { HermesError } from '../errors.ts'
import type { Batch, Position } from './batch.ts'

/** Where messages come from. It ends (a fetch), or never does (a subscription). */
export interface Source extends AsyncDisposable {
  /** After a stop it may give more batches, of what it has taken already and cannot put back; then it ends by itself. */
  readonly drains?: true
  /**
   * Reads from behind `from`. When `stop` aborts it ends after the batch in hand and does not throw for it; a request
   * under way may be given up, its answer is asked for again at the position. When `signal` aborts it gives up at once
   * and throws the signal's reason.
   */
  read(from: Position, stop: AbortSignal, signal: AbortSignal): AsyncIterable<Batch>
  /**
   * Told that everything up to a batch, named by its position, is durable downstream: a source that keeps its own place
   * (a consumer group, a replication slot, answers that are still owed) moves it. In the order of the batches, not for
   * each. Without it the position is kept for the source, and handed to `read` at the next start.
   */
  ack?(position: Position): void
  /** With `ack`: the position is kept for the source all the same, which says more than its own place does. */
  readonly resumes?: true
  /** Resolves when the source could be read now, without reading it. */
  ping(signal: AbortSignal): Promise<void>
  /** Why nothing comes just now while it is read, and tries again by itself; undefined when it could. */
  trouble?(): HermesError | undefined
}

/** Whether a source leaves it to others to know where it stands, or has them know it as well. */
export function isPositionKept(source: Pick<Source, 'ack' | 'resumes'>): boolean {
  return source.ack === undefined || source.resumes === true
}
