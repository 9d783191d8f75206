import { type Key, keyOf, type Manifest } from '../manifest/manifest.ts'
import type { Controller, Subject } from './controller.ts'
import { type Claim, claimsOf, type LedgerEntry, newestClaim } from './ledger.ts'

/** The controllers by kind. */
export type Kinds = ReadonlyMap<string, Controller>

export type Entries = ReadonlyMap<Key, LedgerEntry>

/** What is to become of one resource. */
export interface Wanted {
  readonly key: Key
  readonly kind: string
  readonly name: string
  /** Absent when it is to be removed. */
  readonly desired?: Manifest
  /** What must be ready before it. */
  readonly references: readonly Key[]
  /** The higher goes first; 0 when absent. */
  readonly priority?: number
  /** Why it stays in force though no manifest declares it now. */
  readonly held?: string
  readonly takesFrom?: Key
  readonly takenBy?: Key
}

/** What a controller is asked about one resource, from what is wanted and what the ledger knows. */
export function subjectOf(wanted: Wanted, entries: Entries): Subject<unknown> {
  const { desired, takesFrom, takenBy } = wanted
  const entry = entries.get(wanted.key)
  const source = takesFrom === undefined ? undefined : entries.get(takesFrom)
  // Every lap makes one for every resource: filled in field by field, which costs a fraction of spreading.
  const subject: Draft<Subject<unknown>> = { name: wanted.name, claims: claimsWith(entry, desired) }
  if (desired !== undefined) subject.desired = desired
  if (entry?.settled !== undefined) subject.settled = entry.settled
  if (source !== undefined) subject.takesFrom = { name: source.name, claims: claimsOf(source) }
  if (takenBy !== undefined) subject.takenBy = takenBy.slice(wanted.kind.length + 1)
  return subject
}

type Draft<T> = { -readonly [Field in keyof T]: T[Field] }

/** The claims of an entry once `manifest` is put: what a preview has to assume. */
function claimsWith(entry: LedgerEntry | undefined, manifest: Manifest | undefined): readonly Claim[] {
  const claims = entry === undefined ? [] : claimsOf(entry)
  if (manifest === undefined || claims.at(-1)?.hash === manifest.hash) return claims
  return [...claims, { hash: manifest.hash, spec: manifest.spec }]
}

/** Whether the ledger says that the world was brought to exactly what is desired, and nothing was begun since. */
export function isSettled(wanted: Wanted, entry: LedgerEntry | undefined): boolean {
  return entry !== undefined && entry.intents.length === 0 && entry.settled?.hash === wanted.desired?.hash
}

/** The ledger's last word on a resource, as if it were still declared. */
export function heldManifest(entry: LedgerEntry): Manifest | undefined {
  const claim = newestClaim(entry)
  if (claim === undefined) return undefined
  const { kind, name, at } = entry
  const written = { labels: {}, annotations: {}, spec: claim.spec, at, locate: () => at }
  return { key: keyOf(entry), kind, name, ...written, hash: claim.hash }
}
