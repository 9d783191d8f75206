import type Bottleneck from 'bottleneck'
import { durationMs } from '../manifest/duration.ts'
import type { RateLimitConfig } from './http-connection-config.ts'

/** Lets jobs start as a Connection allows. */
export interface Limiter {
  /** Rejects with the signal's reason when it aborts before the job started; a job that runs sees to its own end. */
  run<T>(job: () => Promise<T>, signal: AbortSignal): Promise<T>
  /** Jobs that wait are rejected. */
  close(): Promise<void>
}

const unlimited: Limiter = { run: (job) => job(), close: async () => {} }

/**
 * A limiter by Bottleneck; without limits there is none in the way. `requests` is its reservoir, and each unit comes
 * back an interval after its use: no interval of that length, wherever it begins, sees more starts. `burst` shrinks
 * both in proportion, which spreads the starts.
 */
export async function openLimiter(limits: RateLimitConfig | undefined): Promise<Limiter> {
  if (limits?.requests === undefined && limits?.concurrency === undefined) return unlimited
  const { default: Limit } = await import('bottleneck')
  return new ReservoirLimiter(Limit, limits)
}

const LONGEST_TIMER_MS = 2 ** 31 - 1

class ReservoirLimiter implements Limiter {
  readonly #bottleneck: Bottleneck
  readonly #restoreMs: number | undefined
  readonly #timers = new Set<NodeJS.Timeout>()

  constructor(Limit: typeof Bottleneck, { requests, per = '1s', concurrency, burst }: RateLimitConfig) {
    const size = requests === undefined ? undefined : Math.min(burst ?? requests, requests)
    if (requests !== undefined && size !== undefined) this.#restoreMs = (durationMs(per) * size) / requests
    this.#bottleneck = new Limit({ maxConcurrent: concurrency ?? null, reservoir: size ?? null })
    hurry(this.#bottleneck)
  }

  run<T>(job: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const leave = (): void => reject(signal.reason as Error)
      signal.addEventListener('abort', leave, { once: true })
      const start = async (): Promise<void> => {
        signal.removeEventListener('abort', leave)
        this.#restore(signal.aborted ? 0 : this.#restoreMs)
        if (signal.aborted) reject(signal.reason as Error)
        else await job().then(resolve, reject)
      }
      this.#bottleneck.schedule(start).catch(reject)
    })
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    await this.#bottleneck.stop({ dropWaitingJobs: true }).catch(() => undefined)
  }

  #restore(afterMs: number | undefined): void {
    if (this.#restoreMs === undefined || afterMs === undefined) return
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer)
        void this.#bottleneck.incrementReservoir(1)
      },
      Math.min(Math.ceil(afterMs), LONGEST_TIMER_MS),
    )
    this.#timers.add(timer.unref())
  }
}

/**
 * Bottleneck's local store pretends to be remote: before every step it waits for a timer, twice a job, 2.3 ms in all.
 * Nothing in it depends on that wait, which only keeps both stores alike; a resolved promise makes it 0.1 ms.
 */
function hurry(limiter: Bottleneck): void {
  const { _store: store } = limiter as unknown as { readonly _store?: { yieldLoop?: () => Promise<void> } }
  if (typeof store?.yieldLoop === 'function') store.yieldLoop = () => Promise.resolve()
}
