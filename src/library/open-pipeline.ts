import { mkdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { systemClock } from '../clock.ts'
import { httpConnection } from '../connectors/http-client.ts'
import { HermesError, toHermesError } from '../errors.ts'
import { type LocalSecrets, secretStore } from '../manifest/secrets.ts'
import { connectionConfig } from '../resources/connection.ts'
import { ConnectionPool } from '../resources/connection-pool.ts'
import {
  type OpenWorkflow,
  type OpenWorkflowParts,
  openWorkflow,
  type WorkflowObserver,
} from '../resources/open-workflow.ts'
import { WorkflowCounters } from '../resources/workflow-counters.ts'
import { WorkflowRun } from '../resources/workflow-run.ts'
import { checkWorkflowSecrets } from '../resources/workflow-secrets.ts'
import type { WorkflowConnectors } from '../resources/workflow-spec.ts'
import { type WorkflowView, workflowView } from '../resources/workflow-view.ts'
import type { Store } from '../store/store.ts'
import type { Log } from '../stream/connector.ts'
import { Letters } from './letters.ts'
import type { Flow, PipelineOptions } from './options.ts'
import { ownSink } from './own-sink.ts'
import { isMessages, ownSource } from './own-source.ts'
import { ownStep } from './own-step.ts'
import { PipelineFlow } from './pipeline-flow.ts'
import { openLog } from './pipeline-log.ts'
import { openPositions } from './positions.ts'
import { pipelineConnectors, type ReadPipeline, readOptions } from './read-options.ts'

/** Environment variables: secrets may stand there. */
export type EnvironmentVariables = Readonly<Record<string, string | undefined>>

/** How long source and sinks may take to say that they could work. */
const PING_MS = 10_000

/** Opens a pipeline and starts it. Throws what is wrong with it, and what keeps its source or a sink from working. */
export async function openPipeline(options: PipelineOptions, environment: EnvironmentVariables): Promise<Flow> {
  const { state, positions, database, dir, root: from, secrets: given, deadLetters, signal, log: to, ...rest } = options
  const { name = 'pipeline', ...described } = rest
  signal?.throwIfAborted()
  const read = readOptions(name, described)
  const { manifest } = read
  const view = workflowView(manifest)
  const root = resolve(from ?? '')
  checkPlaces(view, options)
  const secrets = openSecrets(environment, given)
  const log = openLog(to, (text) => secrets.mask(text))
  checkWorkflowSecrets(manifest, secrets)

  await using opening = new AsyncDisposableStack()
  const store = database === undefined ? undefined : opening.use(await openDatabase(database, root))
  const kept = store?.checkpoints
  const about = {
    options: { state, positions, database } as PipelineOptions,
    name,
    source: view.source.type,
    root,
    kept,
  }
  const place = opening.use(await openPositions(about))
  const connections = opening.use(openConnections(read, secrets, log))
  const stages = view.sinks.filter(({ isBestEffort }) => isBestEffort).map((sink) => `sinks.${sink.name}`)
  const letters = new Letters({ take: deadLetters, mayLose: new Set(stages), log })
  const failures = new Failures(read)
  const parts: OpenWorkflowParts = {
    connections,
    clock: systemClock,
    log,
    secrets,
    ...(store === undefined ? {} : { store }),
    deadLetters: () => letters,
    root,
    bufferDir: () => resolve(root, dir ?? ''),
    connectors: connectorsOver(read, failures),
  }
  const counters = new WorkflowCounters(systemClock)
  const open = (): Promise<OpenWorkflow> =>
    openWorkflow(parts, manifest, observed(counters, log.child({ pipeline: name })))
  const opened = await open()
  await answering(opened, signal)
  const run = new WorkflowRun({
    manifest,
    opened,
    open,
    clock: systemClock,
    log,
    positions: place,
    onChange: () => undefined,
    isFinal: (error) => failures.isFinal(error),
  })
  return new PipelineFlow({ run, counters, letters, stack: opening.move(), signal })
}

/** What the schema cannot know: what is needed beside the pipeline itself. */
function checkPlaces(view: WorkflowView, { name, database, dir }: PipelineOptions): void {
  const table = view.sinks.find(({ type }) => type === 'table')
  if (table !== undefined && database === undefined) {
    throw new HermesError('missing_field', `sinks[${table.index}].table: database is missing`, {
      fix: "Give it `database: 'sqlite:data.db'` or a PostgreSQL URL.",
    })
  }
  if (database !== undefined && name === undefined) {
    throw new HermesError('missing_field', 'name is missing: in a database the position and the rows carry it')
  }
  const { type } = view.buffer
  if ((type === 'file' || type === 'overflow') && dir === undefined) {
    throw new HermesError('missing_field', `dir is missing: buffer.${type} needs a directory of its own`)
  }
}

function openSecrets(environment: EnvironmentVariables, given: PipelineOptions['secrets'] = {}): LocalSecrets {
  const own = Object.entries(given).map(([name, value]) => [`HERMES_SECRET_${name}`, value])
  return secretStore({ environment: { ...environment, ...Object.fromEntries(own) } })
}

async function openDatabase(url: string, root: string): Promise<Store> {
  const { openStore } = await import('../store/open.ts')
  if (!url.startsWith('sqlite:')) return await openStore(url)
  const path = resolve(root, url.slice('sqlite:'.length))
  await mkdir(dirname(path), { recursive: true })
  return await openStore(`sqlite:${path}`)
}

function openConnections({ connection }: ReadPipeline, secrets: LocalSecrets, log: Log): ConnectionPool {
  return new ConnectionPool({
    resolve: (manifest) => connectionConfig(manifest, secrets),
    open: (config) => httpConnection(config, { clock: systemClock, log }),
    lookup: () => connection,
  })
}

interface CodeConfig {
  readonly index: number
}

function connectorsOver({ code }: ReadPipeline, failures: Failures): WorkflowConnectors {
  return pipelineConnectors({
    source: async ({ index }: CodeConfig) => ownSource(known(code.sources[index]), (error) => failures.add(error)),
    step: ({ index }: CodeConfig) => ownStep(known(code.steps[index])),
    sink: async ({ index }: CodeConfig) => ownSink(known(code.sinks[index])),
  })
}

function known<T>(code: T | undefined): T {
  if (code === undefined) throw new HermesError('internal', 'there is no such code')
  return code
}

/** Which failures end a pipeline: those of own code, and those that trying again does not mend. */
class Failures {
  readonly #own = new Set<unknown>()
  readonly #isOnce: boolean

  constructor({ code }: ReadPipeline) {
    // What was taken from it and is not durable yet could not be asked for again.
    this.#isOnce = code.sources.some((source) => typeof source === 'function' || isMessages(source))
  }

  add(error: unknown): void {
    this.#own.add(error)
  }

  isFinal(error: unknown): boolean {
    return this.#isOnce || this.#own.has(error) || toHermesError(error).next !== 'retry'
  }
}

/** What a sink throws is tried again for ever: the log tells of it. */
function observed(counters: WorkflowCounters, log: Log): WorkflowObserver {
  return {
    passed: (node, batch) => counters.passed(node, batch),
    filtered: (stage, messages) => counters.filtered(stage, messages),
    failed: (stage, messages) => counters.failed(stage, messages),
    sink: (name) => {
      const counted = counters.sink(name)
      return {
        ...counted,
        writeFailed: (error) => {
          counted.writeFailed(error)
          log.warn({ sink: name, code: error.code, error: error.message }, 'sink failed, and is tried again')
        },
      }
    },
  }
}

async function answering(opened: OpenWorkflow, signal: AbortSignal | undefined): Promise<void> {
  const late = AbortSignal.timeout(PING_MS)
  try {
    await opened.ping(signal === undefined ? late : AbortSignal.any([signal, late]))
  } catch (error) {
    await opened[Symbol.asyncDispose]()
    signal?.throwIfAborted()
    if (late.aborted)
      throw new HermesError('connector_unavailable', `no answer from source or sinks in ${PING_MS / 1000} s`)
    throw toHermesError(error, 'connector_unavailable')
  }
}
