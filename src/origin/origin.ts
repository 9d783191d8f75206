import type { Manifest, Problem } from '../manifest/manifest.ts'
import type { SecretFile } from '../manifest/secret-file.ts'

/** Everything an origin holds at one moment; whole, never a delta. */
export interface Snapshot {
  /** What was read: `sha256:<hex>` over the content of a directory, later `branch@sha1:<id>`. Equal content, equal revision. */
  readonly revision: string
  readonly manifests: readonly Manifest[]
  readonly problems: readonly Problem[]
  /** Files that could not be read or hold a problem. What they declared before stays in force and is not pruned. */
  readonly brokenFiles: ReadonlySet<string>
  /** Files that are well and declare nothing, such as a manifest with an empty list; absent without any. */
  readonly empty?: readonly string[]
  /** What is there of files of secrets; absent without any. */
  readonly secrets?: readonly SecretFile[]
  /** False when a part of the origin could not be read: nothing may be pruned from it. */
  readonly complete: boolean
}

/** Who changed what, and when. */
export interface Commit {
  readonly id: string
  readonly author: string
  /** When it was written, ISO 8601 with the author's offset. */
  readonly date: string
  /** The first line of its message. */
  readonly subject: string
}

/** Where manifests are read from. */
export interface Origin extends AsyncDisposable {
  /** Yields the present snapshot first, then one after each settled change, until `signal` aborts. */
  snapshots(signal: AbortSignal): AsyncIterable<Snapshot>
  /** Reads once. */
  read(signal: AbortSignal): Promise<Snapshot>
  /** Asks for a fresh read soon: the watcher may have missed something. */
  wake(): void
  /** The commits of revisions, by revision; without those that cannot be told. Absent where no revision is a commit. */
  commitsOf?(revisions: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Commit>>
}
