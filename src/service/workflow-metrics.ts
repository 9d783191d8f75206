import { Counter, Gauge, type Registry } from 'prom-client'
import { type Spread, scrapedHistogram } from './scraped-histogram.ts'

/** What one workflow did since this process took it up, and how it is; numbers are messages. */
export interface WorkflowFigures {
  readonly workflow: string
  readonly read: number
  readonly filtered: number
  /** Of the messages that went on to the sinks: those with an idempotency key, and those without. */
  readonly keys: { readonly present: number; readonly missing: number }
  /** What came out of each stage. */
  readonly passed: ReadonlyMap<string, number>
  readonly dropped: number
  /** By stage: `validate`, `steps[2].set`. */
  readonly failed: ReadonlyMap<string, number>
  readonly sinks: ReadonlyMap<string, SinkFigures>
  readonly buffered: number
  readonly bufferedBytes: number
}

export interface SinkFigures {
  readonly written: number
  readonly writes: number
  readonly writeErrors: number
  readonly rejected: number
  /** Seconds that writes took. */
  readonly durations: Spread
  /** Messages of each write, by why it was made when it was: `messages`, `bytes`, `time`, `free`, `end`, `retry`. */
  readonly sizes: ReadonlyMap<string, Spread>
}

/**
 * The series of workflows. Counters are read at each scrape from what runs, so that those of a workflow that is gone go
 * away; labels are workflows, their sinks and stages.
 */
export function openWorkflowMetrics(registers: Registry[], figures: () => readonly WorkflowFigures[]): void {
  const counter = (name: string, help: string, labelNames: readonly string[], count: CountOf): void => {
    const made: Counter = new Counter({
      name,
      help,
      registers,
      labelNames: [...labelNames],
      collect: () => {
        made.reset()
        for (const of of figures()) for (const { value, ...labels } of count(of)) made.inc(labels, value)
      },
    })
  }
  const workflow = ['workflow']
  const sink = ['workflow', 'sink']
  const stage = ['workflow', 'stage']
  const node = ['workflow', 'node']
  const keyed = ['workflow', 'key']
  counter(
    'hermes_engine_messages_processed_total',
    'Messages read.',
    workflow,
    each(({ read }) => read),
  )
  counter(
    'hermes_engine_messages_filtered_total',
    'Messages that steps left out.',
    workflow,
    each((of) => of.filtered),
  )
  counter(
    'hermes_engine_messages_dropped_total',
    'Messages that a full buffer dropped.',
    workflow,
    each((of) => of.dropped),
  )
  counter('hermes_engine_idempotency_keys_total', 'Messages for the sinks, with and without a key.', keyed, keys)
  counter('hermes_engine_message_errors_total', 'Messages that failed.', stage, failures)
  counter('hermes_engine_dead_letter_total', 'Messages sent to the dead letters.', stage, letters)
  counter(
    'hermes_engine_sink_messages_total',
    'Messages that sinks took.',
    sink,
    perSink(({ written }) => written),
  )
  counter(
    'hermes_engine_sink_writes_total',
    'Batches that sinks took.',
    sink,
    perSink(({ writes }) => writes),
  )
  counter(
    'hermes_engine_sink_write_errors_total',
    'Writes that failed.',
    sink,
    perSink((of) => of.writeErrors),
  )
  counter('hermes_workflow_node_processed_total', 'Messages that a node let pass.', node, processed)
  counter('hermes_workflow_node_errors_total', 'Messages that failed at a node.', node, (of) =>
    failures(of).map(({ stage: at = '', ...counted }) => ({ ...counted, node: at })),
  )
  const gauge = (name: string, help: string, value: (of: WorkflowFigures) => number): void => {
    const made: Gauge = new Gauge({
      name,
      help,
      registers,
      labelNames: workflow,
      collect: () => {
        made.reset()
        for (const of of figures()) made.set({ workflow: of.workflow }, value(of))
      },
    })
  }
  gauge('hermes_engine_buffer_messages', 'Messages in the buffer.', ({ buffered }) => buffered)
  gauge('hermes_engine_buffer_bytes', 'Bytes in the buffer.', ({ bufferedBytes }) => bufferedBytes)
  histograms(registers, figures)
}

/** One count for each workflow. */
function each(value: (of: WorkflowFigures) => number): CountOf {
  return (of) => [{ workflow: of.workflow, value: value(of) }]
}

/** One count for each of its sinks. */
function perSink(value: (of: SinkFigures) => number): CountOf {
  return (of) => [...of.sinks].map(([sink, counts]) => ({ workflow: of.workflow, sink, value: value(counts) }))
}

type CountOf = (figures: WorkflowFigures) => readonly Counted[]

interface Counted {
  readonly workflow: string
  readonly stage?: string
  readonly node?: string
  readonly sink?: string
  readonly key?: string
  readonly value: number
}

function processed({ workflow, read, passed, sinks }: WorkflowFigures): readonly Counted[] {
  const ofSinks = [...sinks].map(([name, { written }]) => [`sinks.${name}`, written] as const)
  return [['source', read] as const, ...passed, ...ofSinks].map(([node, value]) => ({ workflow, node, value }))
}

function keys({ workflow, keys: counts }: WorkflowFigures): readonly Counted[] {
  return Object.entries(counts).map(([key, value]) => ({ workflow, key, value }))
}

function failures({ workflow, failed, sinks }: WorkflowFigures): readonly Counted[] {
  const ofSinks = [...sinks].map(
    ([name, { rejected, writeErrors }]) => [`sinks.${name}`, rejected + writeErrors] as const,
  )
  return [...failed, ...ofSinks].map(([stage, value]) => ({ workflow, stage, value }))
}

function letters({ workflow, failed, sinks }: WorkflowFigures): readonly Counted[] {
  const ofSinks = [...sinks].map(([name, { rejected }]) => [`sinks.${name}`, rejected] as const)
  return [...failed, ...ofSinks].map(([stage, value]) => ({ workflow, stage, value }))
}

function histograms(registers: Registry[], figures: () => readonly WorkflowFigures[]): void {
  const sinks = () =>
    figures().flatMap(({ workflow, sinks: known }) =>
      [...known].map(([sink, counts]) => ({ labels: { workflow, sink }, counts })),
    )
  scrapedHistogram(registers, {
    name: 'hermes_engine_processing_duration_seconds',
    help: 'How long writes to sinks took.',
    labels: ['workflow', 'sink'],
    series: () =>
      sinks()
        .filter(({ counts }) => counts.writes > 0)
        .map(({ labels, counts }) => ({ labels, spread: counts.durations })),
  })
  scrapedHistogram(registers, {
    name: 'hermes_engine_batch_messages',
    help: 'Messages that were written at once.',
    labels: ['workflow', 'sink', 'trigger'],
    series: () =>
      sinks().flatMap(({ labels, counts }) =>
        [...counts.sizes].map(([trigger, spread]) => ({ labels: { ...labels, trigger }, spread })),
      ),
  })
}
