import { type ErrorCode, errorTable, type Location } from '../errors.ts'
import { opensText } from '../manifest/sync-window.ts'
import type { Outcome } from '../reconcile/controller.ts'
import type { RunFacts } from '../store/store.ts'
import type { Condition, FlowStatus, ResourceState, ResourceStatus } from './status.ts'

/** One resource as the engine knows it. */
export interface ResourceView {
  readonly kind: string
  readonly name: string
  readonly at: Location
  readonly revision: string
  readonly suspended: boolean
  /** What its last lap came to; absent before the first. */
  readonly outcome?: Outcome
  /** Its manifest is gone, its objects are not yet. */
  readonly removing?: boolean
  /** Its manifest has not been read since the start: what is known of it is what the database says. */
  readonly unread?: boolean
  /** Why it stays in force though no manifest declares it now. */
  readonly held?: string
  /** For a source: the table it fills. */
  readonly table?: string
  /** For a source: the Connection it names. */
  readonly connection?: string
  /** For a workflow: how it runs; absent while nothing is known of that. */
  readonly flow?: FlowStatus
  /** When its window opens, milliseconds since the epoch; absent while it is open. */
  readonly opensAt?: number
}

/** Everything status is derived from; all of it is read elsewhere, nothing is stored for it. */
export interface World {
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly resources: readonly ResourceView[]
  /** What the laps over tables came to, by table. */
  readonly tables: ReadonlyMap<string, Outcome>
  /** By source. */
  readonly facts: ReadonlyMap<string, RunFacts>
  /** Rows, by `table/source`. */
  readonly counts: ReadonlyMap<string, number>
  /** By source. */
  readonly cursors: ReadonlyMap<string, string>
  /** When each source is due, milliseconds since the epoch. */
  readonly nextDue: ReadonlyMap<string, number>
  /** Sources that are being fetched now. */
  readonly running: ReadonlySet<string>
}

/** The status of every resource, in the order given. Pure. */
export function deriveStatus(world: World): readonly ResourceStatus[] {
  return world.resources.map((view) => (view.table === undefined ? plainStatus(view) : sourceStatus(view, world)))
}

/** State, reason and message; what the conditions are made of. */
interface Finding {
  readonly state: ResourceState
  readonly reason: string
  readonly message: string
  readonly approval?: string
}

function plainStatus(view: ResourceView): ResourceStatus {
  const lap = lapFinding(view.outcome, view)
  if (view.kind === 'Workflow') return workflowStatus(view, lap)
  const overall = withSuspension(view, lap)
  return status(view, overall, [readyCondition(overall), condition('Reconciled', lap)])
}

function workflowStatus(view: ResourceView, lap: Finding): ResourceStatus {
  const runs = flowFinding(view.flow)
  const overall = withSuspension(view, lap.state === 'ready' ? runs : lap)
  const conditions = [readyCondition(overall), condition('Reconciled', lap), condition('Running', runs)]
  return { ...status(view, overall, conditions), ...(view.flow === undefined ? {} : { flow: view.flow }) }
}

function flowFinding(flow: FlowStatus | undefined): Finding {
  if (flow === undefined)
    return { state: 'progressing', reason: 'NotRunning', message: 'No service runs it at the moment.' }
  const { phase, error } = flow
  if (phase === 'failed' && error !== undefined) return failing(error)
  if (phase === 'finished')
    return { state: 'ready', reason: 'Finished', message: 'Its source has ended; all of it was delivered.' }
  if (phase !== 'running') return { state: 'progressing', reason: 'Starting', message: 'It is being started.' }
  if (flow.source !== undefined) return failing({ ...flow.source, message: `source: ${flow.source.message}` })
  if (flow.deadLetter !== undefined)
    return failing({ ...flow.deadLetter, message: `dead letters: ${flow.deadLetter.message}` })
  const away = flow.sinks.find(({ breaker, error: each }) => breaker !== 'closed' || each?.code === 'sink_stalled')
  if (away?.error === undefined) return { state: 'ready', reason: 'Running', message: 'It runs.' }
  const { code, message } = away.error
  return failing({ code, message: `sink ${away.name}: ${message}` })
}

function failing({ code, message }: { readonly code: string; readonly message: string }): Finding {
  const known = knownCode(code)
  const state = errorTable[known].next === 'retry' ? 'retrying' : 'stalled'
  return { state, ...failure(known, message, errorTable[known].fix) }
}

function sourceStatus(view: ResourceView, world: World): ResourceStatus {
  const table = view.table ?? ''
  const facts = world.facts.get(view.name)
  const own = lapFinding(view.outcome, view)
  const lap = view.removing === true ? own : withTable(own, view, world.tables.get(table))
  const fetch = fetchFinding(view, facts, world)
  const overall = withSuspension(
    view,
    lap.state === 'ready' && (view.held === undefined || fetch.state !== 'ready') ? fetch : lap,
  )
  const conditions = [readyCondition(overall), condition('Reconciled', lap), condition('Fetched', fetch)]
  const { connection } = view
  const uses = { ...(connection === undefined ? {} : { connection }), table }
  return { ...status(view, overall, conditions), ...uses, ...numbers(view, table, facts, world) }
}

function status(view: ResourceView, finding: Finding, conditions: readonly Condition[]): ResourceStatus {
  const { kind, name, revision, at } = view
  return { kind, name, ...finding, revision, at, conditions }
}

/** What a source's status says in figures. */
function numbers(view: ResourceView, table: string, facts: RunFacts | undefined, world: World) {
  const rows = world.counts.get(`${table}/${view.name}`)
  const cursor = world.cursors.get(view.name)
  const next = view.suspended ? undefined : world.nextDue.get(view.name)
  return {
    ...(rows === undefined ? {} : { rows }),
    ...(facts?.lastRunAt === undefined ? {} : { lastRunAt: new Date(facts.lastRunAt).toISOString() }),
    ...(next === undefined ? {} : { nextRunAt: new Date(next).toISOString() }),
    attempts: facts?.attempt ?? 0,
    ...(facts?.lastError === undefined ? {} : { lastError: facts.lastError }),
    ...(cursor === undefined ? {} : { cursor }),
  }
}

function lapFinding(outcome: Outcome | undefined, view: ResourceView): Finding {
  if (view.removing === true && (outcome === undefined || outcome.state === 'ready')) {
    return { state: 'progressing', reason: 'Removing', message: 'Its manifest is gone; what it made is being removed.' }
  }
  if (view.unread === true) {
    const message = 'Its manifest has not been read since the start; this is what the database says of it.'
    return { state: 'progressing', reason: 'ManifestsUnread', message }
  }
  if (outcome === undefined) {
    return { state: 'progressing', reason: 'Reconciling', message: 'It has not been looked at yet.' }
  }
  if (view.held !== undefined && outcome.state === 'ready') {
    return {
      state: 'ready',
      reason: 'Held',
      message: `No manifest declares it now; it stays in force: ${sentence(view.held)}`,
    }
  }
  return outcomeFinding(outcome)
}

/** What waits for its table waits for what the table waits for. */
function withTable(own: Finding, { table = '', outcome }: ResourceView, ofTable: Outcome | undefined): Finding {
  const found = tableFinding(table, ofTable)
  const isBehind = outcome?.state === 'waiting' && outcome.on === `Table/${table}` && found.state === 'waiting'
  return isBehind ? found : worse(own, found)
}

function tableFinding(table: string, outcome: Outcome | undefined): Finding {
  if (outcome === undefined) {
    return { state: 'progressing', reason: 'Reconciling', message: `Table ${table} has not been looked at yet.` }
  }
  return outcomeFinding(outcome)
}

function outcomeFinding(outcome: Outcome): Finding {
  switch (outcome.state) {
    case 'ready':
      return { state: 'ready', reason: 'Reconciled', message: 'It is as its manifest says.' }
    case 'waiting':
      if (outcome.until !== undefined) return windowFinding('waiting', `A change waits`, outcome.until)
      return {
        state: 'waiting',
        reason: 'WaitingForResource',
        message: `It waits for ${outcome.on}, and goes on by itself once that is ready.`,
      }
    case 'retry':
      return { state: 'retrying', ...failure(outcome.error.code, outcome.error.message, outcome.error.fix) }
    case 'stalled':
      return { state: 'stalled', ...failure(outcome.error.code, outcome.error.message, outcome.error.fix) }
    case 'blocked':
      return {
        state: 'blocked',
        approval: outcome.approval,
        reason: reasonOf(outcome.error.code),
        message: `${sentence(outcome.error.message)} Look at \`hermes plan\`, then \`hermes approve ${outcome.approval}\`.`,
      }
    default:
      return outcome satisfies never
  }
}

function windowFinding(state: ResourceState, what: string, opensAt: number): Finding {
  const message = `${what} for its sync window, which ${opensText(opensAt)}.`
  return { state, reason: 'SyncWindow', message }
}

function fetchFinding({ name: source, opensAt }: ResourceView, facts: RunFacts | undefined, world: World): Finding {
  if (facts?.lastError !== undefined && facts.attempt > 0) {
    return failing(facts.lastError)
  }
  if (opensAt !== undefined && !world.running.has(source)) {
    return windowFinding('ready', 'Its fetches wait', opensAt)
  }
  if (facts?.lastRunAt !== undefined)
    return { state: 'ready', reason: 'Fetched', message: 'It is fetched on schedule.' }
  if (world.running.has(source)) return { state: 'progressing', reason: 'FirstFetch', message: 'Its first fetch runs.' }
  if (facts?.startedAt !== undefined) {
    return { state: 'progressing', reason: 'FetchInterrupted', message: 'Its first fetch was interrupted and goes on.' }
  }
  if ((world.nextDue.get(source) ?? 0) > world.now) {
    return { state: 'ready', reason: 'Scheduled', message: 'Its first fetch is scheduled.' }
  }
  return { state: 'progressing', reason: 'FirstFetch', message: 'Its first fetch is due.' }
}

/** Suspension wins over everything but a change that waits for approval. */
function withSuspension(view: ResourceView, finding: Finding): Finding {
  if (!view.suspended || finding.state === 'blocked') return finding
  return {
    state: 'suspended',
    reason: 'Suspended',
    message: `spec.suspend is true: nothing is done and nothing deleted until \`hermes resume ${view.kind}/${view.name}\`.`,
  }
}

const severity: readonly ResourceState[] = ['ready', 'progressing', 'waiting', 'retrying', 'stalled', 'blocked']

function worse(left: Finding, right: Finding): Finding {
  return severity.indexOf(right.state) > severity.indexOf(left.state) ? right : left
}

function readyCondition(finding: Finding): Condition {
  return condition('Ready', finding)
}

/** `Unknown` is for what is under way or put aside; `False` for what keeps the resource from working. */
function condition(type: string, finding: Finding): Condition {
  const open = finding.state === 'progressing' || finding.state === 'suspended'
  const holds = finding.state === 'ready' ? 'True' : open ? 'Unknown' : 'False'
  return { type, status: holds, reason: finding.reason, message: finding.message }
}

function failure(code: ErrorCode, message: string, fix: string): { reason: string; message: string } {
  return { reason: reasonOf(code), message: `${sentence(message)} ${fix}` }
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

/** `secret_missing` as `SecretMissing`. */
export function reasonOf(code: string): string {
  return code.replace(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

/** A code read back from the database may be of another version. */
function knownCode(code: string): ErrorCode {
  return Object.hasOwn(errorTable, code) ? (code as ErrorCode) : 'internal'
}
