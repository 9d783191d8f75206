import type { Clock } from '../clock.ts'
import { openMemoryBuffer } from '../connectors/buffers/memory.ts'
import { tableSink } from '../connectors/sinks/table.ts'
import { HermesError, toHermesError } from '../errors.ts'
import type { Manifest } from '../manifest/manifest.ts'
import type { Column } from '../store/column-type.ts'
import type { Run, Runs, RunTarget } from '../store/store.ts'
import type { Log, Tables } from '../stream/connector.ts'
import { directBranch } from '../stream/direct-branch.ts'
import { runPipeline } from '../stream/pipeline.ts'
import { type NextCron, nextTurn, retryDelayMs } from '../stream/schedule.ts'
import { contextFor, type OpenSourceParts, openSource } from './open-source.ts'
import type { SourceSpec } from './source-spec.ts'
import { type SourceView, viewOf } from './source-view.ts'

/** A source that may be fetched: its manifest, and when it was first declared. */
export interface FetchSubject {
  readonly manifest: Manifest<SourceSpec>
  readonly registeredAt: number
  /** What all sources of its table declare together; its own columns alone when absent. */
  readonly tableColumns?: readonly Column[]
}

export interface FetchParts {
  readonly runs: Runs
  readonly clock: Clock
  readonly log: Log
  readonly nextCron: NextCron
  readonly openSource: OpenSourceParts
  /** The mark of the secrets that a source is fetched with; undefined without any. */
  readonly secretsMark: (source: Manifest<SourceSpec>) => string | undefined
}

export interface FetchSignals {
  /** Ends after the page in hand; the run stays unfinished and is taken up again where it stopped. */
  readonly stop: AbortSignal
  readonly onProgress?: (progress: { rows: number; pages: number }) => void
}

/** What became of one fetch. */
export interface FetchReport {
  readonly outcome: 'finished' | 'interrupted' | 'failed'
  readonly startedAt: number
  readonly rows: number
  readonly pages: number
  readonly ms: number
  readonly nextDueAt: number | undefined
  readonly error?: HermesError
  /** Whether the table's shape changed: its indexes may want a lap. */
  readonly evolved: boolean
}

/** A run that came back empty is not asked again at once, even by a source that fetches continuously. */
const EMPTY_PAUSE_MS = 1_000

/** A run that could not begin counts no attempts; it waits as if it were the third. */
const UNBEGUN_ATTEMPT = 3

/** How long a source without a schedule waits after an error that a person has to mend. */
const STALLED_PAUSE_MS = 60 * 60_000

/**
 * Fetches a source once: begins the run, streams its pages into the table and commits or records the failure.
 * Invariant 4: until `finish`, nothing says that this run has been.
 */
export async function fetchSource(
  parts: FetchParts,
  subject: FetchSubject,
  signals: FetchSignals,
): Promise<FetchReport> {
  const began = parts.clock.now()
  const progress = { rows: 0, pages: 0 }
  const secrets = parts.secretsMark(subject.manifest)
  let run: Run | undefined
  try {
    run = await parts.runs.begin(runTarget(subject), began)
    await transfer(parts, subject.manifest, run, signals, progress)
    const report = { startedAt: run.startedAt, ...progress, ms: parts.clock.now() - began, evolved: run.evolved }
    if (signals.stop.aborted) return { outcome: 'interrupted', ...report, nextDueAt: run.startedAt }
    const pauseEnd = parts.clock.now() + EMPTY_PAUSE_MS
    await run.finish(pauseEnd)
    return { outcome: 'finished', ...report, nextDueAt: dueAfter(parts, subject, run, pauseEnd) }
  } catch (thrown) {
    const error = toHermesError(thrown)
    const nextDueAt = await recordFailure(parts, subject, { run, error, secrets })
    const report = { startedAt: run?.startedAt ?? began, ...progress, ms: parts.clock.now() - began }
    return { outcome: 'failed', ...report, nextDueAt, error, evolved: run?.evolved ?? false }
  } finally {
    await run?.[Symbol.asyncDispose]()
  }
}

async function transfer(
  parts: FetchParts,
  manifest: Manifest<SourceSpec>,
  run: Run,
  signals: FetchSignals,
  progress: { rows: number; pages: number },
): Promise<void> {
  const variables = { startedAt: run.startedAt, ...(run.cursor === undefined ? {} : { cursor: run.cursor }) }
  const tables: Tables = { writer: () => ({ write }) }
  const view = viewOf(manifest)
  async function write(records: readonly unknown[], position: unknown, signal: AbortSignal): Promise<void> {
    if (progress.pages === 0) requireCursorField(view, records)
    await run.write(records, position, signal)
    progress.rows += records.length
    progress.pages += 1
    signals.onProgress?.(progress)
  }
  const context = await contextFor(parts.openSource, manifest, variables, tables)
  await using source = await openSource(parts.openSource, manifest, variables, context)
  await using buffer = openMemoryBuffer(READ_AHEAD)
  await using sink = await tableSink.open({}, context)
  const never = new AbortController().signal
  const branches = [directBranch(sink)]
  await runPipeline({ source, from: run.resumeFrom, buffer, branches, stop: signals.stop, signal: never })
}

/** Without its field no cursor is ever found, and every fetch would bring everything again. */
function requireCursorField({ cursorField, columns, cursor }: SourceView, records: readonly unknown[]): void {
  if (cursorField === undefined || records.length === 0) return
  if (columns.some(({ name, from }) => name === cursor && from !== undefined && from !== cursorField)) return
  const isThere = records.some((each) => typeof each === 'object' && each !== null && Object.hasOwn(each, cursorField))
  if (isThere) return
  const [first] = records
  const fields = typeof first === 'object' && first !== null ? Object.keys(first).slice(0, SHOWN_FIELDS).join(', ') : ''
  const what = `none of the ${records.length} records on the first page has the incremental column ${cursorField}`
  throw new HermesError('cursor_missing', `${what}; the first has ${fields}`)
}

const SHOWN_FIELDS = 12

/** Pages in memory at once: one being written, one waiting, one being read. */
const READ_AHEAD = { batches: 2, messages: 4_000 }

function runTarget({ manifest, tableColumns = [] }: FetchSubject): RunTarget {
  const view = viewOf(manifest)
  const own = new Set(view.columns.map(({ name }) => name))
  return {
    source: manifest.name,
    table: view.table,
    columns: view.columns,
    othersColumns: tableColumns.filter(({ name }) => !own.has(name)),
    key: view.key,
    write: view.write,
    evolve: view.evolve,
    ...(view.cursor === undefined ? {} : { cursor: view.cursor }),
    spec: manifest.hash,
  }
}

function dueAfter(
  parts: FetchParts,
  { manifest, registeredAt }: FetchSubject,
  run: Run,
  pauseEnd: number,
): number | undefined {
  const view: SourceView = viewOf(manifest)
  const turn = nextTurn({ name: manifest.name, schedule: view.schedule, registeredAt }, run.startedAt, parts.nextCron)
  if (turn === undefined || run.rows > 0) return turn
  return Math.max(turn, pauseEnd)
}

interface Failure {
  /** Undefined when it could not even begin. */
  readonly run: Run | undefined
  readonly error: HermesError
  readonly secrets: string | undefined
}

/** Writes down what failed and when to try again; undefined when even that could not be written. */
async function recordFailure(
  parts: FetchParts,
  subject: FetchSubject,
  { run, error, secrets }: Failure,
): Promise<number> {
  const notBefore = retryAt(parts, subject, run, error)
  if (run === undefined) return notBefore
  // A position that leads to a refusal is given up: the next attempt starts from the beginning.
  const discard = error.next === 'stalled'
  try {
    await run.fail({ code: error.code, message: error.message }, notBefore, {
      discard,
      ...(secrets === undefined ? {} : { secrets }),
    })
  } catch (cause) {
    parts.log.warn({ source: subject.manifest.name, error: toHermesError(cause) }, 'failure not recorded')
  }
  return notBefore
}

function retryAt(parts: FetchParts, subject: FetchSubject, run: Run | undefined, error: HermesError): number {
  const now = parts.clock.now()
  if (error.next === 'retry') {
    const delay = retryDelayMs(run?.attempt ?? UNBEGUN_ATTEMPT, Math.random())
    return now + Math.max(delay, error.retryAfterMs ?? 0)
  }
  if (run?.resumeFrom !== undefined) return now
  const { manifest, registeredAt } = subject
  const turn = nextTurn({ name: manifest.name, schedule: viewOf(manifest).schedule, registeredAt }, now, parts.nextCron)
  return Math.max(turn ?? now + STALLED_PAUSE_MS, now + retryDelayMs(run?.attempt ?? 1, 1))
}
