import type { Problem } from '../manifest/manifest.ts'
import type { StatusReport } from '../observe/status.ts'
import type { Plan } from '../reconcile/plan.ts'

export type { ResourceStatus, StatusReport } from '../observe/status.ts'

/** What a write to the manifests came to. */
export interface WriteResult {
  /** The file that now holds (or held) the resource, relative to the manifests directory. */
  readonly file: string
  readonly key: string
  readonly action: 'added' | 'updated' | 'deleted' | 'unchanged'
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
}

/** Everything a client may ask of a running Hermes; served over HTTP and used in process alike. Errors are HermesErrors. */
export interface Api {
  status(): Promise<StatusReport>
  /** The plan for what the manifests say now; nothing is changed. */
  plan(): Promise<Plan>
  manifests(): Promise<readonly ManifestView[]>
  /** Writes the documents of `text` (YAML or JSON) into the manifests directory after validating them. */
  add(text: string): Promise<readonly WriteResult[]>
  update(text: string): Promise<readonly WriteResult[]>
  delete(key: string): Promise<WriteResult>
  suspend(key: string, suspended: boolean): Promise<WriteResult>
  approve(hash: string): Promise<readonly string[]>
  /** The first rows of a source's table; `not_found` without the source. */
  rows(source: string, limit: number): Promise<readonly Record<string, unknown>[]>
  /** Reads the origin again and runs a lap over `keys` (all when absent); resolves when it is done. */
  reconcile(keys?: readonly string[]): Promise<void>
  /** Fetches a source now, whatever its schedule says. */
  run(source: string, signal: AbortSignal, onProgress?: (progress: RunProgress) => void): Promise<RunResult>
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
  /** Reconciles once, and with `run` fetches what is due. */
  apply(
    options: { readonly run: boolean },
    signal: AbortSignal,
    onProgress?: (progress: ApplyProgress) => void,
  ): Promise<ApplyReport>
  /**
   * All problems of a file or directory; of the manifests directory when absent. Places are relative to the directory,
   * or to the one that the file is in. Touches no database.
   */
  validate(path?: string): Promise<ValidateReport>
  /** Fetches one page of a source in `file` and writes nothing. */
  preview(
    file: string,
    options: { readonly name?: string; readonly limit: number },
    signal: AbortSignal,
  ): Promise<Preview>
  /** `text` with the secrets' values taken out; for logs. */
  mask(text: string): string
}

/** How `openHermes(config, parts)` is told what differs between commands. */
export interface HermesOptions {
  /** The command only looks: without a database none is created, and an absent one counts as empty. */
  readonly readOnly?: boolean
}
