import type { Clock } from '../clock.ts'
import type { Batch } from '../stream/batch.ts'
import { Distribution } from '../stream/distribution.ts'
import { Rate } from '../stream/rate.ts'
import type { Write } from '../stream/sink-writer.ts'
import { Taps } from '../stream/taps.ts'
import type { WorkflowObserver } from './open-workflow.ts'

/** What one workflow did since this process took it up; all numbers are messages but where the name says otherwise. */
export interface WorkflowCounts {
  readonly read: number
  readonly readPerSecond: number
  readonly filtered: number
  /** Of the messages that went on to the sinks: those with an idempotency key, and those without. */
  readonly keys: { readonly present: number; readonly missing: number }
  /** What came out of each stage. */
  readonly passed: ReadonlyMap<string, number>
  /** By stage: `validate`, `steps[2].set`. */
  readonly failed: ReadonlyMap<string, number>
  readonly sinks: ReadonlyMap<string, SinkCounts>
}

export interface SinkCounts {
  readonly written: number
  readonly writtenPerSecond: number
  readonly writes: number
  readonly writeErrors: number
  readonly rejected: number
  /** Seconds that writes took. */
  readonly durations: Distribution
  /** Messages of each write, by why it was made when it was. */
  readonly sizes: ReadonlyMap<Write['trigger'], Distribution>
}

const SECONDS = [0.0005, 0.002, 0.01, 0.05, 0.25, 1, 5, 30]
const MESSAGES = [1, 10, 100, 1_000, 10_000, 100_000]

type Counted = { -readonly [K in Exclude<keyof SinkCounts, 'sizes'>]: SinkCounts[K] } & {
  readonly rate: Rate
  readonly sizes: Map<Write['trigger'], Distribution>
}

/** Counts what a workflow does, and lets others look on; kept from run to run, so that counters only grow. */
export class WorkflowCounters implements WorkflowObserver {
  readonly taps = new Taps()
  readonly #clock: Clock
  readonly #rate: Rate
  #read = 0
  #filtered = 0
  readonly #keys = { present: 0, missing: 0 }
  readonly #passed = new Map<string, number>()
  readonly #failed = new Map<string, number>()
  readonly #sinks = new Map<string, Counted>()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#rate = new Rate(clock)
  }

  /** Messages that were read. */
  get read(): number {
    return this.#read
  }

  get counts(): WorkflowCounts {
    return {
      read: this.#read,
      readPerSecond: this.#rate.perSecond,
      filtered: this.#filtered,
      keys: this.#keys,
      passed: this.#passed,
      failed: this.#failed,
      sinks: new Map(
        [...this.#sinks].map(([name, { rate, ...of }]) => [name, { ...of, writtenPerSecond: rate.perSecond }]),
      ),
    }
  }

  passed(node: string, batch: Batch): void {
    if (node === 'source') {
      this.#read += batch.size
      this.#rate.add(batch.size)
    } else this.#passed.set(node, (this.#passed.get(node) ?? 0) + batch.size)
    this.taps.passed(node, batch)
  }

  filtered(_stage: string, messages: number): void {
    this.#filtered += messages
  }

  failed(stage: string, messages: number): void {
    this.#failed.set(stage, (this.#failed.get(stage) ?? 0) + messages)
  }

  left(batch: Batch): void {
    const present = identifiedIn(batch)
    this.#keys.present += present
    this.#keys.missing += batch.size - present
  }

  sink(name: string): ReturnType<WorkflowObserver['sink']> {
    const counts = this.#sinks.get(name) ?? noCounts(this.#clock)
    this.#sinks.set(name, counts)
    const node = `sinks.${name}`
    return {
      wrote: ({ batch, refused, ms, trigger }) => {
        const messages = batch.size - refused
        counts.written += messages
        counts.writes += 1
        counts.durations.add(ms / 1_000)
        sizesOf(counts, trigger).add(messages)
        counts.rate.add(messages)
        this.taps.passed(node, batch)
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

/** What was counted at these nodes: a change takes others out of a workflow. */
export function countsAt(counts: WorkflowCounts, nodes: readonly string[]): WorkflowCounts {
  const known = new Set(nodes)
  const at = <T>(all: ReadonlyMap<string, T>, prefix = ''): Map<string, T> =>
    new Map([...all].filter(([name]) => known.has(`${prefix}${name}`)))
  const { passed, failed, sinks } = counts
  return { ...counts, passed: at(passed), failed: at(failed), sinks: at(sinks, 'sinks.') }
}

function identifiedIn(batch: Batch): number {
  if (batch.identified !== undefined) return batch.identified
  let count = 0
  for (let index = 0; index < batch.size; index += 1) if (batch.meta(index).id !== undefined) count += 1
  return count
}

function sizesOf({ sizes }: Counted, trigger: Write['trigger']): Distribution {
  const known = sizes.get(trigger)
  if (known !== undefined) return known
  const made = new Distribution(MESSAGES)
  sizes.set(trigger, made)
  return made
}

function noCounts(clock: Clock): Counted {
  const [rate, durations] = [new Rate(clock), new Distribution(SECONDS)]
  return { written: 0, writtenPerSecond: 0, writes: 0, writeErrors: 0, rejected: 0, durations, sizes: new Map(), rate }
}
