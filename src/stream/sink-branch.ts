import type { Clock } from '../clock.ts'
import type { Batch } from './batch.ts'
import { joined, pick } from './batches.ts'
import type { Delivery } from './buffer.ts'
import { type DeadLetters, deadLetter } from './dead-letter.ts'
import { DurableLetters } from './durable-letters.ts'
import type { Group } from './group.ts'
import { type BatchLimits, Intake } from './intake.ts'
import { ownPart, type Share } from './own-part.ts'
import { type Parked, Parking } from './parking.ts'
import type { Branch } from './pipeline.ts'
import type { Rejection, Sink } from './sink.ts'
import { type RetryPolicy, SinkWriter, type Write, type WriteObserver, type WriterHealth } from './sink-writer.ts'
import { WritesInFlight } from './writes-in-flight.ts'

/** Told what a branch does. */
export interface BranchObserver extends WriteObserver {
  rejected(messages: number): void
}

export interface SinkBranchParts extends Share {
  /** `sinks.cold`: the stage of its dead letters. */
  readonly stage: string
  readonly sink: Sink
  readonly limits: BatchLimits
  /** Writes that the sink takes at once, at most; one when absent. */
  readonly writesAtOnce?: number
  readonly retry: RetryPolicy
  readonly deadLetters: DeadLetters
  readonly clock: Clock
  readonly random: () => number
  readonly observer?: BranchObserver
}

/** How a branch does. */
export interface BranchHealth extends WriterHealth {
  /** Messages that were refused for now, and those behind them. */
  readonly parked: number
  /** Messages that were lost, as best effort allows. */
  readonly dropped: number
}

/** So many messages may be parked before the branch takes no more. */
const MOST_PARKED = 10_000
/** The same in bytes: so many times what is written at once. */
const MOST_PARKED_BATCHES = 2

/**
 * Writes to one sink, in order, what the buffer gives: together what came while the sink was busy, within its limits, and
 * several groups at once where the sink takes them. Three verdicts: delivered; to be tried again, with pauses that
 * double, by this branch alone; rejected, which lands in the dead letters before it is acknowledged (invariant 5).
 *
 * Several writes are under way only while all goes well: after a failure, and while messages are parked, it is one.
 */
export class SinkBranch implements Branch {
  readonly #parts: SinkBranchParts
  readonly #writer: SinkWriter
  readonly #inFlight = new WritesInFlight()
  readonly #parking = new Parking()
  readonly #letters: DeadLetters
  #dropped = 0

  constructor(parts: SinkBranchParts) {
    const { limits, writesAtOnce = 1 } = parts
    this.#parts = parts
    this.#writer = new SinkWriter({ ...parts, most: { messages: limits.messages, writes: writesAtOnce } })
    this.#letters = new DurableLetters({ ...parts, onFailure: (error) => this.#writer.blame(error) })
  }

  get health(): BranchHealth {
    return { ...this.#writer.health, parked: this.#parking.size, dropped: this.#dropped }
  }

  async deliver(deliveries: AsyncIterable<Delivery>, signal: AbortSignal): Promise<void> {
    const { limits, clock, isBestEffort = false } = this.#parts
    const intake = new Intake({
      limits,
      clock,
      take: (delivery) => ownPart(delivery, this.#parts),
      ...(isBestEffort ? { onDrop: (messages) => this.#drop(messages) } : {}),
    })
    const ending = new AbortController()
    const onAbort = (): void => ending.abort(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort)
    const filled = intake.fill(deliveries, ending.signal)
    try {
      while (!intake.isOver || this.#hasWork) await this.#turn(intake, ending.signal)
    } finally {
      signal.removeEventListener('abort', onAbort)
      ending.abort()
      await Promise.all([filled, this.#inFlight.ended()])
    }
  }

  /** Whether something that was taken in is not settled. */
  get #hasWork(): boolean {
    return this.#inFlight.size > 0 || this.#inFlight.isInTrouble || this.#parking.size > 0
  }

  get #isFull(): boolean {
    return this.#parking.size >= MOST_PARKED || this.#parking.bytes >= this.#parts.limits.bytes * MOST_PARKED_BATCHES
  }

  async #turn(intake: Intake, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts
    if (this.#isHeldUp()) await this.#makeRoom(signal)
    if (this.#parking.size > 0) await this.#retryParked(signal)
    if (this.#isFull || (intake.isOver && this.#parking.size > 0)) {
      return await clock.sleep(Math.max(0, this.#parking.nextAt - clock.now()), signal)
    }
    if (intake.isOver && this.#inFlight.size > 0) return await this.#inFlight.change()
    const group = await intake.take(this.#writer.messages, this.#parking.nextAt, signal)
    if (group === undefined) return
    if (this.#isHeldUp(group)) await this.#makeRoom(signal, group)
    if (this.#takesSeveral) this.#begin(group, intake, signal)
    else await this.#deliverGroup(group, signal)
  }

  get #takesSeveral(): boolean {
    return (this.#parts.writesAtOnce ?? 1) > 1 && this.#parking.size === 0
  }

  #isHeldUp(group?: Group): boolean {
    return this.#inFlight.isInTrouble || !this.#hasRoom(group)
  }

  /** Resolves when the next write may begin, that of `group` if it is known; what failed is written before. */
  async #makeRoom(signal: AbortSignal, group?: Group): Promise<void> {
    while (!this.#hasRoom(group)) await this.#inFlight.change()
    for (const failed of this.#inFlight.takeFailed()) {
      await this.#settle(failed, await this.#writeAgain(failed.batch, failed.trigger, signal), none, signal)
    }
  }

  #hasRoom(group: Group | undefined): boolean {
    if (this.#inFlight.isInTrouble || this.#parking.size > 0) return this.#inFlight.size === 0
    return this.#inFlight.size < this.#writer.writes && (group === undefined || this.#inFlight.isFreeFor(group))
  }

  /** Writes beside the others, and wakes who waits for more when something is left of it to do. */
  #begin(group: Group, intake: Intake, signal: AbortSignal): void {
    const write = async (): Promise<boolean> => {
      const rejections = await this.#writer.attempt(group.batch, group.trigger, signal)
      if (rejections?.length === 0) group.settleAllBut(none)
      else if (rejections !== undefined) await this.#settle(group, rejections, none, signal)
      return rejections !== undefined
    }
    this.#inFlight.begin(group, write(), () => {
      if (this.#inFlight.isInTrouble || this.#parking.size > 0) intake.interrupt()
    })
  }

  async #deliverGroup(group: Group, signal: AbortSignal): Promise<void> {
    const behind = this.#parking.size === 0 ? none : this.#behindParked(group)
    if (behind.length > 0) return await this.#deliverFree(group, behind, signal)
    await this.#settle(group, await this.#write(group.batch, group.trigger, signal), none, signal)
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
    if (refused.length === 0 && behind.length === 0) return group.settleAllBut(none)
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
    const { messages } = this.#writer
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
    if (batch.size === 0) return []
    return (await this.#writer.attempt(batch, trigger, signal)) ?? (await this.#writeAgain(batch, trigger, signal))
  }

  /** The same after a try that failed. */
  async #writeAgain(batch: Batch, trigger: Write['trigger'], signal: AbortSignal): Promise<readonly Rejection[]> {
    for (;;) {
      await this.#writer.rest(signal)
      if (this.#parts.isBestEffort === true) {
        this.#drop(batch.size)
        return []
      }
      const rejections = await this.#writer.attempt(batch, trigger, signal)
      if (rejections !== undefined) return rejections
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
