import type { Clock } from '../../clock.ts'

/** Milliseconds: between two calls at least, of quiet that ends a burst, and that a burst is waited for at most. */
export interface Pace {
  readonly everyMs: number
  readonly quietMs: number
  readonly mostMs: number
}

/**
 * Calls `work` at once when it was quiet, and for all that is asked for after that once more when the burst is over,
 * however long it was. Not after `signal` aborts.
 */
export function paced(work: () => void, pace: Pace, clock: Clock, signal: AbortSignal): () => void {
  let nextAt = Number.NEGATIVE_INFINITY
  let askedAt = 0
  let waiting = false
  const run = (): void => {
    nextAt = clock.now() + pace.everyMs
    work()
  }
  const later = async (latest: number): Promise<void> => {
    for (let wait = waitMs(latest); wait > 0 && !signal.aborted; wait = waitMs(latest)) {
      await clock.sleep(wait, signal).catch(() => undefined)
    }
    waiting = false
    if (!signal.aborted) run()
  }
  /** Never longer than the pace allows, should the clock have been set back. */
  const waitMs = (latest: number): number => {
    const at = Math.max(nextAt, Math.min(askedAt + pace.quietMs, latest))
    return Math.min(at - clock.now(), pace.mostMs)
  }
  return () => {
    if (signal.aborted) return
    askedAt = clock.now()
    if (waiting) return
    if (nextAt <= askedAt) return run()
    waiting = true
    void later(askedAt + pace.mostMs)
  }
}
