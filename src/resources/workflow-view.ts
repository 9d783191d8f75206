import { join } from 'node:path'
import { durationMs } from '../manifest/duration.ts'
import type { Manifest } from '../manifest/manifest.ts'
import type { BatchLimits } from '../stream/intake.ts'
import type { RetryPolicy } from '../stream/sink-writer.ts'
import {
  type DeadLetterClause,
  deadLetterFields,
  type Keyed,
  type SinkClause,
  sinkFields,
  type WorkflowSpec,
} from './workflow-spec.ts'

/** One connector of a workflow: its type, and what the manifest says of it. */
export interface Chosen {
  readonly type: string
  readonly config: Readonly<Record<string, unknown>>
}

/** One sink as the code uses it. */
export interface SinkView extends Chosen {
  readonly name: string
  /** Its place in the manifest's list. */
  readonly index: number
  /** The routes it takes; absent: messages without a route, and those with its own name. */
  readonly routes?: readonly string[]
  readonly limits: BatchLimits
  /** Writes at once, as the manifest has it. */
  readonly maxInFlight?: number
  readonly isBestEffort: boolean
}

/** A Workflow's spec as the code uses it: durations in milliseconds, names decided. */
export interface WorkflowView {
  readonly source: Chosen
  readonly validate?: Chosen
  readonly steps: readonly Chosen[]
  readonly buffer: Chosen
  readonly sinks: readonly SinkView[]
  readonly key?: string
  readonly idempotencyKey?: string
  readonly retry: RetryPolicy
  readonly drainMs: number
  /** The sink that takes dead letters; absent: the table of the database. */
  readonly deadLetter?: Chosen
  readonly drainFirst: boolean
}

const views = new WeakMap<object, WorkflowView>()

/** The view of a workflow's spec; computed once a spec. */
export function workflowView({ spec }: Pick<Manifest<WorkflowSpec>, 'spec'>): WorkflowView {
  const known = views.get(spec)
  if (known !== undefined) return known
  const view = build(spec)
  views.set(spec, view)
  return view
}

/** Names of the workflows that a workflow hands messages to. */
export function workflowsFed(spec: WorkflowSpec): readonly string[] {
  return allSinks(spec).flatMap(({ type, config }) => (type === 'workflow' ? [config['name'] as string] : []))
}

/** Names of the Connections whose databases a workflow writes into. */
export function databasesFed(spec: WorkflowSpec): readonly string[] {
  const named = allSinks(spec).flatMap((sink) => connectionOfTable(sink) ?? [])
  return [...new Set(named)]
}

/** Names of all Connections that a workflow uses. */
export function connectionsOf(spec: WorkflowSpec): readonly string[] {
  return [...new Set([...(spec.connection === undefined ? [] : [spec.connection]), ...databasesFed(spec)])]
}

/** The Connection that a table is in; absent: the table is in Hermes' own database, or the sink is none. */
export function connectionOfTable({ type, config }: Chosen): string | undefined {
  return type === 'table' ? (config['connection'] as string | undefined) : undefined
}

/** The routes that a step gives; none where it is no route step. */
export function routesGiven({ type, config }: Chosen): readonly string[] {
  if (type !== 'route') return []
  const { branches = [], default: other } = config as { branches?: readonly { to?: string }[]; default?: string }
  return [...branches.flatMap(({ to }) => to ?? []), ...(other === undefined ? [] : [other])]
}

/** That of the dead letters too. */
function allSinks(spec: WorkflowSpec): readonly Chosen[] {
  const { sinks, deadLetter } = workflowView({ spec })
  return deadLetter === undefined ? sinks : [...sinks, deadLetter]
}

/** The directory of a workflow's buffer. */
export function bufferDir(dataDir: string, workflow: string): string {
  return join(dataDir, 'buffers', workflow)
}

/** The source of a workflow as its spec has it. */
export function sourceOf(source: WorkflowSpec['source']): Chosen {
  return chosen(source)
}

function build(spec: WorkflowSpec): WorkflowView {
  const { retry, breaker, drain, key, idempotencyKey } = spec.delivery
  return {
    source: sourceOf(spec.source),
    ...(spec.validate === undefined ? {} : { validate: chosen(spec.validate) }),
    steps: spec.steps.map((step) => chosen(step)),
    buffer: chosen(spec.buffer),
    sinks: sinksOf(spec.sinks),
    ...(key === undefined ? {} : { key }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    retry: {
      firstMs: durationMs(retry.first),
      mostMs: durationMs(retry.longest),
      attempts: retry.attempts,
      breakerAfter: breaker.failures,
    },
    drainMs: durationMs(drain),
    ...deadLetterOf(spec.deadLetter),
  }
}

function deadLetterOf(clause: DeadLetterClause | undefined): Pick<WorkflowView, 'deadLetter' | 'drainFirst'> {
  if (clause === undefined) return { drainFirst: false }
  const { drainFirst } = clause
  const hasSink = Object.keys(clause).some((name) => !deadLetterFields.has(name))
  return { drainFirst, ...(hasSink ? { deadLetter: chosen(clause, deadLetterFields) } : {}) }
}

function chosen(keyed: Keyed, other: ReadonlySet<string> = new Set()): Chosen {
  const [type = '', config = {}] = Object.entries(keyed).find(([name]) => !other.has(name)) ?? []
  return { type, config: (config ?? {}) as Chosen['config'] }
}

/** A sink without a name has that of its type, and with a number behind it where that is taken. */
function sinksOf(clauses: readonly SinkClause[]): readonly SinkView[] {
  const taken = new Set(clauses.flatMap(({ name }) => name ?? []))
  return clauses.map((clause, index) => {
    const connector = chosen(clause, sinkFields)
    const name = clause.name ?? freeName(connector.type, taken)
    taken.add(name)
    const { messages, bytes, every } = clause.batch
    return {
      ...connector,
      name,
      index,
      ...(clause.routes === undefined ? {} : { routes: clause.routes }),
      ...(clause.maxInFlight === undefined ? {} : { maxInFlight: clause.maxInFlight }),
      limits: { messages, bytes, everyMs: durationMs(every) },
      isBestEffort: clause.bestEffort,
    }
  })
}

function freeName(type: string, taken: ReadonlySet<string>): string {
  for (let count = 1; ; count += 1) {
    const name = count === 1 ? type : `${type}-${count}`
    if (!taken.has(name)) return name
  }
}
