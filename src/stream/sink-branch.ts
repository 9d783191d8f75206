import type { Clock } from '../clock.ts'
import { HermesError, toHermesError } from '../errors.ts'
import type { Batch } from './batch.ts'
import { joined, pick } from './batches.ts'
import { Breaker, type BreakerState } from './breaker.ts'
import type { Delivery } from './buffer.ts'
import { type DeadLetters, deadLetter } from './dead-letter.ts'
import { DurableLetters } from './durable-letters.ts'
import type { Group, Trigger } from './group.ts'
import { type BatchLimits, Intake } from './intake.ts'
import { ownDeliveries, type Share } from './own-deliveries.ts'
import { type Parked, Parking } from './parking.ts'
import type { Branch } from './pipeline.ts'
import type { Rejection, Sink } from './sink.ts'
import { WriteSize } from './write-size.ts'

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

/** Told what a branch does. */
export interface BranchObserver {
  wrote(write: Write): void
  writeFailed(error: HermesError): void
  rejected(messages: number): void
}

export interface SinkBranchParts extends Share {
  /** `sinks.cold`: the stage of its dead letters. */
  readonly stage: string
  readonly sink: Sink
  readonly limits: BatchLimits
  readonly retry: RetryPolicy
  readonly deadLetters: DeadLetters
  readonly clock: Clock
  readonly random: () => number
  readonly observer?: BranchObserver
}

/** How a branch does. */
export interface BranchHealth {
  readonly breaker: BreakerState
  /** What the sink threw last, or `sink_stalled`; absent when its last write succeeded. */
  readonly error?: HermesError
  /** Messages that were refused for now, and those behind them. */
  readonly parked: number
  /** Messages that are written at once, at most. */
  readonly writeSize: number
  /** Messages that were lost, as best effort allows. */
  readonly dropped: number
}

/** So many messages may be parked before the branch takes no more. */
const MOST_PARKED = 10_000
/** The same in bytes: so many times what is written at once. */
const MOST_PARKED_BATCHES = 2
/** A write that takes longer than so many milliseconds shows. */
const STALLED_MS = 60_000

/**
 * Writes to one sink, in order, what the buffer gives: together what came while the sink was busy, within its limits.
 * Three verdicts: delivered; to be tried again, with pauses that double, by this branch alone; rejected, which lands in
 * the dead letters before it is acknowledged (invariant 5).
 */
export class SinkBranch implements Branch {
  readonly #parts: SinkBranchParts
  readonly #breaker: Breaker
  readonly #parking = new Parking()
  readonly #size: WriteSize
  readonly #letters: DeadLetters
  #error: HermesError | undefined
  #dropped = 0
  /** Of the write that is under way. */
  #writingSince: number | undefined

  constructor(parts: SinkBranchParts) {
    const { retry, random } = parts
    this.#parts = parts
    this.#breaker = new Breaker({ failures: retry.breakerAfter, ...retry, random })
    this.#size = new WriteSize(parts.limits.messages)
    const onFailure = (error: HermesError): void => {
      this.#error = error
    }
    this.#letters = new DurableLetters({ ...parts, onFailure })
  }

  get health(): BranchHealth {
    const now = this.#parts.clock.now()
    const error = this.#error ?? this.#stalled(now)
    return {
      breaker: this.#breaker.state(now),
      parked: this.#parking.size,
      writeSize: this.#size.messages,
      dropped: this.#dropped,
      ...(error === undefined ? {} : { error }),
    }
  }

  /** A write that does not end is no failure yet, but nobody should have to guess. */
  #stalled(now: number): HermesError | undefined {
    const ms = now - (this.#writingSince ?? now)
    if (ms < STALLED_MS) return undefined
    return new HermesError('sink_stalled', `a write has been under way for ${Math.floor(ms / 1_000)} s`)
  }

  async deliver(deliveries: AsyncIterable<Delivery>, signal: AbortSignal): Promise<void> {
    const { limits, clock, isBestEffort = false } = this.#parts
    const intake = new Intake(limits, clock, isBestEffort ? (messages) => this.#drop(messages) : undefined)
    const stopped = new AbortController()
    const filled = intake.fill(ownDeliveries(deliveries, this.#parts), AbortSignal.any([signal, stopped.signal]))
    try {
      while (!intake.isOver || this.#parking.size > 0) await this.#turn(intake, signal)
    } finally {
      stopped.abort()
      await filled
    }
  }

  get #isFull(): boolean {
    return this.#parking.size >= MOST_PARKED || this.#parking.bytes >= this.#parts.limits.bytes * MOST_PARKED_BATCHES
  }

  async #turn(intake: Intake, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts
    if (this.#parking.size > 0) await this.#retryParked(signal)
    if (this.#isFull || (intake.isOver && this.#parking.size > 0)) {
      return await clock.sleep(Math.max(0, this.#parking.nextAt - clock.now()), signal)
    }
    const group = await intake.take(this.#size.messages, this.#parking.nextAt, signal)
    if (group !== undefined) await this.#deliverGroup(group, signal)
  }

  async #deliverGroup(group: Group, signal: AbortSignal): Promise<void> {
    const behind = this.#parking.size === 0 ? none : this.#behindParked(group)
    if (behind.length > 0) return await this.#deliverFree(group, behind, signal)
    const rejections = await this.#write(group.batch, group.trigger, signal)
    if (rejections.length === 0) group.settleAllBut(none)
    else await this.#settle(group, rejections, none, signal)
  }

  /** Delivers those that overtake nothing; the others wait. */
  async #deliverFree(group: Group, behind: readonly number[], signal: AbortSignal): Promise<void> {
    const indexes = free(group.batch, behind)
    const rejections = await this.#write(pick(group.batch, indexes), group.trigger, signal)
    const refused = rejections.map((each) => ({ ...each, index: indexes[each.index] ?? each.index }))
    await this.#settle(group, refused, behind, signal)
  }

  async #settle(
    group: Group,
    refused: readonly Rejection[],
    behind: readonly number[],
    signal: AbortSignal,
  ): Promise<void> {
    const later = refused.filter(({ retryable }) => retryable === true).map(({ index }) => index)
    const never = refused.filter(({ retryable }) => retryable !== true)
    await this.#bury(group.batch, never, 1, signal)
    group.settleAllBut([...later, ...behind].toSorted((one, other) => one - other))
    for (const index of later) this.#parking.refuse({ group, index, attempts: 1 }, this.#pauseEnd(1))
    for (const index of behind) this.#parking.follow(group.batch.meta(index).key ?? '', { group, index, attempts: 0 })
  }

  /** Those that would overtake a parked one of their key. */
  #behindParked({ batch }: Group): readonly number[] {
    const behind: number[] = []
    for (let index = 0; index < batch.size; index += 1)
      if (this.#parking.holds(batch.meta(index).key)) behind.push(index)
    return behind
  }

  async #retryParked(signal: AbortSignal): Promise<void> {
    const { clock, limits } = this.#parts
    const { messages } = this.#size
    const trials = this.#parking.due(clock.now(), { messages, bytes: limits.bytes })
    const tried = trials.flatMap(({ parked }) => parked)
    if (tried.length === 0) return
    const rejections = await this.#write(
      joined(tried.map(({ group, index }) => pick(group.batch, [index]))),
      'retry',
      signal,
    )
    const refusedAgain = new Set<Parked>()
    for (const { index, reason, retryable } of rejections) {
      const parked = tried[index]
      if (parked === undefined) continue
      const attempts = parked.attempts + 1
      if (retryable === true && attempts < this.#parts.retry.attempts) refusedAgain.add(parked)
      else await this.#bury(parked.group.batch, [{ index: parked.index, reason }], attempts, signal)
    }
    for (const parked of tried) if (!refusedAgain.has(parked)) parked.group.settle(parked.index)
    for (const trial of trials) {
      const [first] = trial.parked.filter((parked) => refusedAgain.has(parked))
      this.#parking.tried(trial, refusedAgain, this.#pauseEnd((first?.attempts ?? 0) + 1))
    }
  }

  /** Tries until the sink takes the batch, but for what it refuses. One that nobody waits for is tried once. */
  async #write(batch: Batch, trigger: Write['trigger'], signal: AbortSignal): Promise<readonly Rejection[]> {
    const { sink, clock, observer, isBestEffort = false } = this.#parts
    if (batch.size === 0) return []
    for (;;) {
      const began = clock.now()
      this.#writingSince = began
      try {
        const rejections = await sink.write(batch, signal)
        const ms = clock.now() - began
        this.#writingSince = undefined
        this.#breaker.succeeded()
        this.#error = undefined
        this.#size.wrote(batch.size, ms)
        observer?.wrote({ batch, refused: rejections.length, ms, trigger })
        return rejections
      } catch (thrown) {
        signal.throwIfAborted()
        this.#error = toHermesError(thrown, 'connector_unavailable')
        this.#size.failed()
        observer?.writeFailed(this.#error)
        this.#writingSince = undefined
        await clock.sleep(this.#breaker.failed(clock.now(), this.#error.retryAfterMs), signal)
        if (!isBestEffort) continue
        this.#drop(batch.size)
        return []
      }
    }
  }

  #drop(messages: number): void {
    this.#dropped += messages
  }

  async #bury(batch: Batch, rejections: readonly Rejection[], attempts: number, signal: AbortSignal): Promise<void> {
    if (rejections.length === 0) return
    const { stage, clock, observer } = this.#parts
    observer?.rejected(rejections.length)
    const about = { stage, attempts, at: clock.now() }
    const letters = rejections.map(({ index, reason }) => deadLetter(batch, index, { ...about, reason }))
    await this.#letters.write(letters, signal)
  }

  #pauseEnd(attempts: number): number {
    const { retry, clock } = this.#parts
    return clock.now() + Math.min(retry.mostMs, retry.firstMs * 2 ** Math.min(attempts - 1, 30))
  }
}

const none: readonly number[] = []

function free({ size }: Batch, behind: readonly number[]): readonly number[] {
  const held = new Set(behind)
  return Array.from({ length: size }, (_, index) => index).filter((index) => !held.has(index))
}
