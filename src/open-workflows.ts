import { rm } from 'node:fs/promises'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { SecretStore } from './manifest/secrets.ts'
import type { FlowStatus } from './observe/status.ts'
import type { Controller } from './reconcile/controller.ts'
import type { ConnectionPool } from './resources/connection-pool.ts'
import { openWorkflow } from './resources/open-workflow.ts'
import { workflowController } from './resources/workflow.ts'
import { WorkflowCounters, type WorkflowCounts } from './resources/workflow-counters.ts'
import type { WorkflowHealth } from './resources/workflow-run.ts'
import { WorkflowRunner } from './resources/workflow-runner.ts'
import { checkWorkflowSecrets } from './resources/workflow-secrets.ts'
import { bufferDir, workflowView } from './resources/workflow-view.ts'
import type { RouteTable } from './service/hooks/route-table.ts'
import type { WorkflowFigures, WorkflowMetrics } from './service/workflow-metrics.ts'
import type { Store } from './store/store.ts'
import type { Log } from './stream/connector.ts'

export interface WorkflowsParts {
  readonly config: Config
  readonly store: Store
  readonly connections: ConnectionPool
  /** Who answers what is sent to workflows. */
  readonly routes: RouteTable
  readonly secrets: SecretStore
  readonly clock: Clock
  readonly log: Log
  /** Called when a workflow's state changed. */
  readonly onChange: (workflow: string) => void
}

export type WorkflowWrite = Parameters<WorkflowMetrics['wrote']>[0]

/** The workflows of one process: their controller, what runs them, and what they did. */
export interface Workflows {
  readonly controller: Controller
  readonly runner: WorkflowRunner
  /** What those that run did since this process took them up. */
  figures(): readonly WorkflowFigures[]
  /** Calls `listener` with each batch that a sink took. */
  onWrite(listener: (write: WorkflowWrite) => void): void
  /** How those that run do, by name. */
  flows(): Promise<ReadonlyMap<string, FlowStatus>>
}

/** Puts the parts together; nothing runs yet. */
export function openWorkflows(parts: WorkflowsParts): Workflows {
  const { config, store, connections, secrets, clock, log, onChange } = parts
  const rooms = openRooms(parts.routes)
  const counters = new Map<string, WorkflowCounters>()
  const listeners = new Set<(write: WorkflowWrite) => void>()
  const tell = (write: WorkflowWrite): void => {
    for (const listener of listeners) listener(write)
  }
  const countersOf = (workflow: string): WorkflowCounters => {
    const known = counters.get(workflow) ?? new WorkflowCounters(clock, (write) => tell({ workflow, ...write }))
    counters.set(workflow, known)
    return known
  }
  const openParts = {
    connections,
    clock,
    log,
    secrets,
    store,
    routes: (workflow: string) => rooms.of(workflow),
    deadLetters: (workflow: string) => store.deadLetters.of(workflow),
    root: config.manifestsDir,
    dataDir: config.dataDir,
  }
  const runner = new WorkflowRunner({
    clock,
    log,
    positions: store.checkpoints,
    open: (manifest, observer) => openWorkflow(openParts, manifest, observer),
    observer: countersOf,
    onChange,
  })
  const controller = workflowController({
    check: async (workflow) => {
      checkWorkflowSecrets(workflow, secrets)
      if (workflowView(workflow).source.type === 'webhook') rooms.of(workflow.name)
    },
    change: (workflow, signal) => runner.change(workflow, signal),
    remove: async (name) => {
      await runner.stop(name)
      rooms.close(name)
      counters.delete(name)
      await store.checkpoints.delete([name])
      await store.deadLetters.clear([name])
      await rm(bufferDir(config.dataDir, name), { recursive: true, force: true })
    },
  })
  return {
    controller,
    runner,
    figures: () =>
      runner.names.map((workflow) => {
        const { depth } = runner.health(workflow) ?? {}
        const of = { buffered: depth?.messages ?? 0, bufferedBytes: depth?.bytes ?? 0, dropped: depth?.dropped ?? 0 }
        return { workflow, ...countersOf(workflow).counts, ...of }
      }),
    onWrite: (listener) => void listeners.add(listener),
    flows: async () => {
      const names = runner.names
      const letters = names.length === 0 ? new Map<string, number>() : await store.deadLetters.counts()
      return new Map(
        names.flatMap((name) => {
          const health = runner.health(name)
          if (health === undefined) return []
          return [[name, flowStatus(health, countersOf(name).counts, letters.get(name) ?? 0)] as const]
        }),
      )
    },
  }
}

/** The rooms of workflows at the service: open from when one is known until it is removed, whether it runs or not. */
function openRooms(routes: RouteTable) {
  const rooms = new Map<string, ReturnType<RouteTable['room']>>()
  return {
    of: (workflow: string) => {
      const room = rooms.get(workflow) ?? routes.room(workflow)
      rooms.set(workflow, room)
      return room
    },
    close: (workflow: string) => {
      rooms.get(workflow)?.[Symbol.dispose]()
      rooms.delete(workflow)
    },
  }
}

function flowStatus(health: WorkflowHealth, counts: WorkflowCounts, deadLetters: number): FlowStatus {
  const known = new Map(health.sinks.map((sink) => [sink.name, sink]))
  const sinks = [...counts.sinks].map(([name, { written, rejected }]) => {
    const { breaker = 'closed', parked = 0, error } = known.get(name) ?? {}
    return { name, breaker, written, rejected, parked, ...(error === undefined ? {} : { error: told(error) }) }
  })
  return {
    phase: health.phase,
    read: counts.read,
    written: sinks.reduce((sum, sink) => sum + sink.written, 0),
    buffered: health.depth?.messages ?? 0,
    dropped: health.depth?.dropped ?? 0,
    deadLetters,
    sinks,
    ...(health.error === undefined ? {} : { error: told(health.error) }),
  }
}

function told({ code, message }: { readonly code: string; readonly message: string }) {
  return { code, message }
}
