import type { Clock } from '../clock.ts'
import { HermesError, toHermesError } from '../errors.ts'
import type { Batch } from './batch.ts'
import { Breaker, type BreakerState } from './breaker.ts'
import type { Trigger } from './group.ts'
import type { Rejection, Sink } from './sink.ts'
import { WriteSize } from './write-size.ts'
import { WriteWindow } from './write-window.ts'

/** When what failed is tried again. */
export interface RetryPolicy {
  /** Milliseconds of the first and of the longest pause; they double in between. */
  readonly firstMs: number
  readonly mostMs: number
  /** A message that is refused for now goes to the dead letters after so many tries. A sink that fails is tried for ever. */
  readonly attempts: number
  /** Failures in a row after which the breaker opens. */
  readonly breakerAfter: number
}

/** One write that a sink took. */
export interface Write {
  readonly batch: Batch
  /** Messages that the sink refused. */
  readonly refused: number
  readonly ms: number
  /** Why it was made when it was; `retry` for what was refused before. */
  readonly trigger: Trigger | 'retry'
}

/** Told what becomes of writes. */
export interface WriteObserver {
  wrote(write: Write): void
  writeFailed(error: HermesError): void
}

export interface SinkWriterParts {
  readonly sink: Sink
  /** Messages of one write, and writes at once, at most. */
  readonly most: { readonly messages: number; readonly writes: number }
  readonly retry: RetryPolicy
  readonly clock: Clock
  readonly random: () => number
  readonly observer?: WriteObserver
}

/** How a sink takes what is written to it. */
export interface WriterHealth {
  readonly breaker: BreakerState
  /** What the sink threw last, or `sink_stalled`; absent when its last write succeeded. */
  readonly error?: HermesError
  /** Messages that are written at once, at most. */
  readonly writeSize: number
  /** Writes that are under way at once, at most. */
  readonly writesAtOnce: number
}

/** A write that is under way. */
interface Begun {
  readonly at: number
  /** Failures that were known when it began: what it says of the sink is no newer than they are. */
  readonly outages: number
  readonly isFull: boolean
}

/** A write that takes longer than so many milliseconds shows. */
const STALLED_MS = 60_000

/** Writes to one sink, and learns from each write how much it takes at once and when it is to be left alone. */
export class SinkWriter {
  readonly #parts: SinkWriterParts
  readonly #breaker: Breaker
  readonly #size: WriteSize
  readonly #window: WriteWindow
  /** Oldest first. */
  readonly #underWay: Begun[] = []
  #outages = 0
  #restUntil = 0
  #error: HermesError | undefined

  constructor(parts: SinkWriterParts) {
    const { retry, random, most } = parts
    this.#parts = parts
    this.#breaker = new Breaker({ failures: retry.breakerAfter, ...retry, random })
    this.#size = new WriteSize(most.messages)
    this.#window = new WriteWindow(most.writes)
  }

  /** Messages that are written at once, at most. */
  get messages(): number {
    return this.#size.messages
  }

  /** Writes that may be under way at once. */
  get writes(): number {
    return this.#window.writes
  }

  get health(): WriterHealth {
    const now = this.#parts.clock.now()
    const error = this.#error ?? this.#stalled(now)
    return {
      breaker: this.#breaker.state(now),
      writeSize: this.messages,
      writesAtOnce: this.writes,
      ...(error === undefined ? {} : { error }),
    }
  }

  /** Something else keeps the sink from going on; it shows until a write succeeds. */
  blame(error: HermesError): void {
    this.#error = error
  }

  /** Tries once. What the sink refused; undefined when it failed, and then `rest` says when to try again. */
  async attempt(
    batch: Batch,
    trigger: Write['trigger'],
    signal: AbortSignal,
  ): Promise<readonly Rejection[] | undefined> {
    const { sink, clock, observer } = this.#parts
    const isFull = this.#underWay.length + 1 >= this.writes
    const begun = { at: clock.now(), outages: this.#outages, isFull }
    this.#underWay.push(begun)
    try {
      const rejections = await sink.write(batch, signal)
      const ms = clock.now() - begun.at
      this.#succeeded(batch.size, ms, begun)
      observer?.wrote({ batch, refused: rejections.length, ms, trigger })
      return rejections
    } catch (thrown) {
      signal.throwIfAborted()
      const error = toHermesError(thrown, 'connector_unavailable')
      this.#failed(error, begun)
      observer?.writeFailed(error)
      return undefined
    } finally {
      this.#underWay.splice(this.#underWay.indexOf(begun), 1)
    }
  }

  /** Resolves when the sink may be tried again. */
  async rest(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts
    await clock.sleep(Math.max(0, this.#restUntil - clock.now()), signal)
  }

  #succeeded(messages: number, ms: number, { isFull, outages }: Begun): void {
    this.#size.wrote(messages, ms)
    if (outages < this.#outages) return
    this.#window.wrote(ms, isFull)
    this.#breaker.succeeded()
    this.#error = undefined
  }

  /** Writes that fail together are one failure. */
  #failed(error: HermesError, { outages }: Begun): void {
    this.#error = error
    if (outages < this.#outages) return
    const { clock } = this.#parts
    this.#outages += 1
    this.#size.failed()
    this.#window.failed()
    const now = clock.now()
    this.#restUntil = now + this.#breaker.failed(now, error.retryAfterMs)
  }

  /** A write that does not end is no failure yet, but nobody should have to guess. */
  #stalled(now: number): HermesError | undefined {
    const [oldest] = this.#underWay
    const ms = now - (oldest?.at ?? now)
    if (ms < STALLED_MS) return undefined
    return new HermesError('sink_stalled', `a write has been under way for ${Math.floor(ms / 1_000)} s`)
  }
}
