import type { Clock } from '../clock.ts'
import type { Batch } from './batch.ts'
import { type DeadLetters, deadLetter } from './dead-letter.ts'
import type { Failure, Step } from './step.ts'

/** A step with its place in the workflow: `steps[2].set`. */
export interface PlacedStep {
  readonly stage: string
  readonly step: Step
}

/** Told what became of messages before the buffer. */
export interface StageObserver {
  /** A batch as it was read, at the node `source`, and as each stage left it. */
  passed(node: string, batch: Batch): void
  filtered(stage: string, messages: number): void
  failed(stage: string, messages: number): void
  /** What goes on to the sinks. */
  left?(batch: Batch): void
}

export interface StageParts {
  readonly steps: readonly PlacedStep[]
  readonly deadLetters: DeadLetters
  readonly clock: Clock
  readonly observer?: StageObserver
}

/** Everything between source and buffer: validation and steps, one after the other, a batch at a time. */
export class Stage {
  readonly #parts: StageParts

  constructor(parts: StageParts) {
    this.#parts = parts
  }

  /** Whether time alone may bring something out. */
  get hasWindows(): boolean {
    return this.#parts.steps.some(({ step }) => step.flush !== undefined)
  }

  /** How many of the batches that passed last are still needed. */
  get held(): number {
    return this.#parts.steps.reduce((most, { step }) => Math.max(most, step.held?.() ?? 0), 0)
  }

  /** What its steps have to know at the next start, at the moment. */
  get state(): unknown {
    return this.#parts.steps.find(({ step }) => step.state !== undefined)?.step.state?.()
  }

  /** What is left of a batch. What failed is in the dead letters when this resolves (invariant 5). */
  pass(batch: Batch, signal: AbortSignal): Promise<Batch> {
    this.#parts.observer?.passed('source', batch)
    return this.#through(batch, 0, signal)
  }

  /** The same for messages that failed at a stage before: they go on there, or from the beginning where it is no more. */
  again(batch: Batch, stage: string, signal: AbortSignal): Promise<Batch> {
    const index = this.#parts.steps.findIndex((each) => each.stage === stage)
    return this.#through(batch, Math.max(0, index), signal)
  }

  /** What is due by time alone, oldest first; with `end` all that was held back. */
  async flush(end: boolean, signal: AbortSignal): Promise<readonly Batch[]> {
    const flushed: Batch[] = []
    for (const [index, { step }] of this.#parts.steps.entries()) {
      const out = step.flush?.(this.#parts.clock.now(), end)
      if (out !== undefined && out.size > 0) flushed.push(await this.#through(out, index + 1, signal))
    }
    return flushed
  }

  async #through(batch: Batch, from: number, signal: AbortSignal): Promise<Batch> {
    const now = this.#parts.clock.now()
    let current = batch
    for (const { stage, step } of this.#parts.steps.slice(from)) {
      if (current.size === 0 && step.flush === undefined) continue
      const { batch: next, failures = [], filtered = 0 } = step.apply(current, now)
      if (failures.length > 0) await this.#bury(current, failures, stage, signal)
      if (filtered > 0) this.#parts.observer?.filtered(stage, filtered)
      current = next
      if (next.size > 0) this.#parts.observer?.passed(stage, next)
    }
    if (current.size > 0) this.#parts.observer?.left?.(current)
    return current
  }

  async #bury(batch: Batch, failures: readonly Failure[], stage: string, signal: AbortSignal): Promise<void> {
    const { deadLetters, observer, clock } = this.#parts
    const at = clock.now()
    observer?.failed(stage, failures.length)
    const letters = failures.map(({ index, reason }) => deadLetter(batch, index, { reason, stage, attempts: 1, at }))
    await deadLetters.write(letters, signal)
  }
}
