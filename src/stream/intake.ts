import type { Clock } from '../clock.ts'
import { Bell } from './bell.ts'
import type { Delivery } from './buffer.ts'
import { Group, type Trigger } from './group.ts'

/** What is written at once: at most so many messages and bytes, and not before it is that much or so old. */
export interface BatchLimits {
  readonly messages: number
  readonly bytes: number
  /** Milliseconds that the first message may wait for more; 0 writes what is there as soon as the sink is free. */
  readonly everyMs: number
}

/** So many groups may be waiting while one is written. */
const AHEAD = 2

export interface IntakeParts {
  readonly limits: BatchLimits
  readonly clock: Clock
  /** What the sink gets of a delivery; undefined where that is nothing. */
  readonly take: (delivery: Delivery) => Delivery | undefined
  /** With it it never waits: what there is no room for is dropped, and told. */
  readonly onDrop?: (messages: number) => void
}

/** Collects deliveries for a sink while it is busy, within bounds (invariant 6). */
export class Intake {
  readonly #parts: IntakeParts
  readonly #limits: BatchLimits
  readonly #clock: Clock
  readonly #waiting: Delivery[] = []
  #messages = 0
  #bytes = 0
  /** When the first of those that wait came. */
  #since = 0
  #ended = false
  #isInterrupted = false
  #failure: { readonly error: unknown } | undefined
  readonly #bell = new Bell()

  constructor(parts: IntakeParts) {
    this.#parts = parts
    this.#limits = parts.limits
    this.#clock = parts.clock
  }

  /**
   * Takes deliveries in until they end, as far as there is room; what they throw comes out of `take`. An abort also
   * wakes who waits in `take`.
   */
  async fill(deliveries: AsyncIterable<Delivery>, signal: AbortSignal): Promise<void> {
    const { take, onDrop } = this.#parts
    const ring = (): void => this.#bell.ring()
    signal.addEventListener('abort', ring)
    try {
      for await (const delivery of deliveries) {
        const own = take(delivery)
        if (own === undefined) continue
        if (onDrop === undefined || !this.#isFull()) this.#add(own)
        else onDrop(own.batch.size)
        if (onDrop === undefined && this.#isFull()) await this.#room(signal)
      }
    } catch (error) {
      this.#failure = { error }
    } finally {
      signal.removeEventListener('abort', ring)
    }
    this.#ended = true
    this.#bell.ring()
  }

  /**
   * The next group, of at most `most` messages but for one delivery that is larger; undefined when nothing came before
   * `until` (milliseconds since the epoch) or an interrupt, or nothing will come any more: see `isOver`. `signal` is one
   * that aborts that of `fill`, too.
   */
  async take(most: number, until: number, signal: AbortSignal): Promise<Group | undefined> {
    for (;;) {
      signal.throwIfAborted()
      if (this.#isInterrupted) {
        this.#isInterrupted = false
        return undefined
      }
      const now = this.#clock.now()
      const dueAt = this.#dueAt(most)
      if (dueAt <= now) return this.#group(most)
      if (this.#failure !== undefined) throw this.#failure.error
      if (this.#ended || until <= now) return undefined
      await this.#rung(signal, Math.min(dueAt, until) - now)
    }
  }

  /** Has who waits in `take`, or the next to call it, return at once: there is something else to do. */
  interrupt(): void {
    this.#isInterrupted = true
    this.#bell.ring()
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
    this.#bell.ring()
  }

  async #room(signal: AbortSignal): Promise<void> {
    while (this.#isFull()) await this.#rung(signal)
  }

  #isFull(): boolean {
    const { messages, bytes } = this.#limits
    return this.#messages >= messages * AHEAD || this.#bytes >= bytes * AHEAD
  }

  #dueAt(most: number): number {
    if (this.#waiting.length === 0) return Number.POSITIVE_INFINITY
    return this.#isDue(most) ? 0 : this.#since + this.#limits.everyMs
  }

  /** Whether it is time whatever the time is. */
  #isDue(most: number): boolean {
    const { messages, bytes } = this.#limits
    return this.#ended || this.#messages >= Math.min(most, messages) || this.#bytes >= bytes
  }

  #trigger(most: number): Trigger {
    const { messages, bytes, everyMs } = this.#limits
    if (this.#messages >= Math.min(most, messages)) return 'messages'
    if (this.#bytes >= bytes) return 'bytes'
    if (this.#ended) return 'end'
    return everyMs > 0 ? 'time' : 'free'
  }

  #group(most: number): Group {
    const { messages, bytes } = this.#limits
    const trigger = this.#trigger(most)
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
    this.#bell.ring()
    return new Group(taken, trigger)
  }

  /** Resolves when something changed, or after so many milliseconds; costs next to nothing where there is no such bound. */
  async #rung(signal: AbortSignal, ms = Number.POSITIVE_INFINITY): Promise<void> {
    if (Number.isFinite(ms)) await this.#rungWithin(ms)
    else await this.#bell.rung()
    signal.throwIfAborted()
  }

  async #rungWithin(ms: number): Promise<void> {
    const timer = new AbortController()
    const over = this.#clock.sleep(ms, timer.signal).catch(() => undefined)
    await Promise.race([this.#bell.rung(), over])
    timer.abort()
  }
}
