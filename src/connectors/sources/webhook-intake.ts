import type { Clock } from '../../clock.ts'
import { HermesError } from '../../errors.ts'
import type { Meta } from '../../stream/batch.ts'

/** What one request brings. */
export interface Brought {
  readonly payloads: readonly Uint8Array[]
  /** One for each payload. */
  readonly metas: readonly Meta[]
  readonly bytes: number
}

/** A request that waits for its answer. */
interface Arrival extends Brought {
  readonly deadline: number
  readonly settle: (error?: HermesError) => void
  isOpen: boolean
}

/** What was taken together, under the number by which it is acknowledged. */
export interface Taken {
  readonly number: number
  readonly payloads: readonly Uint8Array[]
  readonly metas: readonly Meta[]
}

export interface IntakeLimits {
  readonly timeoutMs: number
  readonly maxBytes: number
}

/** What a request costs beside its bytes. */
const OVERHEAD = 1_024

/** So many messages make a batch; a request is never divided. */
const BATCH = 1_000

/** When a sender should come again. */
const RETRY_MS = 2_000

/**
 * Requests that wait: first to be taken, then to be acknowledged. Each is answered exactly once, whatever happens, and
 * no later than after the timeout.
 */
export class Intake {
  readonly #limits: IntakeLimits
  readonly #clock: Clock
  readonly #closed = new AbortController()
  /** Oldest first. */
  #waiting: Arrival[] = []
  /** Taken and not acknowledged, oldest first. */
  #owed: { readonly number: number; readonly arrivals: readonly Arrival[] }[] = []
  /** All that have no answer yet, oldest first. */
  readonly #open = new Set<Arrival>()
  #bytes = 0
  #number = 0
  #sweeping = false
  #reading = false
  #wake: () => void = () => undefined

  constructor(limits: IntakeLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  /** Resolves when what it brings is acknowledged; throws `webhook_busy`. */
  async offer(brought: Brought): Promise<void> {
    if (!this.#reading) throw busy('the workflow does not run just now')
    const cost = brought.bytes + OVERHEAD
    if (this.#bytes > 0 && this.#bytes + cost > this.#limits.maxBytes) throw busy('too much waits already')
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const arrival: Arrival = {
      ...brought,
      deadline: this.#clock.now() + this.#limits.timeoutMs,
      isOpen: true,
      settle: (error) => {
        if (!arrival.isOpen) return
        arrival.isOpen = false
        this.#open.delete(arrival)
        this.#bytes -= cost
        if (error === undefined) resolve()
        else reject(error)
      },
    }
    this.#bytes += cost
    this.#open.add(arrival)
    this.#waiting.push(arrival)
    if (!this.#sweeping) void this.#sweep()
    this.#wake()
    return await promise
  }

  /** What waits to be taken, up to a batch; undefined when nothing does. */
  take(): Taken | undefined {
    const arrivals: Arrival[] = []
    let messages = 0
    let count = 0
    for (const arrival of this.#waiting) {
      if (messages >= BATCH) break
      count += 1
      if (!arrival.isOpen) continue
      arrivals.push(arrival)
      messages += arrival.payloads.length
    }
    this.#waiting.splice(0, count)
    if (arrivals.length === 0) return undefined
    this.#number += 1
    this.#owed.push({ number: this.#number, arrivals })
    const payloads = arrivals.flatMap((each) => each.payloads)
    return { number: this.#number, payloads, metas: arrivals.flatMap((each) => each.metas) }
  }

  /** Answers all that was taken up to this number. */
  acknowledge(number: number): void {
    const first = this.#owed.findIndex((each) => each.number > number)
    const answered = this.#owed.splice(0, first < 0 ? this.#owed.length : first)
    for (const { arrivals } of answered) for (const { settle } of arrivals) settle()
  }

  /** From now on requests are taken. */
  begin(): void {
    this.#reading = true
  }

  /** From now on none are, and those that nobody took are sent away; what was taken may still be acknowledged. */
  end(): void {
    this.#reading = false
    const error = busy('the workflow stops')
    for (const { settle } of this.#waiting.splice(0)) settle(error)
  }

  /** Sends all away: of those that were taken nobody knows whether they arrived. */
  close(): void {
    this.end()
    this.#closed.abort()
    const error = busy('the workflow stopped')
    for (const { arrivals } of this.#owed.splice(0)) for (const { settle } of arrivals) settle(error)
  }

  /** Resolves when something comes, or `wake` is called. */
  change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  readonly wake = (): void => this.#wake()

  /** Sends away what waited too long: one timer for all, since all have the same patience. */
  async #sweep(): Promise<void> {
    this.#sweeping = true
    const { timeoutMs } = this.#limits
    for (let [oldest] = this.#open; oldest !== undefined; [oldest] = this.#open) {
      const left = oldest.deadline - this.#clock.now()
      if (left <= 0) oldest.settle(busy(`the workflow could not take it within ${timeoutMs} ms`))
      else await this.#clock.sleep(Math.min(left, timeoutMs), this.#closed.signal).catch(() => undefined)
    }
    this.#sweeping = false
  }
}

function busy(reason: string): HermesError {
  return new HermesError('webhook_busy', reason, { retryAfterMs: RETRY_MS })
}
