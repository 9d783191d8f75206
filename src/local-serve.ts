import type { Clock } from './clock.ts'
import type { Core } from './core.ts'
import { toHermesError } from './errors.ts'
import type { LocalApiParts } from './local-api.ts'
import { status } from './local-status.ts'
import { saveMemoryAtRest } from './memory-saver.ts'
import type { CommitStatus } from './observe/commit-status.ts'
import { EventObserver } from './observe/event-observer.ts'
import type { EventLog } from './observe/events.ts'
import type { StatusBranch } from './observe/status-branch.ts'
import type { WriteBack } from './observe/write-back.ts'
import type { FetchReport } from './resources/fetch.ts'
import type { Api, Check, Hermes } from './service/api.ts'
import type { RouteTable } from './service/hooks/route-table.ts'
import { type Metrics, openMetrics } from './service/metrics.ts'
import { type Hooks, startService } from './service/start-service.ts'
import type { Log } from './stream/connector.ts'
import { retryDelayMs } from './stream/schedule.ts'

/** Told of every fetch that ended. */
export type RunListener = (source: string, report: FetchReport) => void

export interface ServeParts extends LocalApiParts {
  readonly api: Api
  readonly log: Log
  readonly routes: RouteTable
  readonly onRun: (listener: RunListener) => void
  /** From then on, and until told otherwise, the engine in this process is what there is. */
  readonly goLive: (live: boolean) => void
  readonly statusFiles: () => WriteBack
  readonly eventLog: EventLog
  /** Undefined where the status is written to no branch. */
  readonly statusBranch: () => StatusBranch | undefined
  /** Undefined where no Git host is told. */
  readonly commitStatus: () => CommitStatus | undefined
  /** Undefined where no webhooks are taken. */
  readonly hooks: Hooks | undefined
}

type Signals = Parameters<Hermes['serve']>[0]
type OnReady = Parameters<Hermes['serve']>[1]

/** How often all due times are derived again from the data, which others may change too. */
const EVALUATE_MS = 60_000

/**
 * Serves until `stop` aborts: listens first, so that a second service on the same data directory is refused before it
 * does anything, then laps and fetches. What is under way drains; `abort` gives it up.
 */
export async function serveUntil(parts: ServeParts, signals: Signals, onReady: OnReady): Promise<void> {
  // Before it listens: who asks then must not read the origin on his own.
  parts.goLive(true)
  try {
    await serveLive(parts, signals, onReady)
  } finally {
    parts.goLive(false)
  }
}

async function serveLive(parts: ServeParts, { stop, abort }: Signals, onReady: OnReady): Promise<void> {
  const { config, version, api, clock, log } = parts
  let core: Core | undefined
  const metrics = openMetrics({
    status: () => api.status(),
    queueDepth: () => core?.runner.backlog ?? 0,
    workflows: () => core?.workflows.figures() ?? [],
  })
  await using service = await startService(config, {
    version,
    api,
    metrics,
    clock,
    log,
    checks: checks(parts.core, () => core),
    routes: parts.routes,
    ...(parts.hooks === undefined ? {} : { hooks: parts.hooks }),
  })
  const opened = await openWhenPossible(parts, stop)
  if (opened === undefined) return
  core = opened
  const followed = followStatus(parts, opened, metrics, { stop, abort })
  const unfollow = followEvents(parts, opened)
  opened.runner.start()
  opened.workflows.runner.start()
  const http = service.http === undefined ? {} : { http: service.http }
  log.info(
    {
      version,
      manifests: config.git?.url ?? config.manifestsDir,
      database: opened.store.location,
      socket: config.socketPath,
      ...http,
    },
    'serving',
  )
  onReady(http)
  try {
    await Promise.all([
      opened.engine.run(stop, abort).then(() => opened.followed()),
      evaluateNowAndThen(opened.runner, clock, log, stop),
      drainOn({ stop, abort }, opened, log),
      saveMemoryAtRest({ read: () => opened.workflows.read(), clock }, stop),
    ])
  } finally {
    unfollow()
    await followed.end()
    parts.goLive(false)
    log.info({}, 'stopped')
  }
}

/** Runs are asked to stop as soon as the service is; waited for unless it gives up. */
async function drainOn({ stop, abort }: Signals, core: Core, log: Log): Promise<void> {
  const { runner } = core
  const workflows = core.workflows.runner
  await aborted(stop)
  log.info({ fetches: runner.running, workflows: workflows.names.length }, 'stopping')
  const drained = Promise.all([runner[Symbol.asyncDispose](), workflows[Symbol.asyncDispose]()])
  await Promise.race([drained, aborted(abort)])
}

/** Writes status back soon after changes and runs, and counts them; `end` writes what is left and resolves then. */
function followStatus(
  parts: ServeParts,
  core: Core,
  metrics: Metrics,
  { stop, abort }: Signals,
): { end(): Promise<void> } {
  const files = parts.statusFiles()
  const branch = parts.statusBranch()
  const commit = parts.commitStatus()
  const { soon: write, last } = throttle(parts.clock, stop, async () => {
    const report = await status(parts)
    branch?.take(report)
    commit?.report(report.revision, report)
    await files.write(report)
  })
  core.onLap(({ seconds }) => {
    metrics.lap(seconds)
    // A revision that changes no resource, and problems of it, are told with the next lap.
    write()
  })
  parts.onRun((source, report) => {
    metrics.run({ source, result: resultOf(report), rows: report.rows, seconds: report.ms / 1_000 })
    write()
  })
  core.onWorkflow(() => write())
  const unfollow = core.engine.onChange(write)
  return {
    end: async () => {
      unfollow()
      await last(abort)
      await branch?.drain(abort)
      await branch?.[Symbol.asyncDispose]()
      await commit?.[Symbol.asyncDispose]()
    },
  }
}

/** Tells the event log what happens from now on, and how resources change until the returned function is called. */
function followEvents({ eventLog, onRun }: ServeParts, core: Core): () => void {
  const { engine } = core
  const observer = new EventObserver(eventLog)
  core.onEvent((event) => observer.happened(event))
  onRun((source, report) => observer.fetched(source, report))
  return engine.onChange((keys) => {
    for (const key of keys) observer.changed(key, engine.resource(key))
  })
}

/** A service whose database is away starts all the same, says so in `/readyz`, and goes on when it is back. */
async function openWhenPossible(
  { core, log, clock, eventLog }: ServeParts,
  stop: AbortSignal,
): Promise<Core | undefined> {
  for (let attempt = 1; !stop.aborted; attempt += 1) {
    try {
      const opened = await core()
      await opened.store.leftBehindEnded(stop)
      return opened
    } catch (thrown) {
      if (stop.aborted) return undefined
      const error = toHermesError(thrown)
      if (error.code !== 'database_unavailable') throw error
      log.error({ code: error.code, error: error.message }, 'database not opened')
      eventLog.record({ type: 'warning', reason: 'DatabaseUnavailable', message: error.message })
      await clock.sleep(retryDelayMs(Math.min(attempt, 4), Math.random()), stop).catch(() => undefined)
    }
  }
  return undefined
}

function checks(core: () => Promise<Core>, opened: () => Core | undefined): readonly Check[] {
  return [
    { name: 'database', gates: true, run: async (signal) => (await core()).store.ping(signal) },
    {
      name: 'manifests',
      gates: false,
      run: async () => {
        const state = opened()?.engine.state()
        if (state?.trouble !== undefined) throw state.trouble
        if (state?.revision === undefined) return 'not read yet'
        return `${state.problems.length} problems`
      },
    },
  ]
}

async function evaluateNowAndThen(runner: Core['runner'], clock: Clock, log: Log, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    await clock.sleep(EVALUATE_MS, stop).catch(() => undefined)
    if (stop.aborted) return
    await runner
      .evaluate()
      .catch((error: unknown) => log.warn({ error: toHermesError(error).message }, 'due times not derived'))
  }
}

const SOON_MS = 400

/** Work that is done soon after it is asked for, and seldom enough to cost little: a twentieth of the time at most. */
function throttle(
  clock: Clock,
  stop: AbortSignal,
  work: () => Promise<void>,
): { readonly soon: () => void; readonly last: (abort: AbortSignal) => Promise<void> } {
  let wanted = false
  let busy: Promise<void> | undefined
  const loop = async (): Promise<void> => {
    while (wanted && !stop.aborted) {
      // The change itself goes first.
      await clock.sleep(SOON_MS, stop).catch(() => undefined)
      wanted = false
      const began = clock.now()
      await work().catch(() => undefined)
      await clock.sleep(20 * (clock.now() - began), stop).catch(() => undefined)
    }
    busy = undefined
  }
  return {
    soon: () => {
      wanted = true
      if (!stop.aborted) busy ??= loop()
    },
    /** What is under way, and what was asked for since. */
    last: async (abort) => {
      await busy
      if (wanted && !abort.aborted) await work().catch(() => undefined)
    },
  }
}

function resultOf({ outcome }: FetchReport): 'succeeded' | 'failed' | 'cancelled' {
  if (outcome === 'finished') return 'succeeded'
  return outcome === 'failed' ? 'failed' : 'cancelled'
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
