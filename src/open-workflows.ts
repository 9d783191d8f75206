import { rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { drainLetters } from './letter-retry.ts'
import type { Manifest } from './manifest/manifest.ts'
import type { SecretStore } from './manifest/secrets.ts'
import type { FlowStatus } from './observe/status.ts'
import type { Controller } from './reconcile/controller.ts'
import type { ConnectionPool } from './resources/connection-pool.ts'
import type { DatabasePool } from './resources/database-pool.ts'
import { openWorkflow } from './resources/open-workflow.ts'
import { workflowController } from './resources/workflow.ts'
import { countsAt, WorkflowCounters, type WorkflowCounts } from './resources/workflow-counters.ts'
import { workflowLink } from './resources/workflow-links.ts'
import { removeRemains } from './resources/workflow-remains.ts'
import type { WorkflowHealth } from './resources/workflow-run.ts'
import { WorkflowRunner } from './resources/workflow-runner.ts'
import { checkWorkflowSecrets } from './resources/workflow-secrets.ts'
import type { WorkflowSpec } from './resources/workflow-spec.ts'
import { bufferDir, workflowView } from './resources/workflow-view.ts'
import type { RouteTable } from './service/hooks/route-table.ts'
import type { WorkflowFigures } from './service/workflow-metrics.ts'
import type { Store } from './store/store.ts'
import type { Log } from './stream/connector.ts'
import type { Taps } from './stream/taps.ts'

export interface WorkflowsParts {
  readonly config: Config
  readonly store: Store
  readonly connections: ConnectionPool
  readonly databases: DatabasePool
  /** Throws `wrong_connection` when a workflow names a Connection that is for something else. */
  readonly checkConnections: (workflow: Manifest<WorkflowSpec>) => void
  /** Who answers what is sent to workflows. */
  readonly routes: RouteTable
  readonly secrets: SecretStore
  readonly clock: Clock
  readonly log: Log
  /** Called when a workflow's state changed. */
  readonly onChange: (workflow: string) => void
}

/** The workflows of one process: their controller, what runs them, and what they did. */
export interface Workflows {
  readonly controller: Controller
  readonly runner: WorkflowRunner
  /** Messages that those known were given since this process took them up. */
  read(): number
  /** What those that run did since this process took them up. */
  figures(): readonly WorkflowFigures[]
  /** Lets others look at the messages of a workflow. Throws `not_in_force` for one that does not run. */
  taps(workflow: string): Taps
  /** How those that run do, by name. */
  flows(): Promise<ReadonlyMap<string, FlowStatus>>
}

/** Puts the parts together; nothing runs yet. */
export function openWorkflows(parts: WorkflowsParts): Workflows {
  const { config, store, connections, databases, secrets, clock, log, onChange } = parts
  const rooms = openRooms(parts.routes)
  const counters = new Map<string, WorkflowCounters>()
  const countersOf = (workflow: string): WorkflowCounters => {
    const known = counters.get(workflow) ?? new WorkflowCounters(clock)
    counters.set(workflow, known)
    return known
  }
  const countsOf = (workflow: string): WorkflowCounts => countsAt(countersOf(workflow).counts, runner.nodes(workflow))
  const openParts = {
    connections,
    clock,
    log,
    secrets,
    store,
    databases,
    routes: (workflow: string) => rooms.of(workflow),
    deadLetters: (workflow: string) => store.deadLetters.of(workflow),
    letters: store.deadLetters,
    link: (workflow: string) => workflowLink(workflow, (name) => runner.inlet(name)),
    root: config.manifestsDir,
    bufferDir: (workflow: string) => bufferDir(config.dataDir, workflow),
  }
  const runner: WorkflowRunner = new WorkflowRunner({
    clock,
    log,
    positions: store.checkpoints,
    open: (manifest, observer) => openWorkflow(openParts, manifest, observer),
    observer: countersOf,
    drain: (workflow, inlet, signals) =>
      drainLetters({ store: store.deadLetters, workflow, until: clock.now() }, inlet, signals),
    onChange,
  })
  const controller = workflowController({
    check: async (workflow) => {
      parts.checkConnections(workflow)
      checkWorkflowSecrets(workflow, secrets)
      if (workflowView(workflow).source.type === 'webhook') rooms.of(workflow.name)
    },
    change: (workflow, signal) => runner.change(workflow, signal),
    clear: (subject, signal) => removeRemains(subject, { secrets, running: runner.manifests }, signal),
    halt: async (name) => {
      await runner.stop(name)
      rooms.close(name)
      await store.checkpoints.delete([name])
    },
    remove: async (name) => {
      counters.delete(name)
      await store.deadLetters.clear([name])
      await rm(bufferDir(config.dataDir, name), { recursive: true, force: true })
    },
  })
  return {
    controller,
    runner,
    read: () => [...counters.values()].reduce((sum, { read }) => sum + read, 0),
    figures: () =>
      runner.names.map((workflow) => {
        const health = runner.health(workflow)
        const { messages = 0, bytes = 0 } = health?.depth ?? {}
        const of = { buffered: messages, bufferedBytes: bytes, dropped: health === undefined ? 0 : droppedIn(health) }
        return { workflow, ...countsOf(workflow), ...of }
      }),
    taps: (workflow) => {
      runner.inlet(workflow)
      return countersOf(workflow).taps
    },
    flows: async () => {
      const names = runner.names
      const letters = names.length === 0 ? new Map<string, number>() : await store.deadLetters.counts()
      return new Map(
        names.flatMap((name) => {
          const health = runner.health(name)
          if (health === undefined) return []
          return [[name, flowStatus(health, countsOf(name), letters.get(name) ?? 0)] as const]
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
  const sinks = [...counts.sinks].map(([name, { written, writtenPerSecond, rejected }]) => {
    const { breaker = 'closed', parked = 0, writeSize, writesAtOnce, error } = known.get(name) ?? {}
    const now = {
      ...(writeSize === undefined ? {} : { writeSize }),
      ...(writesAtOnce === undefined ? {} : { writesAtOnce }),
      ...(error === undefined ? {} : { error: told(error) }),
    }
    return { name, breaker, written, writtenPerSecond, rejected, parked, ...now }
  })
  const { position, lag } = health
  return {
    phase: health.phase,
    owner: hostname(),
    read: counts.read,
    written: sinks.reduce((sum, sink) => sum + sink.written, 0),
    readPerSecond: counts.readPerSecond,
    writtenPerSecond: sinks.reduce((sum, sink) => sum + sink.writtenPerSecond, 0),
    ...(position === undefined ? {} : { position }),
    ...(lag === undefined ? {} : { lag: { messages: lag.messages, seconds: lag.ms / 1_000 } }),
    buffered: health.depth?.messages ?? 0,
    dropped: droppedIn(health),
    deadLetters,
    sinks,
    ...(health.error === undefined ? {} : { error: told(health.error) }),
    ...(health.trouble === undefined ? {} : { source: told(health.trouble) }),
    ...(health.lettersTrouble === undefined ? {} : { deadLetter: told(health.lettersTrouble) }),
  }
}

/** By a buffer that was full, and by sinks of best effort. */
function droppedIn({ depth, sinks }: WorkflowHealth): number {
  return sinks.reduce((sum, { dropped }) => sum + dropped, depth?.dropped ?? 0)
}

function told({ code, message }: { readonly code: string; readonly message: string }) {
  return { code, message }
}
