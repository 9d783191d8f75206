import type { Clock } from '../clock.ts'
import { AckOrder } from './ack-order.ts'
import type { Batch, Position } from './batch.ts'
import type { Buffer, Delivery } from './buffer.ts'
import type { InFlight } from './in-flight.ts'
import type { Entrant, Inlet } from './inlet.ts'
import type { Source } from './source.ts'
import type { Stage } from './stage.ts'

/** One consumer of the buffer, with a sink behind it. */
export interface Branch {
  /**
   * Takes everything, in order, and acknowledges it; resolves when that has ended. What it throws fails the pipeline. An
   * abort throws the signal's reason.
   */
  deliver(deliveries: AsyncIterable<Delivery>, signal: AbortSignal): Promise<void>
}

/** A source, what is done with its messages, the buffer that is filled, and who drains it. The caller opens and disposes them. */
export interface Pipeline {
  readonly source: Source
  /** Where the source goes on; `undefined` is its beginning. */
  readonly from?: Position
  readonly stage?: Stage
  /** Where messages come in that do not come from the source. */
  readonly inlet?: Inlet
  /** What has to be through before the source is read; it may use the inlet. Its failure fails the pipeline. */
  readonly first?: (stop: AbortSignal, signal: AbortSignal) => Promise<void>
  readonly buffer: Buffer
  /** The buffer's consumers, in its order. */
  readonly branches: readonly Branch[]
  /** Drains: the source ends after the batch in hand, and what was read reaches the sinks. */
  readonly stop: AbortSignal
  /** Gives up: what is not written stays unwritten. */
  readonly signal: AbortSignal
  /** For windows; those of a stage without one open and close with messages alone. */
  readonly clock?: Clock
  /** Told what was read and is not durable yet. */
  readonly inFlight?: InFlight
  /** Called in the source's order, once everything up to a batch is durable; `state` is the stage's as of then. */
  onAck?(position: Position, state?: unknown): void
}

/** What was made durable, without what the buffer dropped. */
export interface Moved {
  readonly messages: number
  readonly batches: number
}

const TICK_MS = 1_000

/**
 * Moves every batch from the source to every branch; the source reads ahead as far as the buffer has room.
 *
 * The first failure is thrown as it is, once all sides have ended: nothing is left running. A failing branch cancels the
 * source and the other branches. A failing source lets what it read before reach the branches, so that a fetch that is
 * refused on every page but one still advances. An abort throws the signal's reason. Invariant 5: a batch is
 * acknowledged only behind the buffer's word for it. Invariant 7: batches reach a branch one after the other, as they came.
 */
export async function runPipeline(pipeline: Pipeline): Promise<Moved> {
  return await new Running(pipeline).run()
}

class Running {
  readonly #pipeline: Pipeline
  readonly #cancel = new AbortController()
  readonly #moved = { messages: 0, batches: 0 }
  readonly #order = new AckOrder()
  #failure: { readonly error: unknown } | undefined
  /** A push that is under way: the source's batches and those that time brings out must not overtake each other. */
  #turn: Promise<void> | undefined

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline
  }

  async run(): Promise<Moved> {
    const { signal } = this.#pipeline
    const onAbort = (): void => this.#cancel.abort(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    const entered = this.#pipeline.inlet?.attach((entrant) => this.#inTurn(() => this.#enter(entrant)))
    try {
      const filled = this.#fill().catch((error: unknown) => this.#fail(error))
      await Promise.all([filled, ...this.#pipeline.branches.map((branch, index) => this.#drain(branch, index))])
    } finally {
      signal.removeEventListener('abort', onAbort)
      entered?.[Symbol.dispose]()
    }
    if (this.#failure !== undefined) throw this.#failure.error
    return this.#moved
  }

  #fail(error: unknown): void {
    const { signal } = this.#pipeline
    this.#failure ??= { error: signal.aborted ? signal.reason : error }
  }

  async #drain(branch: Branch, consumer: number): Promise<void> {
    const { signal } = this.#cancel
    try {
      await branch.deliver(this.#pipeline.buffer.pull(signal, consumer), signal)
    } catch (error) {
      this.#fail(error)
      this.#cancel.abort(error)
    }
  }

  async #fill(): Promise<void> {
    const { source, from, first, buffer, stop } = this.#pipeline
    const { signal } = this.#cancel
    const ticking = new AbortController()
    const ticked = this.#tick(AbortSignal.any([signal, ticking.signal]))
    try {
      signal.throwIfAborted()
      await first?.(stop, signal)
      for await (const batch of source.read(from, stop, signal)) {
        await this.#inTurn(() => this.#take(batch))
        if (stop.aborted && source.drains !== true) break
      }
      ticking.abort()
      await ticked
      // What a stop interrupts goes on at the position: its windows stay open.
      if (!stop.aborted) await this.#inTurn(() => this.#flush(true))
    } finally {
      ticking.abort()
      await ticked
      buffer.end()
    }
  }

  async #take(batch: Batch): Promise<void> {
    const { stage, buffer, inFlight } = this.#pipeline
    const { signal } = this.#cancel
    inFlight?.took(batch.size)
    if (stage === undefined) return await buffer.push(batch, this.#ackOf(batch), signal)
    const passed = await stage.pass(batch, signal)
    const ack = this.#order.add(this.#ackOf(batch), stage.held, stage.state)
    await buffer.push(passed, ack, signal)
  }

  /** What failed at a sink was through all steps already, and goes to that sink alone. */
  async #enter({ batch, stage: failedAt, ack }: Entrant): Promise<void> {
    const { stage, buffer } = this.#pipeline
    const { signal } = this.#cancel
    const isOfSink = stage === undefined || failedAt.startsWith('sinks.')
    await buffer.push(isOfSink ? batch : await into(stage, batch, failedAt, signal), ack, signal)
  }

  async #tick(signal: AbortSignal): Promise<void> {
    const { stage, clock } = this.#pipeline
    if (stage?.hasWindows !== true || clock === undefined) return
    try {
      for (;;) {
        await clock.sleep(TICK_MS, signal)
        await this.#inTurn(() => this.#flush(false))
      }
    } catch (error) {
      if (signal.aborted) return
      this.#fail(error)
      this.#cancel.abort(error)
    }
  }

  async #flush(end: boolean): Promise<void> {
    const { stage, buffer } = this.#pipeline
    if (stage?.hasWindows !== true) return
    const { signal } = this.#cancel
    const flushed = await stage.flush(end, signal)
    const ack = this.#order.flushed(flushed.length, stage.held, stage.state)
    for (const batch of flushed) await buffer.push(batch, ack, signal)
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    while (this.#turn !== undefined) await this.#turn.catch(() => undefined)
    const turn = work()
    this.#turn = turn
    try {
      await turn
    } finally {
      this.#turn = undefined
    }
  }

  /** Holds nothing of the batch but where it ends. */
  #ackOf({ position, size }: Batch): (state?: unknown) => void {
    return (state) => {
      this.#moved.messages += size
      this.#moved.batches += 1
      this.#pipeline.inFlight?.settled()
      this.#pipeline.source.ack?.(position)
      this.#pipeline.onAck?.(position, state)
    }
  }
}

/** What another workflow hands over is new; a dead letter was read before. */
function into(stage: Stage, batch: Batch, failedAt: string, signal: AbortSignal): Promise<Batch> {
  return failedAt === 'source' ? stage.pass(batch, signal) : stage.again(batch, failedAt, signal)
}
