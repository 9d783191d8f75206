import type { Clock } from '../clock.ts'
import { type HermesError, toHermesError } from '../errors.ts'
import type { Batch } from './batch.ts'
import { pick } from './batches.ts'
import { Breaker, type BreakerState } from './breaker.ts'
import type { Delivery } from './buffer.ts'
import { type DeadLetters, deadLetter } from './dead-letter.ts'
import type { Group } from './group.ts'
import { type BatchLimits, Intake } from './intake.ts'
import { Parking } from './parking.ts'
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

/** Told what a branch does. */
export interface BranchObserver {
  wrote(messages: number, ms: number): void
  writeFailed(error: HermesError): void
  rejected(messages: number): void
}

export interface SinkBranchParts {
  /** `sinks.cold`: the stage of its dead letters. */
  readonly stage: string
  readonly sink: Sink
  readonly limits: BatchLimits
  readonly retry: RetryPolicy
  /** Which messages are for this sink, by the route a step gave them; all when absent. */
  readonly takes?: (route: string | undefined) => boolean
  /** Never holds the others: messages count as acknowledged before they are written, and are dropped when it fails. */
  readonly isBestEffort?: boolean
  readonly deadLetters: DeadLetters
  readonly clock: Clock
  readonly random: () => number
  readonly observer?: BranchObserver
}

/** How a branch does. */
export interface BranchHealth {
  readonly breaker: BreakerState
  /** What the sink threw last; absent when its last write succeeded. */
  readonly error?: HermesError
  /** Messages that were refused for now, and those behind them. */
  readonly parked: number
  /** Messages that are written at once, at most. */
  readonly writeSize: number
}

/** So many messages may be parked before the branch takes no more. */
const MOST_PARKED = 10_000

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
  #error: HermesError | undefined

  constructor(parts: SinkBranchParts) {
    const { retry, random } = parts
    this.#parts = parts
    this.#breaker = new Breaker({ failures: retry.breakerAfter, ...retry, random })
    this.#size = new WriteSize(parts.limits.messages)
  }

  get health(): BranchHealth {
    return {
      breaker: this.#breaker.state(this.#parts.clock.now()),
      parked: this.#parking.size,
      writeSize: this.#size.messages,
      ...(this.#error === undefined ? {} : { error: this.#error }),
    }
  }

  async deliver(deliveries: AsyncIterable<Delivery>, signal: AbortSignal): Promise<void> {
    const { limits, clock } = this.#parts
    const intake = new Intake(limits, clock)
    const stopped = new AbortController()
    const filled = intake.fill(this.#own(deliveries), AbortSignal.any([signal, stopped.signal]))
    try {
      while (!intake.isOver || this.#parking.size > 0) await this.#turn(intake, signal)
    } finally {
      stopped.abort()
      await filled
    }
  }

  async #turn(intake: Intake, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts
    await this.#retryParked(signal)
    if (this.#parking.size >= MOST_PARKED || (intake.isOver && this.#parking.size > 0)) {
      return await clock.sleep(Math.max(0, this.#parking.nextAt - clock.now()), signal)
    }
    const group = await intake.take(this.#size.messages, this.#parking.nextAt, signal)
    if (group !== undefined) await this.#deliverGroup(group, signal)
  }

  /** What is for this sink; what is not counts as delivered. */
  async *#own(deliveries: AsyncIterable<Delivery>): AsyncGenerator<Delivery> {
    const { takes, isBestEffort = false } = this.#parts
    for await (const delivery of deliveries) {
      const batch = takes === undefined ? delivery.batch : chosen(delivery.batch, takes)
      if (batch.size === 0 || isBestEffort) delivery.ack()
      if (batch.size === 0) continue
      yield isBestEffort
        ? { batch, ack: () => undefined }
        : batch === delivery.batch
          ? delivery
          : withBatch(delivery, batch)
    }
  }

  async #deliverGroup(group: Group, signal: AbortSignal): Promise<void> {
    const behind = this.#behindParked(group)
    const indexes = behind.size === 0 ? undefined : free(group.batch, behind)
    const rejections = await this.#write(indexes === undefined ? group.batch : pick(group.batch, indexes), signal)
    const at = (index: number): number => indexes?.[index] ?? index
    const refused = rejections.map((each) => ({ ...each, index: at(each.index) }))
    const later = refused.filter(({ retryable }) => retryable === true).map(({ index }) => index)
    await this.#bury(
      group.batch,
      refused.filter(({ retryable }) => retryable !== true),
      1,
      signal,
    )
    group.settleAllBut([...later, ...behind].toSorted((one, other) => one - other))
    for (const index of later) this.#parking.refuse({ group, index, attempts: 1 }, this.#pauseEnd(1))
    for (const index of behind) this.#parking.follow(group.batch.meta(index).key ?? '', { group, index, attempts: 0 })
  }

  /** Those that would overtake a parked one of their key. */
  #behindParked({ batch }: Group): ReadonlySet<number> {
    const behind = new Set<number>()
    if (this.#parking.size === 0) return behind
    for (let index = 0; index < batch.size; index += 1)
      if (this.#parking.holds(batch.meta(index).key)) behind.add(index)
    return behind
  }

  async #retryParked(signal: AbortSignal): Promise<void> {
    const due = this.#parking.due(this.#parts.clock.now())
    for (const parked of due) {
      const { group, index, attempts } = parked
      const [rejection] = await this.#write(pick(group.batch, [index]), signal)
      if (rejection?.retryable === true && attempts + 1 < this.#parts.retry.attempts) {
        this.#parking.refusedAgain(parked, this.#pauseEnd(attempts + 1))
        continue
      }
      if (rejection !== undefined) await this.#bury(group.batch, [{ ...rejection, index }], attempts + 1, signal)
      this.#parking.settled(parked)
      group.settle(index)
    }
  }

  /** Tries until the sink takes the batch, but for what it refuses. One that nobody waits for is tried once. */
  async #write(batch: Batch, signal: AbortSignal): Promise<readonly Rejection[]> {
    const { sink, clock, observer, isBestEffort = false } = this.#parts
    if (batch.size === 0) return []
    for (;;) {
      const began = clock.now()
      try {
        const rejections = await sink.write(batch, signal)
        const ms = clock.now() - began
        this.#breaker.succeeded()
        this.#error = undefined
        this.#size.wrote(batch.size, ms)
        observer?.wrote(batch.size - rejections.length, ms)
        return rejections
      } catch (thrown) {
        signal.throwIfAborted()
        this.#error = toHermesError(thrown, 'connector_unavailable')
        this.#size.failed()
        observer?.writeFailed(this.#error)
        await clock.sleep(this.#breaker.failed(clock.now(), this.#error.retryAfterMs), signal)
        if (isBestEffort) return []
      }
    }
  }

  async #bury(batch: Batch, rejections: readonly Rejection[], attempts: number, signal: AbortSignal): Promise<void> {
    if (rejections.length === 0) return
    const { stage, deadLetters, clock, observer } = this.#parts
    observer?.rejected(rejections.length)
    const about = { stage, attempts, at: clock.now() }
    const letters = rejections.map(({ index, reason }) => deadLetter(batch, index, { ...about, reason }))
    await this.#durably(() => deadLetters.write(letters, signal), signal)
  }

  /** Dead letters that cannot be written are tried for ever: to go on without them would lose messages. */
  async #durably(write: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock, retry, random } = this.#parts
    const breaker = new Breaker({ failures: Number.POSITIVE_INFINITY, ...retry, random })
    for (;;) {
      try {
        return await write()
      } catch (thrown) {
        signal.throwIfAborted()
        this.#error = toHermesError(thrown)
        await clock.sleep(breaker.failed(clock.now()), signal)
      }
    }
  }

  #pauseEnd(attempts: number): number {
    const { retry, clock } = this.#parts
    return clock.now() + Math.min(retry.mostMs, retry.firstMs * 2 ** Math.min(attempts - 1, 30))
  }
}

function chosen(batch: Batch, takes: (route: string | undefined) => boolean): Batch {
  const indexes: number[] = []
  for (let index = 0; index < batch.size; index += 1) if (takes(batch.meta(index).route)) indexes.push(index)
  return indexes.length === batch.size ? batch : pick(batch, indexes)
}

function withBatch(delivery: Delivery, batch: Batch): Delivery {
  return { batch, ack: () => delivery.ack() }
}

function free({ size }: Batch, behind: ReadonlySet<number>): readonly number[] {
  return Array.from({ length: size }, (_, index) => index).filter((index) => !behind.has(index))
}
