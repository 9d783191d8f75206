import type { Core } from './core.ts'
import { runResult } from './local-api.ts'
import { keyOf, type Manifest } from './manifest/manifest.ts'
import type { PinnableOrigin } from './origin/pinnable.ts'
import { requirePlan } from './reconcile/plan-hash.ts'
import type { EngineState } from './reconcile/state.ts'
import type { SourceSpec } from './resources/source-spec.ts'
import type { ApplyProgress, ApplyReport, Failure, RunResult } from './service/api.ts'

export interface ApplyOptions {
  readonly origin: PinnableOrigin
  /** Fetch what is due afterwards. */
  readonly run: boolean
  /** Hash of the plan that was looked at: any other is refused. */
  readonly plan?: string
  readonly signal: AbortSignal
  readonly onProgress?: (progress: ApplyProgress) => void
}

/**
 * Brings the world to the manifests once, as they stand now: laps until nothing is left to do, then fetches what is due.
 * Throws `plan_stale`, before anything is done.
 */
export async function applyOnce(core: Core, options: ApplyOptions): Promise<ApplyReport> {
  const { engine, followed } = core
  const { origin, signal } = options
  await core.store.leftBehindEnded(signal)
  const snapshot = await origin.read(signal)
  using stack = new DisposableStack()
  stack.use(origin.pin(snapshot))
  const plan = await engine.plan(snapshot, signal)
  if (options.plan !== undefined) requirePlan(plan, options.plan)
  const stop = new AbortController()
  const running = engine.run(AbortSignal.any([stop.signal, signal]))
  const unwatch = engine.onChange(
    seldom(() => options.onProgress?.({ phase: 'reconcile', ...countDone(engine.state()) })),
  )
  try {
    await settle(engine, signal)
    await followed()
    const fetched = options.run ? await fetchDue(core, options) : { runs: [], failed: [] }
    await settle(engine, signal)
    const state = engine.state()
    const left = new Set(state.resources.filter(({ outcome }) => outcome.state !== 'ready').map(({ key }) => key))
    return {
      revision: plan.revision,
      applied: plan.resources
        .filter(({ key }) => !left.has(key))
        .map(({ key, action, steps }) => ({ key, action, steps: steps.length })),
      unchanged: plan.summary.unchanged,
      blocked: blockedIn(state),
      waiting: waitingIn(state),
      failed: [...failuresIn(state), ...fetched.failed],
      runs: fetched.runs,
      problems: state.problems,
    }
  } finally {
    unwatch()
    stop.abort()
    await running
  }
}

/**
 * Resolves when nothing is left to do. What is blocked is looked at once more, as long as that helps: a change that would
 * have lost rows loses none any more when these have moved elsewhere meanwhile.
 */
async function settle(engine: Core['engine'], signal: AbortSignal): Promise<void> {
  for (let before = Number.POSITIVE_INFINITY; ; ) {
    await engine.settled(signal)
    const blocked = engine.state().resources.flatMap(({ key, outcome }) => (outcome.state === 'blocked' ? [key] : []))
    if (blocked.length === 0 || blocked.length >= before) return
    before = blocked.length
    engine.resync(blocked)
  }
}

/** Counting ten thousand resources after each of them would take longer than the work itself. */
const PROGRESS_MS = 250

function seldom(work: () => void): () => void {
  let last = 0
  return () => {
    const now = performance.now()
    if (now - last < PROGRESS_MS) return
    last = now
    work()
  }
}

function countDone({ resources }: EngineState): { done: number; total: number } {
  const open = resources.filter(({ outcome }) => outcome.state === 'progressing').length
  return { done: resources.length - open, total: resources.length }
}

async function fetchDue(
  { runner }: Core,
  { signal, onProgress }: ApplyOptions,
): Promise<{ runs: RunResult[]; failed: Failure[] }> {
  const now = Date.now()
  const due = runner.subjects().filter(({ manifest }) => (runner.dueAt(manifest.name) ?? Infinity) <= now)
  const runs: RunResult[] = []
  const failed: Failure[] = []
  const onAbort = (): void => void runner[Symbol.asyncDispose]()
  signal.addEventListener('abort', onAbort, { once: true })
  let done = 0
  const fetchOne = async (manifest: Manifest<SourceSpec>): Promise<void> => {
    const { name } = manifest
    const report = await runner.runNow(name, (progress) =>
      onProgress?.({ phase: 'fetch', source: name, done, total: due.length, ...progress }),
    )
    done += 1
    if (report.error === undefined) runs.push(runResult(manifest, report))
    else failed.push(failure(keyOf(manifest), report.error))
  }
  try {
    const fetching = due.map(({ manifest }) => fetchOne(manifest))
    runner.start()
    await Promise.all(fetching)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
  return { runs, failed }
}

function blockedIn({ resources }: EngineState): ApplyReport['blocked'] {
  return resources.flatMap(({ key, outcome }) =>
    outcome.state === 'blocked' ? [{ key, approval: outcome.approval, message: outcome.error.message }] : [],
  )
}

function waitingIn({ resources }: EngineState): ApplyReport['waiting'] {
  return resources.flatMap(({ key, outcome }): ApplyReport['waiting'] => {
    if (outcome.state !== 'waiting') return []
    return outcome.until === undefined
      ? [{ key, on: outcome.on }]
      : [{ key, opensAt: new Date(outcome.until).toISOString() }]
  })
}

function failuresIn({ resources }: EngineState): readonly Failure[] {
  return resources.flatMap(({ key, outcome }) =>
    outcome.state === 'stalled' || outcome.state === 'retry' ? [failure(key, outcome.error)] : [],
  )
}

function failure(key: string, { code, message, fix }: { code: string; message: string; fix: string }): Failure {
  return { key, code, message, fix }
}
