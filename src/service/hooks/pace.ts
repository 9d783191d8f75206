import type { Clock } from '../../clock.ts'

/**
 * Calls `work` at most once in `everyMs`: at once when it was quiet, else at the end of that time, however often it was
 * asked for by then. Not after `signal` aborts.
 */
export function paced(work: () => void, everyMs: number, clock: Clock, signal: AbortSignal): () => void {
  let nextAt = Number.NEGATIVE_INFINITY
  let waiting = false
  const run = (): void => {
    nextAt = clock.now() + everyMs
    work()
  }
  const later = async (waitMs: number): Promise<void> => {
    await clock.sleep(waitMs, signal).catch(() => undefined)
    waiting = false
    if (!signal.aborted) run()
  }
  return () => {
    if (waiting || signal.aborted) return
    const waitMs = Math.min(nextAt - clock.now(), everyMs)
    if (waitMs <= 0) return run()
    waiting = true
    void later(waitMs)
  }
}
