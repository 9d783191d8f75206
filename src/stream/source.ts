import type { Batch, Position } from './batch.ts'

/** Where messages come from. It ends (a fetch), or never does (a subscription). */
export interface Source extends AsyncDisposable {
  /**
   * Reads from behind `from`. When `stop` aborts it ends after the batch in hand and does not throw for it; a request
   * under way may be given up, its answer is asked for again at the position. When `signal` aborts it gives up at once
   * and throws the signal's reason.
   */
  read(from: Position, stop: AbortSignal, signal: AbortSignal): AsyncIterable<Batch>
  /** Resolves when the source could be read now, without reading it. */
  ping(signal: AbortSignal): Promise<void>
}
