import type { Batch } from './batch.ts'

/** A message that a step could not process: it goes to the dead letters, and nowhere else. */
export interface Failure {
  /** In the batch that came in. */
  readonly index: number
  readonly reason: string
}

/** What a step made of a batch. */
export interface Stepped {
  /** The very same batch when nothing changed; empty when nothing is left. */
  readonly batch: Batch
  readonly failures?: readonly Failure[]
  /** Messages that were left out on purpose, and not because they failed. */
  readonly filtered?: number
}

/**
 * One step of a workflow, open for one run: it may keep state between batches. Synchronous: what has to wait for
 * something is a sink or a source.
 */
export interface Step {
  /** `now` in milliseconds since the epoch. Never throws for a message: that is a failure. */
  apply(batch: Batch, now: number): Stepped
  /**
   * What is due by time alone: windows that closed. Asked about once a second, and with `end` when nothing comes any
   * more. Absent for steps that hold nothing back.
   */
  flush?(now: number, end: boolean): Batch | undefined
  /**
   * How many of the batches that were applied are still needed for what is held back, counted from the newest: their
   * acknowledgement waits. 0, or absent, when nothing is held back.
   */
  held?(): number
  /**
   * What it has to know at the next start about what it sent on before, as JSON: it is kept with the position as of when
   * the batches before that were no longer needed, and given to `open`. Absent for steps that need nothing of the kind.
   */
  state?(): unknown
}

/** One step type: its schema, its documentation and its behaviour in one file. */
export interface StepConnector<Config> {
  readonly type: string
  readonly summary: string
  readonly config: Readonly<Record<string, unknown>>
  /** Opens it for one run; expressions in `config` were checked, and are compiled here. `state` is what it gave before. */
  open(config: Config, state?: unknown): Step
}
