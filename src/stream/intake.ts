import type { Clock } from '../clock.ts'
import type { Delivery } from './buffer.ts'
import { Group } from './group.ts'

/** What is written at once: at most so many messages and bytes, and not before it is that much or so old. */
export interface BatchLimits {
  readonly messages: number
  readonly bytes: number
  /** Milliseconds that the first message may wait for more; 0 writes what is there as soon as the sink is free. */
  readonly everyMs: number
}

/** So many groups may be waiting while one is written. */
const AHEAD = 2

/** Collects deliveries for a sink while it is busy, within bounds (invariant 6). */
export class Intake {
  readonly #limits: BatchLimits
  readonly #clock: Clock
  readonly #waiting: Delivery[] = []
  #messages = 0
  #bytes = 0
  /** When the first of those that wait came. */
  #since = 0
  #ended = false
  #failure: { readonly error: unknown } | undefined
  #bell = Promise.withResolvers<void>()

  constructor(limits: BatchLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  /** Takes deliveries in until they end, as far as there is room; what they throw comes out of `take`. */
  async fill(deliveries: AsyncIterable<Delivery>, signal: AbortSignal): Promise<void> {
    try {
      for await (const delivery of deliveries) {
        this.#add(delivery)
        while (this.#isFull()) await this.#rung(signal)
      }
    } catch (error) {
      this.#failure = { error }
    }
    this.#ended = true
    this.#ring()
  }

  /**
   * The next group, of at most `most` messages but for one delivery that is larger; undefined when nothing came before
   * `until` (milliseconds since the epoch), or nothing will come any more: see `isOver`.
   */
  async take(most: number, until: number, signal: AbortSignal): Promise<Group | undefined> {
    for (;;) {
      signal.throwIfAborted()
      const now = this.#clock.now()
      const dueAt = this.#dueAt(most)
      if (dueAt <= now) return this.#group(most)
      if (this.#failure !== undefined) throw this.#failure.error
      if (this.#ended || until <= now) return undefined
      await this.#rung(signal, Math.min(dueAt, until) - now)
    }
  }

  /** Whether everything was taken, and nothing comes any more. */
  get isOver(): boolean {
    return this.#ended && this.#failure === undefined && this.#waiting.length === 0
  }

  #add(delivery: Delivery): void {
    if (this.#waiting.length === 0) this.#since = this.#clock.now()
    this.#waiting.push(delivery)
    this.#messages += delivery.batch.size
    this.#bytes += delivery.batch.byteLength
    this.#ring()
  }

  #isFull(): boolean {
    const { messages, bytes } = this.#limits
    return this.#messages >= messages * AHEAD || this.#bytes >= bytes * AHEAD
  }

  #dueAt(most: number): number {
    if (this.#waiting.length === 0) return Number.POSITIVE_INFINITY
    const { messages, bytes, everyMs } = this.#limits
    if (this.#ended || this.#messages >= Math.min(most, messages) || this.#bytes >= bytes) return 0
    return this.#since + everyMs
  }

  #group(most: number): Group {
    const { messages, bytes } = this.#limits
    const taken: Delivery[] = []
    let [sum, weight] = [0, 0]
    for (const delivery of this.#waiting) {
      const { size, byteLength } = delivery.batch
      if (taken.length > 0 && (sum + size > Math.min(most, messages) || weight + byteLength > bytes)) break
      taken.push(delivery)
      sum += size
      weight += byteLength
    }
    this.#waiting.splice(0, taken.length)
    this.#messages -= sum
    this.#bytes -= weight
    this.#since = this.#clock.now()
    this.#ring()
    return new Group(taken)
  }

  #ring(): void {
    const bell = this.#bell
    this.#bell = Promise.withResolvers()
    bell.resolve()
  }

  /** Resolves when something changed, or after so many milliseconds. */
  async #rung(signal: AbortSignal, ms = Number.POSITIVE_INFINITY): Promise<void> {
    const over = Promise.withResolvers<void>()
    const finish = (): void => over.resolve()
    const timer = new AbortController()
    signal.addEventListener('abort', finish)
    if (Number.isFinite(ms)) this.#clock.sleep(ms, timer.signal).then(finish, finish)
    try {
      await Promise.race([this.#bell.promise, over.promise])
    } finally {
      signal.removeEventListener('abort', finish)
      timer.abort()
    }
    signal.throwIfAborted()
  }
}
