import type { Location } from '../errors.ts'
import type { Key, Manifest } from '../manifest/manifest.ts'

/** One spec that Hermes took responsibility for. */
export interface Claim<Spec = unknown> {
  readonly hash: string
  readonly spec: Spec
}

/** What the ledger knows of one resource. */
export interface LedgerEntry<Spec = unknown> {
  readonly kind: string
  readonly name: string
  /** Where it was last declared. */
  readonly at: Location
  /** The revision that last claimed it. */
  readonly revision: string
  /** When it was first claimed, milliseconds since the epoch. */
  readonly registeredAt: number
  /** What the world was last brought to; absent until the first lap succeeded. */
  readonly settled?: Claim<Spec>
  /** Claims since then, oldest first: intents that may have been carried out in part. */
  readonly intents: readonly Claim<Spec>[]
  /** What a person approved for this resource: a token of `approval.ts`. */
  readonly approved?: string
}

/** What Hermes has taken responsibility for. Invariant 1: nothing is created that the ledger does not know. */
export interface Ledger {
  entries(): Promise<readonly LedgerEntry[]>
  /**
   * Records the intent of each manifest, durably, before its first step runs. One whose hash equals the newest claim
   * of its entry adds no claim: it renews place and revision only.
   */
  put(manifests: readonly Manifest[], revision: string): Promise<void>
  /**
   * The world equals the newest intent of each key: it becomes the settled claim, older ones are forgotten, and so is
   * an approval: it is used up.
   */
  settle(keys: readonly Key[]): Promise<void>
  /** Erases entries after their last step. */
  delete(keys: readonly Key[]): Promise<void>
  /** Stores `token` (a line of text) as what a person approved for each key. */
  approve(keys: readonly Key[], token: string): Promise<void>
}

/** The claim made last; an entry always has one. */
export function newestClaim<Spec>(entry: LedgerEntry<Spec>): Claim<Spec> | undefined {
  return entry.intents.at(-1) ?? entry.settled
}

/** Everything that may exist in the world because of an entry, oldest first. */
export function claimsOf<Spec>(entry: LedgerEntry<Spec>): readonly Claim<Spec>[] {
  return entry.settled === undefined ? entry.intents : [entry.settled, ...entry.intents]
}
