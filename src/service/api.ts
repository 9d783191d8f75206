import type { BufferReport, BufferWatch } from '../buffer-report.ts'
import type { Problem } from '../manifest/manifest.ts'
import type { ManifestTree } from '../manifest/manifest-tree.ts'
import type { EventEntry } from '../observe/events.ts'
import type { ResourceStatus, StatusReport } from '../observe/status.ts'
import type { Plan } from '../reconcile/plan.ts'
import type { CaseReport } from '../test-report.ts'
import type { DeadLetterApi } from './dead-letter-api.ts'
import type { TapApi } from './tap-api.ts'

export type { EventEntry } from '../observe/events.ts'
export type { FlowStatus, ResourceStatus, StatusReport } from '../observe/status.ts'

/** What a write to the manifests came to. */
export interface WriteResult {
  /** The file that now holds (or held) the resource, relative to the manifests directory. */
  readonly file: string
  readonly key: string
  readonly action: 'added' | 'updated' | 'deleted' | 'unchanged'
  /** With a repository: the directory in it that `file` is relative to; empty for all of it. */
  readonly root?: string
}

export interface RunResult {
  readonly name: string
  readonly table: string
  readonly rows: number
  readonly pages: number
  readonly seconds: number
}

export interface RunProgress {
  readonly rows: number
  readonly pages: number
}

/** A manifest as it stands in its file. */
export interface ManifestView {
  readonly kind: string
  readonly name: string
  readonly file: string
  readonly line: number
  /** The document's YAML text. */
  readonly text: string
  /** `SourceDefinition/quotes`, when that document makes one for each element of a list. */
  readonly madeBy?: string
}

/** What `hermes export-state` writes and `hermes plan --state` reads; its other fields are the database's business. */
export interface StateDocument {
  readonly format: string
  readonly version: number
  readonly hermes: string
  /** When it was written, ISO 8601. */
  readonly time: string
}

/** Everything a client may ask of a running Hermes; served over HTTP and used in process alike. Errors are HermesErrors. */
export interface Api extends TapApi {
  status(): Promise<StatusReport>
  /** The plan for what the manifests say now, or for what those of `tree` would; nothing is changed. */
  plan(tree?: ManifestTree): Promise<Plan>
  /** What a plan needs to know of this place, to be planned against elsewhere; no row and no secret. */
  state(): Promise<StateDocument>
  manifests(): Promise<readonly ManifestView[]>
  /** Writes the documents of `text` (YAML or JSON) into the manifests directory after validating them. */
  add(text: string): Promise<readonly WriteResult[]>
  update(text: string): Promise<readonly WriteResult[]>
  delete(key: string): Promise<WriteResult>
  suspend(key: string, suspended: boolean): Promise<WriteResult>
  /**
   * Approves the change that a plan names by its hash, or with the hash of a plan all that this shows as blocked:
   * `approval_stale` when nothing waits for it, `plan_stale` when the plan has become another one.
   */
  approve(hash: string): Promise<readonly string[]>
  /** The first rows of a source's table; `not_found` without the source. */
  rows(source: string, limit: number): Promise<readonly Record<string, unknown>[]>
  /**
   * Reads the origin again and runs a lap over `keys` (all when absent); resolves when it is done. With the hash of a
   * plan nothing is done unless that is the plan: `plan_stale`.
   */
  reconcile(keys?: readonly string[], plan?: string): Promise<void>
  /** Fetches a source now, whatever its schedule says. */
  run(source: string, signal: AbortSignal, onProgress?: (progress: RunProgress) => void): Promise<RunResult>
  /** What happened lately, to one resource (`Kind/name`) or at all, the latest last; a service alone keeps it. */
  events(key?: string): Promise<readonly EventEntry[]>
  /** Where a table comes from; `not_found` for one that no source fills. */
  trace(table: string): Promise<Trace>
  readonly deadLetters: DeadLetterApi
}

/** A table, the sources that fill it, and the commits that brought these to what they are. */
export interface Trace {
  readonly table: string
  readonly sources: readonly TracedSource[]
}

/** One source as its status tells, with the commit of its revision where that is one and can be asked for. */
export interface TracedSource
  extends Pick<ResourceStatus, 'name' | 'state' | 'connection' | 'rows' | 'lastRunAt' | 'at' | 'revision'> {
  readonly commit?: CommitView
}

export interface CommitView {
  readonly id: string
  readonly author: string
  /** When it was written, ISO 8601 with the author's offset. */
  readonly date: string
  /** The first line of its message. */
  readonly subject: string
}

/** Something that went wrong with one resource. */
export interface Failure {
  readonly key: string
  readonly code: string
  readonly message: string
  readonly fix: string
}

/** What `hermes apply` came to. */
export interface ApplyReport {
  readonly revision: string
  /** What was changed, in the order it was. */
  readonly applied: readonly {
    readonly key: string
    readonly action: 'create' | 'change' | 'remove'
    readonly steps: number
  }[]
  readonly unchanged: number
  /** What waits for `hermes approve`. */
  readonly blocked: readonly { readonly key: string; readonly approval: string; readonly message: string }[]
  /** What waits for another resource, or for its window to open: ISO 8601. */
  readonly waiting: readonly { readonly key: string; readonly on?: string; readonly opensAt?: string }[]
  readonly failed: readonly Failure[]
  /** The fetches that were due; empty without `run`. */
  readonly runs: readonly RunResult[]
  readonly problems: readonly Problem[]
}

/** Where an apply stands: laps first, then the fetches that are due. */
export type ApplyProgress =
  | { readonly phase: 'reconcile'; readonly done: number; readonly total: number }
  | ({ readonly phase: 'fetch'; readonly source: string; readonly done: number; readonly total: number } & RunProgress)

/** One page of a source, and the table it would make. */
export interface Preview {
  readonly name: string
  readonly table: string
  /** Name and type (`numeric(10,2)`), in the order of the table; inferred where not declared. */
  readonly columns: readonly { readonly name: string; readonly type: string; readonly inferred: boolean }[]
  /** The first rows, by column name. */
  readonly rows: readonly Record<string, unknown>[]
  /** Records on the page. */
  readonly records: number
}

export interface ValidateReport {
  readonly files: number
  readonly manifests: number
  readonly problems: readonly Problem[]
  /** What a person should know though nothing is wrong. */
  readonly warnings: readonly Problem[]
}

/** A file buffer: of a workflow, or in a directory. */
export type BufferChoice = { readonly workflow: string } | { readonly dir: string }

/** Which tests of workflows are run. */
export interface TestChoice {
  /** Files and directories, absolute; the manifests directory when empty. */
  readonly paths: readonly string[]
  /** What places are relative to, absolute. */
  readonly root: string
  /** Only cases whose `test/case` has this in it; `*` stands for anything. */
  readonly pattern?: string
}

export interface TestProgress {
  readonly done: number
  readonly total: number
}

/** What `hermes test` came to. */
export interface TestReport {
  /** Of tests. */
  readonly files: number
  /** Those that were run, in the order of files and documents. */
  readonly cases: readonly CaseReport[]
  /** What kept tests from being run. */
  readonly problems: readonly Problem[]
}

/** One readiness check; `run` throws when it does not hold, and may give a word on how it does. */
export interface Check {
  readonly name: string
  /** Whether a failure takes the service out of rotation (503); others only inform. */
  readonly gates: boolean
  run(signal: AbortSignal): Promise<string | void>
}

/** A built Hermes: everything but the process around it. `openHermes` of `hermes.ts` makes one. */
export interface Hermes extends AsyncDisposable {
  readonly api: Api
  /**
   * Opens the service (`startService`) first, so that a second one on the same data directory is refused before it does
   * anything, then runs the loop, the scheduler and the workers. Aborting `stop` drains, `abort` gives up;
   * resolves when all is closed. `onReady` is called once it listens, with where that is on TCP.
   */
  serve(
    signals: { readonly stop: AbortSignal; readonly abort: AbortSignal },
    onReady: (listening: { readonly http?: { readonly host: string; readonly port: number } }) => void,
  ): Promise<void>
  /** Reconciles once, and with `run` fetches what is due. With `plan`, only if that is the hash of the plan: `plan_stale`. */
  apply(
    options: { readonly run: boolean; readonly plan?: string },
    signal: AbortSignal,
    onProgress?: (progress: ApplyProgress) => void,
  ): Promise<ApplyReport>
  /**
   * All problems of a file or directory; of the manifests directory when absent. Places are relative to the directory,
   * or to the one that the file is in. Touches no database.
   */
  validate(path?: string): Promise<ValidateReport>
  /** The manifest files below a directory, to be planned elsewhere, and all problems in them. Touches no database. */
  readTree(directory: string): Promise<{ readonly tree: ManifestTree; readonly problems: readonly Problem[] }>
  /** Fetches one page of a source in `file` and writes nothing. */
  preview(
    file: string,
    options: { readonly name?: string; readonly limit: number },
    signal: AbortSignal,
  ): Promise<Preview>
  /**
   * What a file buffer holds, by its files: beside a service that has it open as well. With `verify` every payload is read
   * and checked. Throws `buffer_absent`, `not_found` for a workflow that nobody declares, `buffer_damaged` for files that
   * cannot be read. Touches no database.
   */
  buffer(which: BufferChoice, verify: boolean, watch?: BufferWatch): Promise<BufferReport>
  /**
   * Runs tests of workflows: each between its source and its sinks, neither of which is opened. The workflows are those of
   * the manifests directory. Touches no database, no network and no secret. Throws `not_found` where there are no tests.
   */
  test(choice: TestChoice, signal: AbortSignal, onProgress?: (progress: TestProgress) => void): Promise<TestReport>
  /** `text` with the secrets' values taken out; for logs. */
  mask(text: string): string
}

/** How `openHermes(config, parts)` is told what differs between commands. */
export interface HermesOptions {
  /** The command only looks: without a database none is created, and an absent one counts as empty. */
  readonly readOnly?: boolean
  /** What stands in for the database: one that nothing was ever made in, or the text of a state that was exported. */
  readonly world?: 'empty' | { readonly state: string }
}
