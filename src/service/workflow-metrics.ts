import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

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
}

export interface WorkflowMetrics {
  /** A sink took a batch. */
  wrote(write: {
    readonly workflow: string
    readonly sink: string
    readonly messages: number
    readonly ms: number
    /** Why it was written when it was: `messages`, `bytes`, `time`, `free`, `end`, `retry`. */
    readonly trigger: string
  }): void
}

/**
 * The series of workflows. Counters are read at each scrape from what runs, so that those of a workflow that is gone go
 * away; labels are workflows, their sinks and stages.
 */
export function openWorkflowMetrics(registers: Registry[], figures: () => readonly WorkflowFigures[]): WorkflowMetrics {
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
  return histograms(registers, figures)
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

const triggers = ['messages', 'bytes', 'time', 'free', 'end', 'retry'] as const

function histograms(registers: Registry[], figures: () => readonly WorkflowFigures[]): WorkflowMetrics {
  const seconds: Histogram = new Histogram({
    name: 'hermes_engine_processing_duration_seconds',
    help: 'How long writes to sinks took.',
    registers,
    labelNames: ['workflow', 'sink'],
    buckets: [0.0005, 0.002, 0.01, 0.05, 0.25, 1, 5, 30],
    collect: () => forget(),
  })
  const sizes: Histogram = new Histogram({
    name: 'hermes_engine_batch_messages',
    help: 'Messages that were written at once.',
    registers,
    labelNames: ['workflow', 'sink', 'trigger'],
    buckets: [1, 10, 100, 1_000, 10_000, 100_000],
    collect: () => forget(),
  })
  const known = new Map<string, { readonly workflow: string; readonly sink: string }>()
  const forget = (): void => {
    const present = new Set(
      figures().flatMap(({ workflow, sinks }) => [...sinks.keys()].map((sink) => `${workflow}/${sink}`)),
    )
    for (const [name, labels] of known) {
      if (present.has(name)) continue
      known.delete(name)
      seconds.remove(labels)
      for (const trigger of triggers) sizes.remove({ ...labels, trigger })
    }
  }
  return {
    wrote: ({ workflow, sink, messages, ms, trigger }) => {
      const labels = { workflow, sink }
      known.set(`${workflow}/${sink}`, labels)
      seconds.observe(labels, ms / 1_000)
      sizes.observe({ ...labels, trigger }, messages)
    },
  }
}
