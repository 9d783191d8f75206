import { resolve } from 'node:path'
import type { Clock } from '../clock.ts'
import { buffers, sinks, steps, streamSources, validators } from '../connectors/index.ts'
import type { WorkflowTableContext } from '../connectors/sinks/workflow-table.ts'
import { MessageVariables, messageExpression } from '../connectors/steps/message-scope.ts'
import type { ValidatorConnector } from '../connectors/validators/validator.ts'
import { HermesError } from '../errors.ts'
import type { InboundRoutes } from '../inbound-routes.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { resolveTemplates } from '../manifest/templates.ts'
import type { Store } from '../store/store.ts'
import type { Buffer, BufferConnector } from '../stream/buffer.ts'
import type { Connector, Context, JsonSchema, Log, Secrets, Tables } from '../stream/connector.ts'
import type { DeadLetters } from '../stream/dead-letter.ts'
import { labelling, type ReadText } from '../stream/labelling.ts'
import type { Sink } from '../stream/sink.ts'
import { type BranchObserver, SinkBranch } from '../stream/sink-branch.ts'
import type { Source } from '../stream/source.ts'
import { type PlacedStep, Stage, type StageObserver } from '../stream/stage.ts'
import type { Step, StepConnector } from '../stream/step.ts'
import type { ConnectionPool } from './connection-pool.ts'
import type { WorkflowSpec } from './workflow-spec.ts'
import { workflowTables } from './workflow-tables.ts'
import { bufferDir, type Chosen, type SinkView, type WorkflowView, workflowView } from './workflow-view.ts'

/** Told what a workflow does. */
export interface WorkflowObserver extends StageObserver {
  sink(name: string): BranchObserver
}

export interface OpenWorkflowParts {
  readonly connections: ConnectionPool
  readonly clock: Clock
  readonly log: Log
  readonly secrets: Secrets
  readonly store: Pick<Store, 'messages' | 'ping'>
  /** The service's places for what is sent to a workflow. */
  readonly routes: (workflow: string) => InboundRoutes
  readonly deadLetters: (workflow: string) => DeadLetters
  /** What relative file paths start from. */
  readonly root: string
  readonly dataDir: string
}

/** A sink that is open, and the branch that writes to it. */
export interface OpenSink {
  readonly name: string
  readonly sink: Sink
  readonly branch: SinkBranch
}

/** Both ends of a workflow and what is between them but for the buffer, open and not running. */
export interface OpenWorkflow extends AsyncDisposable {
  readonly source: Source
  /** What stands between, for one run; `state` is what its steps gave the one before. */
  openStage(state: unknown): Promise<Stage>
  readonly sinks: readonly OpenSink[]
  /** Its only sink commits the source's position with the rows: nobody else may write it. */
  readonly keepsPosition: boolean
  /** Resolves when source and sinks could work now; throws why one cannot. */
  ping(signal: AbortSignal): Promise<void>
  /** Opens the buffer: only one may be open for a workflow. */
  openBuffer(): Promise<Buffer>
}

/** Opens a workflow with its expressions compiled and its secrets resolved. Throws what keeps it from working. */
export async function openWorkflow(
  parts: OpenWorkflowParts,
  manifest: Manifest<WorkflowSpec>,
  observer: WorkflowObserver,
): Promise<OpenWorkflow> {
  const view = workflowView(manifest)
  const log = parts.log.child({ workflow: manifest.name })
  const http = await parts.connections.client(manifest.spec.connection)
  const { clock, secrets } = parts
  const context: Context = { clock, log, secrets, http, tables: noTables }
  const deadLetters = parts.deadLetters(manifest.name)
  await using opening = new AsyncDisposableStack()
  const sourceContext = view.source.type === 'webhook' ? { ...context, routes: parts.routes(manifest.name) } : context
  const source = opening.use(await openConnector<Source>(streamSources, view.source, parts, sourceContext))
  const keepsPosition = isExactlyOnce(view, source)
  const tables = workflowTables(parts.store, manifest.name, { checkpoint: keepsPosition })
  const sinkContext: WorkflowTableContext = { ...context, workflowTables: tables }
  const opened: OpenSink[] = []
  for (const each of view.sinks) {
    const sink = opening.use(await openConnector<Sink>(sinks, each, parts, sinkContext))
    const stage = `sinks.${each.name}`
    const { limits, isBestEffort } = each
    const about = { stage, sink, limits, isBestEffort, takes: takesOf(each), observer: observer.sink(each.name) }
    const branch = new SinkBranch({ ...about, retry: view.retry, deadLetters, clock, random: Math.random })
    opened.push({ name: each.name, sink, branch })
  }
  const openStage = async (state: unknown): Promise<Stage> =>
    new Stage({ steps: await stepsOf(view, parts.root, state), deadLetters, clock, observer })
  // What is wrong with a step shows now, and not when the workflow starts.
  await openStage(undefined)
  const stack = opening.move()
  return {
    source,
    openStage,
    sinks: opened,
    keepsPosition,
    ping: async (signal) => {
      await Promise.all([source.ping(signal), ...opened.map(({ sink }) => sink.ping(signal))])
    },
    openBuffer: () => {
      const connector = chosenFrom<BufferConnector<unknown>>(buffers, view.buffer)
      const dir = bufferDir(parts.dataDir, manifest.name)
      return connector.open(view.buffer.config, { dir, consumers: opened.map(({ name }) => name), clock, log })
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

type Registry<T> = Readonly<Record<string, T>>

/** No connector of a workflow writes into the table of a run. */
const noTables: Tables = {
  writer: () => {
    throw new HermesError('internal', 'a workflow has no run')
  },
}

/**
 * Whether the position may be committed with the rows: the one sink is a table, nothing durable or windowed stands
 * before it, and the source keeps no place of its own.
 */
function isExactlyOnce({ sinks: all, buffer, steps: between }: WorkflowView, source: Source): boolean {
  const [only] = all
  const isTable = all.length === 1 && only?.type === 'table' && !only.isBestEffort
  return (
    isTable && buffer.type === 'memory' && source.ack === undefined && !between.some(({ type }) => type === 'aggregate')
  )
}

function chosenFrom<T>(registry: Registry<T>, { type }: Chosen): T {
  const connector = registry[type]
  if (connector === undefined) throw new HermesError('internal', `no connector ${type}`)
  return connector
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

/** Fields that the connector's schema marks with `x-path` start from `root` when they are relative. */
function withAbsolutePaths(config: Chosen['config'], schema: JsonSchema, root: string): Chosen['config'] {
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>
  const absolute = Object.entries(config).map(([name, value]): [string, unknown] => {
    const isPath = properties[name]?.['x-path'] === true && typeof value === 'string'
    return [name, isPath ? resolve(root, value) : value]
  })
  return Object.fromEntries(absolute)
}

/** Messages without a route go to every sink; those with one where it is taken. Its own name is always a sink's. */
function takesOf({ name, routes }: SinkView): (route: string | undefined) => boolean {
  if (routes === undefined) return (route) => route === undefined || route === name
  const taken = new Set([name, ...routes])
  return (route) => route !== undefined && taken.has(route)
}

async function stepsOf(view: WorkflowView, root: string, state: unknown): Promise<readonly PlacedStep[]> {
  const registry = steps as unknown as Registry<StepConnector<unknown>>
  const { validate } = view
  const key = readText(view.key)
  const id = readText(view.idempotencyKey)
  const labels = { ...(key === undefined ? {} : { key }), ...(id === undefined ? {} : { id }) }
  const hasLabels = key !== undefined || id !== undefined
  return [
    ...(validate === undefined ? [] : [{ stage: 'validate', step: await openValidator(validate, root) }]),
    ...(hasLabels ? [{ stage: 'delivery', step: labelling(labels) }] : []),
    ...view.steps.map((chosen, index) => ({
      stage: `steps[${index}].${chosen.type}`,
      step: chosenFrom(registry, chosen).open(chosen.config, state),
    })),
  ]
}

async function openValidator(chosen: Chosen, root: string): Promise<Step> {
  const connector = chosenFrom(validators as unknown as Registry<ValidatorConnector<unknown>>, chosen)
  return await connector.open(withAbsolutePaths(chosen.config, connector.config, root))
}

function readText(text: string | undefined): ReadText | undefined {
  if (text === undefined) return undefined
  const expression = messageExpression(text)
  return (batch, now) => {
    const variables = new MessageVariables(batch, now)
    return (index) => {
      const read = expression.evaluate(variables.at(index))
      if (read === undefined || read === null) return undefined
      return typeof read === 'string' ? read : JSON.stringify(read)
    }
  }
}
