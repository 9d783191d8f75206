import type { Key, Manifest, Problem } from '../manifest/manifest.ts'
import type { Snapshot } from '../origin/origin.ts'
import type { Guard } from './guard.ts'
import type { Held } from './plan.ts'
import type { Entries, Kinds, Wanted } from './subject.ts'

/** Annotation with the former name of a resource whose data this one takes over. */
export const movedFromAnnotation = 'hermes/moved-from'

/** Adds what the manifests imply (a table per table name …) to what they declare. Pure; the same set, the same answer. */
export type Derive = (manifests: readonly Manifest[], snapshot: Snapshot) => readonly Manifest[]

/** A snapshot against the ledger: everything that is wanted, and what may not go yet. */
export interface Target {
  readonly revision: string
  readonly problems: readonly Problem[]
  readonly wanted: ReadonlyMap<Key, Wanted>
  readonly held: readonly Held[]
  /** Who refers to a key. */
  readonly dependents: ReadonlyMap<Key, readonly Key[]>
  /** Hashes that annotations approve. */
  readonly approvals: ReadonlySet<string>
  readonly guard?: Guard
  /** All that differs from the target before; absent where that is not known. */
  readonly edits?: readonly Wanted[]
  /** What it was made of, where that is nothing but manifests as they stand: none held, moved or approved, nothing to go. */
  readonly plain?: Plain
}

export interface Plain {
  readonly declared: readonly Manifest[]
  /** With what these imply. */
  readonly derived: readonly Manifest[]
}

export interface TargetInput {
  readonly snapshot: Snapshot
  readonly entries: Entries
  readonly kinds: Kinds
  readonly derive: Derive
  /** The target in force: what did not change since is taken over from it as it is. */
  readonly before?: Target
}
