import type { Clock } from '../clock.ts'
import type { WorkflowTableContext } from '../connectors/sinks/workflow-table.ts'
import type { DeadLetterContext, LetterShelf } from '../connectors/sources/dead-letter.ts'
import type { WorkflowLink, WorkflowLinkContext } from '../connectors/workflow-link.ts'
import { HermesError } from '../errors.ts'
import type { InboundRoutes } from '../inbound-routes.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { resolveTemplates } from '../manifest/templates.ts'
import type { Store } from '../store/store.ts'
import type { Buffer, BufferConnector } from '../stream/buffer.ts'
import type { Connector, Context, HttpClient, Log, MaxInFlight, Secrets, Tables } from '../stream/connector.ts'
import type { DeadLetters } from '../stream/dead-letter.ts'
import { DurableLetters } from '../stream/durable-letters.ts'
import { letterSink } from '../stream/letter-sink.ts'
import type { Sink } from '../stream/sink.ts'
import { type BranchObserver, SinkBranch } from '../stream/sink-branch.ts'
import { isPositionKept, type Source } from '../stream/source.ts'
import { Stage, type StageObserver } from '../stream/stage.ts'
import type { ConnectionPool } from './connection-pool.ts'
import type { DatabasePool } from './database-pool.ts'
import { GuardedSink } from './guarded-sink.ts'
import { workflowConnectors } from './workflow-kind.ts'
import type { WorkflowConnectors, WorkflowSpec } from './workflow-spec.ts'
import { chosenFrom, openSteps, type Registry, takesOf, withAbsolutePaths } from './workflow-stage.ts'
import { workflowTables } from './workflow-tables.ts'
import { type Chosen, connectionOfTable, type SinkView, type WorkflowView, workflowView } from './workflow-view.ts'

/** Told what a workflow does. */
export interface WorkflowObserver extends StageObserver {
  sink(name: string): BranchObserver
}

export interface OpenWorkflowParts {
  readonly connections: ConnectionPool
  readonly clock: Clock
  readonly log: Log
  readonly secrets: Secrets
  /** Where the tables are; absent where no sink is one. */
  readonly store?: Pick<Store, 'messages' | 'ping'>
  /** The databases of Connections; absent where there is no service. */
  readonly databases?: DatabasePool
  /** The service's places for what is sent to a workflow; absent where there is no service. */
  readonly routes?: (workflow: string) => InboundRoutes
  readonly deadLetters: (workflow: string) => DeadLetters
  /** The dead letters of all workflows; absent where there is no service. */
  readonly letters?: LetterShelf
  /** The way from a workflow into others; absent where there is no service. */
  readonly link?: (workflow: string) => WorkflowLink
  /** What relative file paths start from. */
  readonly root: string
  /** The directory of a workflow's buffer. */
  readonly bufferDir: (workflow: string) => string
  /** What it may be made of; all connectors that there are when absent. */
  readonly connectors?: WorkflowConnectors
}

/** A sink that is open, and the branch that writes to it. */
export interface OpenSink {
  readonly name: string
  readonly sink: Sink
  readonly branch: SinkBranch
}

/** What a workflow waits for before it starts; a sink that may lose messages may as well be away. */
function pinged(opened: readonly OpenSink[], { sinks: all }: WorkflowView): readonly Sink[] {
  return opened.flatMap(({ sink }, index) => (all[index]?.isBestEffort === true ? [] : [sink]))
}

/** Both ends of a workflow and what is between them but for the buffer, open and not running. */
export interface OpenWorkflow extends AsyncDisposable {
  readonly source: Source
  /** What stands between, for one run; `state` is what its steps gave the one before. */
  openStage(state: unknown): Promise<Stage>
  readonly sinks: readonly OpenSink[]
  /** Why what failed before the sinks cannot go to the dead letters just now: the source waits. */
  lettersTrouble(): HermesError | undefined
  /** Its only sink commits the source's position with the rows: nobody else may write it. */
  readonly keepsPosition: boolean
  /** Resolves when source and sinks could work now; throws why one cannot. */
  ping(signal: AbortSignal): Promise<void>
  /** Opens the buffer: only one may be open for a workflow. */
  openBuffer(): Promise<Buffer>
}

/**
 * Opens a workflow with its expressions compiled and its secrets resolved. Throws what keeps it from working, but for a
 * sink that is away: its own writes and the ping tell of that.
 */
export async function openWorkflow(
  parts: OpenWorkflowParts,
  manifest: Manifest<WorkflowSpec>,
  observer: WorkflowObserver,
): Promise<OpenWorkflow> {
  const view = workflowView(manifest)
  const log = parts.log.child({ workflow: manifest.name })
  const http = await followedClient(parts.connections, manifest.spec.connection)
  const { clock, secrets } = parts
  const context: Context = { clock, log, secrets, http, tables: noTables }
  const { sources, sinks, buffers } = parts.connectors ?? workflowConnectors
  await using opening = new AsyncDisposableStack()
  const sourceContext = sourceContextOf(parts, manifest, context)
  const source = opening.use(await openConnector<Source>(sources, view.source, parts, sourceContext))
  const keepsPosition = isExactlyOnce(view, source)
  const sinkContext = sinkContextOf(parts, manifest.name, context, keepsPosition)
  const openSink = (name: string, each: Chosen): Sink => {
    const open = (): Promise<Sink> => openConnector<Sink>(sinks, each, parts, sinkContext)
    return opening.use(new GuardedSink({ name, open, clock, log }))
  }
  const { deadLetters, ping: pingDeadLetters } = openDeadLetters(parts, manifest, openSink)
  const opened: OpenSink[] = []
  for (const each of view.sinks) {
    const sink = openSink(each.name, each)
    const stage = `sinks.${each.name}`
    const { limits, isBestEffort } = each
    const writesAtOnce = writesAtOnceOf(chosenFrom(sinks, each), each, view)
    const about = {
      stage,
      sink,
      limits,
      writesAtOnce,
      isBestEffort,
      takes: takesOf(each),
      observer: observer.sink(each.name),
    }
    const branch = new SinkBranch({ ...about, retry: view.retry, deadLetters, clock, random: Math.random })
    opened.push({ name: each.name, sink, branch })
  }
  const onFailure = ({ code, message }: HermesError): void => {
    log.warn({ code, error: message }, 'dead letters not written; the source waits')
  }
  const letters = new DurableLetters({ deadLetters, retry: view.retry, clock, random: Math.random, onFailure })
  const openStage = async (state: unknown): Promise<Stage> =>
    new Stage({ steps: (await openSteps(view, parts))(state), deadLetters: letters, clock, observer })
  // What is wrong with a step shows now, and not when the workflow starts.
  await openStage(undefined)
  const stack = opening.move()
  return {
    source,
    openStage,
    sinks: opened,
    keepsPosition,
    lettersTrouble: () => letters.trouble,
    ping: async (signal) => {
      await Promise.all([
        source.ping(signal),
        ...pinged(opened, view).map((sink) => sink.ping(signal)),
        pingDeadLetters(signal),
      ])
    },
    openBuffer: () => {
      const connector = chosenFrom(buffers as unknown as Registry<BufferConnector<unknown>>, view.buffer)
      const dir = parts.bufferDir(manifest.name)
      return connector.open(view.buffer.config, { dir, consumers: opened.map(({ name }) => name), clock, log })
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** Several where the sink takes them and the order that is promised is kept, or the manifest asks for it. */
function writesAtOnceOf(
  { maxInFlight }: { readonly maxInFlight?: MaxInFlight<never> },
  { config, maxInFlight: asked }: SinkView,
  { key }: WorkflowView,
): number {
  if (maxInFlight === undefined) return 1
  const { standard, withoutKey } = maxInFlight
  const isOrdered = key !== undefined || (typeof withoutKey === 'boolean' ? withoutKey : withoutKey(config as never))
  return asked ?? (isOrdered ? standard : 1)
}

/** The client of a Connection, which may change under a workflow that runs. Throws what keeps it from being used now. */
async function followedClient(connections: ConnectionPool, name: string | undefined): Promise<HttpClient> {
  await connections.client(name)
  return { request: async (request, signal) => await (await connections.client(name)).request(request, signal) }
}

/** Some sources are given one thing more. */
function sourceContextOf(parts: OpenWorkflowParts, manifest: Manifest<WorkflowSpec>, context: Context): Context {
  switch (workflowView(manifest).source.type) {
    case 'webhook':
      return parts.routes === undefined ? context : { ...context, routes: parts.routes(manifest.name) }
    case 'dead_letter':
      return parts.letters === undefined ? context : withLetters(context, parts.letters)
    default:
      return context
  }
}

function withLetters(context: Context, letters: LetterShelf): DeadLetterContext {
  return { ...context, letters }
}

type SinkContext = Context & Partial<WorkflowTableContext & WorkflowLinkContext>

/** Sinks are given the tables and the way into other workflows, where there are any. */
function sinkContextOf(
  { store, databases, link }: OpenWorkflowParts,
  workflow: string,
  context: Context,
  checkpoint: boolean,
): SinkContext {
  const options = { checkpoint, ...(databases === undefined ? {} : { databases }) }
  return {
    ...context,
    ...(store === undefined ? {} : { workflowTables: workflowTables(store, workflow, options) }),
    ...(link === undefined ? {} : { link: link(workflow) }),
  }
}

/** The table, or the sink that the workflow names with the table behind it. */
function openDeadLetters(
  parts: OpenWorkflowParts,
  manifest: Manifest<WorkflowSpec>,
  openSink: (name: string, chosen: Chosen) => Sink,
): { readonly deadLetters: DeadLetters; readonly ping: (signal: AbortSignal) => Promise<void> } {
  const { deadLetter } = workflowView(manifest)
  const table = parts.deadLetters(manifest.name)
  if (deadLetter === undefined) return { deadLetters: table, ping: async () => {} }
  const sink = openSink('deadLetter', deadLetter)
  const deadLetters = letterSink({ workflow: manifest.name, sink, otherwise: table })
  return { deadLetters, ping: (signal) => sink.ping(signal) }
}

/** No connector of a workflow writes into the table of a run. */
const noTables: Tables = {
  writer: () => {
    throw new HermesError('internal', 'a workflow has no run')
  },
}

/**
 * Whether the position may be committed with the rows: the one sink is a table beside the positions, nothing durable or windowed stands
 * before it, and the source's position is kept for it.
 */
function isExactlyOnce({ sinks: all, buffer, steps: between }: WorkflowView, source: Source): boolean {
  const [only] = all
  const isTable =
    all.length === 1 && only?.type === 'table' && connectionOfTable(only) === undefined && !only.isBestEffort
  return (
    isTable && buffer.type === 'memory' && isPositionKept(source) && !between.some(({ type }) => type === 'aggregate')
  )
}

async function openConnector<T>(
  registry: Registry<unknown>,
  chosen: Chosen,
  { root, secrets }: OpenWorkflowParts,
  context: Context,
): Promise<T> {
  const connector = chosenFrom(registry as Registry<Connector<T, unknown>>, chosen)
  const resolved = resolveTemplates(chosen.config, connector.config, { secrets })
  return await connector.open(withAbsolutePaths(resolved, connector.config, root), context)
}
