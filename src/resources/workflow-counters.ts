import type { WorkflowObserver } from './open-workflow.ts'

/** What one workflow did since this process took it up; all numbers are messages but where the name says otherwise. */
export interface WorkflowCounts {
  readonly read: number
  readonly filtered: number
  /** By stage: `validate`, `steps[2].set`. */
  readonly failed: ReadonlyMap<string, number>
  readonly sinks: ReadonlyMap<string, SinkCounts>
}

export interface SinkCounts {
  readonly written: number
  readonly writes: number
  readonly writeErrors: number
  readonly rejected: number
  /** Milliseconds that writes took, all together. */
  readonly writeMs: number
}

/** Told of each batch that a sink took. */
export type OnWrite = (write: { readonly sink: string; readonly messages: number; readonly ms: number }) => void

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Counts what a workflow does; kept from run to run, so that counters only grow. */
export class WorkflowCounters implements WorkflowObserver {
  readonly #onWrite: OnWrite | undefined
  #read = 0
  #filtered = 0
  readonly #failed = new Map<string, number>()
  readonly #sinks = new Map<string, Mutable<SinkCounts>>()

  constructor(onWrite?: OnWrite) {
    this.#onWrite = onWrite
  }

  get counts(): WorkflowCounts {
    return { read: this.#read, filtered: this.#filtered, failed: this.#failed, sinks: this.#sinks }
  }

  read(messages: number): void {
    this.#read += messages
  }

  filtered(_stage: string, messages: number): void {
    this.#filtered += messages
  }

  failed(stage: string, messages: number): void {
    this.#failed.set(stage, (this.#failed.get(stage) ?? 0) + messages)
  }

  sink(name: string): ReturnType<WorkflowObserver['sink']> {
    const counts = this.#sinks.get(name) ?? { written: 0, writes: 0, writeErrors: 0, rejected: 0, writeMs: 0 }
    this.#sinks.set(name, counts)
    return {
      wrote: (messages, ms) => {
        counts.written += messages
        counts.writes += 1
        counts.writeMs += ms
        this.#onWrite?.({ sink: name, messages, ms })
      },
      writeFailed: () => {
        counts.writeErrors += 1
      },
      rejected: (messages) => {
        counts.rejected += messages
      },
    }
  }
}
