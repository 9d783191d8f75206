import type { Clock } from '../clock.ts'
import type { Batch } from '../stream/batch.ts'
import type { Log } from '../stream/connector.ts'
import { Outage } from './outage.ts'

/** When reading ends. */
export interface Until {
  /** Ends without an error. */
  readonly stop: AbortSignal
  /** Throws its reason. */
  readonly signal: AbortSignal
  /** Ends without an error: the source is disposed. */
  readonly closed: AbortSignal
}

/**
 * Reads by one connection after the other: `connected` reads as long as its connection stands, says by `over` that the
 * server answers, and throws when it does not any more. A loss is bridged for half a minute, then it is thrown.
 */
export async function* bridged(
  connected: (over: () => void, until: AbortSignal) => AsyncIterable<Batch>,
  { stop, signal, closed }: Until,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): AsyncGenerator<Batch> {
  const until = AbortSignal.any([stop, signal, closed])
  const outage = new Outage(clock, log)
  while (!until.aborted) {
    try {
      yield* connected(() => outage.over(), until)
    } catch (error) {
      signal.throwIfAborted()
      if (until.aborted) return
      await outage.wait(error, until).catch((thrown: unknown) => {
        if (!until.aborted) throw thrown
      })
    }
  }
  signal.throwIfAborted()
}
