import type { Key, Manifest } from '../manifest/manifest.ts'
import type { FindLists } from './lists.ts'

/** What a write to the manifests came to. */
export interface ManifestWrite {
  /** The file that now holds (or held) the resource, relative to the root. */
  readonly file: string
  readonly key: Key
  readonly action: 'added' | 'updated' | 'deleted' | 'unchanged'
}

/** A manifest file that is about to change. Saving or deleting it throws `file_changed` when somebody else changed it. */
export interface OpenManifest {
  /** Relative to the root. */
  readonly file: string
  readonly text: string
  save(text: string): Promise<void>
  delete(): Promise<void>
}

/** The manifests as they stand, and the files that hold them. */
export interface FilesAtHand {
  readonly manifests: readonly Manifest[]
  readonly findLists: FindLists
  /** Throws `request_invalid` for a file that is not to be changed here. */
  open(file: string): Promise<OpenManifest>
  /** False when one of that name exists; it is left alone. */
  create(file: string, text: string): Promise<boolean>
}

/** A change of manifests: reads and validates first, then writes. It may run again, on what somebody else made of them. */
export interface ManifestChange {
  /** What it does to the resources that it writes, for people who read history. */
  readonly verb: 'Add' | 'Update' | 'Delete' | 'Suspend' | 'Resume'
  run(files: FilesAtHand): Promise<readonly ManifestWrite[]>
}

/** Where manifests are kept. */
export interface ManifestPlace {
  /** Carries a change out and resolves when it lasts. Errors are HermesErrors. */
  change(change: ManifestChange): Promise<readonly ManifestWrite[]>
}
