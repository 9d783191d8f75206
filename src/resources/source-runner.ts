import type { Clock } from '../clock.ts'
import { HermesError, toHermesError } from '../errors.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { isDenied, never, opensAt } from '../manifest/sync-window.ts'
import type { RunFacts, Store } from '../store/store.ts'
import type { Log } from '../stream/connector.ts'
import { dueAt, type NextCron } from '../stream/schedule.ts'
import { type RunReport, Scheduler } from '../stream/scheduler.ts'
import type { FetchReport, FetchSignals, FetchSubject } from './fetch.ts'
import type { SourceSpec } from './source-spec.ts'
import { viewOf } from './source-view.ts'

export interface SourceRunnerOptions {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  readonly nextCron: NextCron
  readonly concurrency: number
  /** How many fetches a Connection takes at once. */
  readonly laneLimit: (connection: string | undefined) => number
  /** Whether a source is fetched with other secrets now than those of the mark. */
  readonly hasOtherSecrets: (source: Manifest<SourceSpec>, mark: string) => boolean
  readonly fetch: (subject: FetchSubject, signals: FetchSignals) => Promise<FetchReport>
  /** Called after every run. */
  readonly onRun: (name: string, report: FetchReport) => void
}

/**
 * Runs the sources that are in force, when they are due. What it knows is rebuilt from manifests, data tables and
 * `hermes_retries`: it may be thrown away at any moment.
 */
export class SourceRunner implements AsyncDisposable {
  readonly #options: SourceRunnerOptions
  readonly #subjects = new Map<string, FetchSubject>()
  /** Names of sources by their table. */
  readonly #byTable = new Map<string, Set<string>>()
  readonly #watchers = new Map<string, Set<(progress: { rows: number; pages: number }) => void>>()
  readonly #reports = new Map<string, FetchReport>()
  /** What those need that failed may be there since their last run began. */
  readonly #mended = new Set<string>()
  /** How many runs of a source have ended. */
  readonly #ended = new Map<string, number>()
  readonly #scheduler: Scheduler

  constructor(options: SourceRunnerOptions) {
    this.#options = options
    this.#scheduler = new Scheduler({
      clock: options.clock,
      concurrency: options.concurrency,
      run: (name, stop) => this.#run(name, stop),
    })
  }

  start(): void {
    this.#scheduler.start()
  }

  get running(): number {
    return this.#scheduler.running
  }

  get backlog(): number {
    return this.#scheduler.backlog
  }

  isRunning(name: string): boolean {
    return this.#scheduler.isRunning(name)
  }

  dueAt(name: string): number | undefined {
    return this.#scheduler.dueAt(name)
  }

  subjects(): readonly FetchSubject[] {
    return [...this.#subjects.values()]
  }

  /** Takes sources up, or up again as changed. */
  async put(subjects: readonly FetchSubject[]): Promise<void> {
    for (const subject of subjects) {
      const { name } = subject.manifest
      this.#leaveTable(name)
      this.#subjects.set(name, subject)
      const { table } = viewOf(subject.manifest)
      const others = this.#byTable.get(table)
      if (others === undefined) this.#byTable.set(table, new Set([name]))
      else others.add(name)
    }
    await this.#place(subjects)
  }

  /** Lets a source go, before its rows are moved or deleted too; resolves when its run has ended. */
  async remove(name: string): Promise<void> {
    this.#leaveTable(name)
    this.#subjects.delete(name)
    this.#reports.delete(name)
    this.#mended.delete(name)
    await this.#scheduler.remove(name)
    if (!this.#subjects.has(name)) this.#ended.delete(name)
  }

  /** Derives due times again, all or those of the sources of these tables: the data may have changed behind our back. */
  async evaluate(tables?: ReadonlySet<string>): Promise<void> {
    const names = tables === undefined ? this.#subjects.keys() : [...tables].flatMap((each) => this.#namesOf(each))
    const chosen = [...names].flatMap((name) => this.#subjects.get(name) ?? [])
    if (chosen.length > 0) await this.#place(chosen)
  }

  /** Has those of the sources that failed tried at once, and tried again what fails of the runs under way. */
  async retry(names: Iterable<string>): Promise<void> {
    const subjects = [...names].flatMap((name) => this.#subjects.get(name) ?? [])
    for (const { manifest } of subjects) this.#mended.add(manifest.name)
    if (subjects.length > 0) await this.#place(subjects)
  }

  /**
   * Fetches a source now and tells what became of it; `not_in_force` for one that is not in force yet,
   * `sync_window_denied` for one that must not be fetched now.
   */
  async runNow(name: string, onProgress?: (progress: { rows: number; pages: number }) => void): Promise<FetchReport> {
    const subject = this.#subjects.get(name)
    if (subject === undefined) throw notYet(name)
    refuseDenied(subject.manifest, this.#options.clock.now())
    const watchers = this.#watchers.get(name) ?? new Set()
    this.#watchers.set(name, watchers)
    if (onProgress !== undefined) watchers.add(onProgress)
    try {
      await this.#scheduler.runNow(name)
      const report = this.#reports.get(name)
      if (report === undefined) throw new HermesError('not_found', `source ${name} was removed while it ran`)
      return report
    } finally {
      if (onProgress !== undefined) watchers.delete(onProgress)
      if (watchers.size === 0) this.#watchers.delete(name)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scheduler[Symbol.asyncDispose]()
  }

  #namesOf(table: string): readonly string[] {
    return [...(this.#byTable.get(table) ?? [])]
  }

  #leaveTable(name: string): void {
    const subject = this.#subjects.get(name)
    if (subject === undefined) return
    const { table } = viewOf(subject.manifest)
    const names = this.#byTable.get(table)
    names?.delete(name)
    if (names?.size === 0) this.#byTable.delete(table)
  }

  /**
   * A source that failed before its manifest, or something else that it needs, changed is tried at once. What was found
   * out before a run ended says nothing about the time after it: by that the source would be fetched twice.
   */
  async #place(subjects: readonly FetchSubject[]): Promise<void> {
    const before = new Map(subjects.map(({ manifest: { name } }) => [name, this.#ended.get(name)]))
    const outdated: FetchSubject[] = []
    const places = subjects.map(({ manifest }) => ({ source: manifest.name, table: viewOf(manifest).table }))
    const facts = await this.#options.store.runs.facts(places)
    for (const subject of subjects) {
      const { name, hash } = subject.manifest
      if (this.#subjects.get(name) !== subject) continue
      if (this.#ended.get(name) !== before.get(name)) {
        outdated.push(subject)
        continue
      }
      const view = viewOf(subject.manifest)
      const history: RunFacts = facts.get(name) ?? { attempt: 0 }
      const lane = view.connection ?? ''
      const due = dueAt(
        { name, schedule: view.schedule, registeredAt: subject.registeredAt },
        history,
        this.#options.nextCron,
      )
      const isChanged = history.spec !== undefined && history.spec !== hash
      const mended = history.attempt > 0 && (isChanged || this.#mended.has(name) || this.#isRotated(subject, history))
      const { priority = 0 } = subject.manifest.spec
      const laneLimit = this.#options.laneLimit(view.connection)
      this.#scheduler.set({ name, lane, laneLimit, priority }, this.#withinWindow(subject, mended ? 0 : due))
    }
    if (outdated.length > 0) await this.#place(outdated)
  }

  /** Whether it failed with other secrets than there are now, be it in the process before this one. */
  #isRotated({ manifest }: FetchSubject, { secrets }: RunFacts): boolean {
    return secrets !== undefined && this.#options.hasOtherSecrets(manifest, secrets)
  }

  /** When a source that is due then may be fetched by itself. */
  #withinWindow({ manifest }: FetchSubject, due: number | undefined): number | undefined {
    if (due === undefined) return undefined
    const from = Math.max(due, this.#options.clock.now())
    const opens = opensAt(manifest.spec.syncWindow, from)
    return opens === from ? due : dueWhen(opens)
  }

  /** One run; never throws: a scheduler that loses a worker to an error would stop in the end. */
  async #run(name: string, stop: AbortSignal): Promise<RunReport> {
    const subject = this.#subjects.get(name)
    if (subject === undefined) return { nextDueAt: undefined }
    // It may have been due for so long that its window closed meanwhile.
    const now = this.#options.clock.now()
    const opens = this.#watchers.has(name) ? now : opensAt(subject.manifest.spec.syncWindow, now)
    if (opens > now) return { nextDueAt: dueWhen(opens) }
    const onProgress = (progress: { rows: number; pages: number }) => {
      for (const watcher of this.#watchers.get(name) ?? []) watcher(progress)
    }
    this.#mended.delete(name)
    try {
      const report = await this.#options.fetch(subject, { stop, onProgress })
      this.#reports.set(name, report)
      this.#options.onRun(name, report)
      const retryAfterMs = report.error?.retryAfterMs
      const again = report.outcome === 'failed' && this.#mended.has(name)
      return {
        nextDueAt: this.#withinWindow(subject, again ? 0 : report.nextDueAt),
        ...(retryAfterMs === undefined ? {} : { laneHeldUntil: this.#options.clock.now() + retryAfterMs }),
      }
    } catch (thrown) {
      this.#options.log.error({ source: name, error: toHermesError(thrown) }, 'run failed unexpectedly')
      return { nextDueAt: this.#options.clock.now() + UNEXPECTED_PAUSE_MS }
    } finally {
      this.#ended.set(name, (this.#ended.get(name) ?? 0) + 1)
    }
  }
}

/** What never may be fetched is not due. */
function dueWhen(opens: number): number | undefined {
  return opens === never ? undefined : opens
}

function notYet(name: string): HermesError {
  const fix = `See what keeps it with \`hermes-status SourceDefinition/${name}\`.`
  return new HermesError('not_in_force', `source ${name} is not in force yet`, { fix })
}

const UNEXPECTED_PAUSE_MS = 30_000

/** Throws `sync_window_denied` while a deny window of the source covers the moment. */
export function refuseDenied(source: Manifest<SourceSpec>, now: number): void {
  const { name, spec } = source
  if (!isDenied(spec.syncWindow, now)) return
  const opens = opensAt({ deny: spec.syncWindow?.deny ?? [] }, now)
  const when = opens === never ? 'at any time' : `before ${new Date(opens).toISOString()}`
  throw new HermesError('sync_window_denied', `${name} must not be fetched ${when}`, {
    at: source.locate('spec.syncWindow.deny'),
  })
}

/** Throws `suspended` for a source that a person stopped. */
export function refuseSuspended(source: Manifest<SourceSpec>): void {
  const { name, spec, generated } = source
  if (!spec.suspend) return
  throw new HermesError('suspended', `source ${name} is suspended: it is not fetched`, {
    at: source.locate('spec.suspend'),
    fix: `Take it up again with \`hermes resume ${generated?.by ?? `SourceDefinition/${name}`}\`.`,
  })
}
