import { join } from 'node:path'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { httpConnection } from './connectors/http-client.ts'
import type { HttpConnectionConfig } from './connectors/http-connection-config.ts'
import { followSecrets } from './follow-secrets.ts'
import { followSources } from './follow-sources.ts'
import { followWorkflows } from './follow-workflows.ts'
import { nextCron } from './manifest/cron.ts'
import type { Manifest } from './manifest/manifest.ts'
import type { OriginSecrets } from './manifest/origin-secrets.ts'
import type { SecretStore } from './manifest/secrets.ts'
import { openWorkflows, type Workflows } from './open-workflows.ts'
import type { Origin } from './origin/origin.ts'
import type { Controller } from './reconcile/controller.ts'
import { Engine } from './reconcile/engine.ts'
import type { EngineEvent } from './reconcile/engine-event.ts'
import {
  type ConnectionSpec,
  type ConnectionType,
  checkConnectionType,
  connectionConfig,
  connectionController,
  databaseUrl,
  secretsOfConnection,
} from './resources/connection.ts'
import { ConnectionPool } from './resources/connection-pool.ts'
import { DatabasePool } from './resources/database-pool.ts'
import { type FetchReport, type FetchSignals, type FetchSubject, fetchSource } from './resources/fetch.ts'
import { checkSecrets, secretsOf } from './resources/open-source.ts'
import { sourceController } from './resources/source-definition.ts'
import { SourceRunner } from './resources/source-runner.ts'
import type { SourceSpec } from './resources/source-spec.ts'
import { viewOf } from './resources/source-view.ts'
import { tableController } from './resources/table.ts'
import { declaredColumns, type TableSpec, tableDeriver } from './resources/table-spec.ts'
import { databasesFed } from './resources/workflow-view.ts'
import { secretMarks } from './secret-marks.ts'
import type { RouteTable } from './service/hooks/route-table.ts'
import type { Column } from './store/column-type.ts'
import { openGuestTables } from './store/open.ts'
import type { Store } from './store/store.ts'
import type { Log } from './stream/connector.ts'

export interface CoreParts {
  readonly config: Config
  readonly store: Store
  readonly origin: Origin
  readonly secrets: OriginSecrets
  readonly clock: Clock
  readonly log: Log
  readonly version: string
  /** Who answers what is sent to workflows. */
  readonly routes: RouteTable
  /** Called after every fetch. */
  readonly onRun: (source: string, report: FetchReport) => void
}

/** The engine over one database, and what fetches the sources that are in force. */
export interface Core extends AsyncDisposable {
  readonly store: Store
  readonly engine: Engine
  readonly runner: SourceRunner
  readonly connections: ConnectionPool
  readonly workflows: Workflows
  /** Fetches a source at once, beside the runner. */
  fetch(subject: FetchSubject, signals: FetchSignals): Promise<FetchReport>
  /** Makes a Connection known to the sources that name it; the engine does so by itself. */
  useConnection(manifest: Manifest): void
  /** Calls `listener` with the name of a workflow whose state changed. */
  onWorkflow(listener: (workflow: string) => void): void
  /** Calls `listener` after each lap. */
  onLap(listener: (lap: { readonly seconds: number }) => void): void
  /** Calls `listener` with what happens in the engine. */
  onEvent(listener: (event: EngineEvent) => void): void
  /** Resolves when the runner has taken up everything the engine has told it so far. */
  readonly followed: () => Promise<void>
}

/** Puts the parts together; nothing runs yet. */
export function openCore(parts: CoreParts): Core {
  const { store, clock, log, secrets, config } = parts
  const connectionSpecs = new Map<string, Manifest<ConnectionSpec>>()
  const connections = new ConnectionPool({
    resolve: (manifest) => connectionConfig(manifest, secrets),
    open: (settings) => httpConnection(settings, { clock, log, version: parts.version }),
    lookup: (name) => connectionSpecs.get(name),
  })
  const databases = new DatabasePool({
    resolve: (manifest) => databaseUrl(manifest, { secrets, root: config.manifestsDir }),
    open: (url) => openGuestTables(url, { clock }),
    lookup: (name) => connectionSpecs.get(name),
  })
  /** One that is not known yet is waited for. */
  const needConnection = (name: string | undefined, type: ConnectionType): void => {
    const manifest = name === undefined ? undefined : connectionSpecs.get(name)
    if (manifest !== undefined) checkConnectionType(manifest, type)
  }
  const inRepository = config.git !== undefined
  const openSource = { connections, clock, log, secrets, root: config.manifestsDir, inRepository }
  const marks = secretMarks({ secrets, keyFile: join(config.dataDir, 'secret-marks.key') })
  const secretsNeeded = (source: Manifest<SourceSpec>): readonly string[] => {
    const connection = connectionSpecs.get(viewOf(source).connection ?? '')
    return [...secretsOf(source), ...(connection === undefined ? [] : secretsOfConnection(connection))]
  }
  const secretsMark = (source: Manifest<SourceSpec>): string | undefined => marks.of(secretsNeeded(source))
  const fetch = (subject: FetchSubject, signals: FetchSignals): Promise<FetchReport> =>
    fetchSource(
      { runs: store.runs, clock, log, nextCron: cron, openSource, secretsMark },
      { tableColumns: columnsInForce(engine, subject), ...subject },
      signals,
    )
  const useConnection = (manifest: Manifest): void => {
    connectionSpecs.set(manifest.name, manifest as Manifest<ConnectionSpec>)
  }
  const runner: SourceRunner = new SourceRunner({
    store,
    clock,
    log,
    nextCron: cron,
    concurrency: config.concurrency,
    laneLimit: (name) => laneLimit(name === undefined ? undefined : connectionSpecs.get(name), config.concurrency),
    hasOtherSecrets: (source, mark) => marks.areOthers(mark, secretsNeeded(source)),
    fetch,
    onRun: (source, report) => {
      if (report.evolved) engine.resync(tablesOf(engine, source))
      parts.onRun(source, report)
    },
  })
  const workflowListeners = new Set<(workflow: string) => void>()
  const workflows = openWorkflows({
    config,
    store,
    connections,
    databases,
    checkConnections: ({ spec }) => {
      needConnection(spec.connection, 'http')
      for (const name of databasesFed(spec)) needConnection(name, 'database')
    },
    routes: parts.routes,
    secrets,
    clock,
    log,
    onChange: (workflow) => {
      for (const listener of workflowListeners) listener(workflow)
    },
  })
  const halted = new Set<string>()
  const controllers = [
    connectionController({
      check: async (manifest) => {
        useConnection(manifest)
        checkConnection(manifest, secrets)
      },
      close: async (name, desired) => {
        // Who opens it meanwhile has to find the new one.
        if (desired === undefined) connectionSpecs.delete(name)
        else useConnection(desired)
        await Promise.all([connections.close(name), databases.close(name)])
      },
    }),
    tableController(store),
    sourceController({
      store,
      check: async (source) => {
        needConnection(viewOf(source).connection, 'http')
        checkSecrets(source, secrets)
      },
      halt: (name) => {
        halted.add(name)
        return runner.remove(name)
      },
    }),
    workflows.controller,
  ] as readonly Controller[]
  const lapListeners = new Set<(lap: { readonly seconds: number }) => void>()
  const eventListeners = new Set<(event: EngineEvent) => void>()
  const engine: Engine = new Engine({
    origin: parts.origin,
    controllers,
    ledger: store.ledger,
    clock,
    log,
    derive: tableDeriver(),
    resyncMs: config.resyncMs,
    onLap: (lap) => {
      for (const listener of lapListeners) listener(lap)
    },
    onEvent: (event) => {
      for (const listener of eventListeners) listener(event)
    },
  })
  const follower = followSources({ engine, runner, store, halted, log })
  followWorkflows({ engine, runner: workflows.runner })
  const secretsFollower = followSecrets({ engine, runner, secrets, log })
  return {
    store,
    engine,
    runner,
    connections,
    workflows,
    fetch,
    useConnection,
    onWorkflow: (listener) => void workflowListeners.add(listener),
    onLap: (listener) => void lapListeners.add(listener),
    onEvent: (listener) => void eventListeners.add(listener),
    followed: () => follower.idle(),
    [Symbol.asyncDispose]: async () => {
      secretsFollower[Symbol.dispose]()
      await Promise.all([runner[Symbol.asyncDispose](), workflows.runner[Symbol.asyncDispose]()])
      await follower.idle()
      await Promise.all([connections[Symbol.asyncDispose](), databases[Symbol.asyncDispose]()])
    },
  }
}

/** What the sources of a subject's table declare together, as the engine has it. */
function columnsInForce(engine: Engine, { manifest }: FetchSubject): readonly Column[] {
  const table = engine.resource(`Table/${viewOf(manifest).table}`)?.desired as Manifest<TableSpec> | undefined
  return table === undefined ? [] : declaredColumns(table.spec)
}

/** The key of the table that a source fills. */
function tablesOf(engine: Engine, source: string): readonly string[] {
  const manifest = engine.resource(`SourceDefinition/${source}`)?.desired as Manifest<SourceSpec> | undefined
  return manifest === undefined ? [] : [`Table/${viewOf(manifest).table}`]
}

function cron(expression: string, timezone: string | undefined, afterMs: number): number {
  return nextCron(expression, timezone, afterMs)
}

function checkConnection(manifest: Manifest<ConnectionSpec>, secrets: SecretStore): void {
  for (const name of secretsOfConnection(manifest)) secrets.get(name)
}

/** As many fetches at once as a Connection allows requests at once: more would only wait, holding a worker. */
function laneLimit(manifest: Manifest<ConnectionSpec> | undefined, most: number): number {
  const http = manifest?.spec['http'] as HttpConnectionConfig | undefined
  return Math.min(most, http?.rateLimit?.concurrency ?? most)
}
