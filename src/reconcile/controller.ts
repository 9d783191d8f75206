import type { HermesError, Location } from '../errors.ts'
import type { Key, Manifest } from '../manifest/manifest.ts'
import type { SyncWindow } from '../manifest/sync-window.ts'
import type { Claim } from './ledger.ts'

/** The symbols of a plan: create, change, remove, blocked or warning, nothing but bookkeeping. */
export type Op = '+' | '~' | '-' | '!' | '.'

/** One change to the world. The plan is data: what is shown is what is applied. */
export interface Step {
  readonly op: Op
  /** What happens, in the user's words: `add column volume bigint`. */
  readonly summary: string
  /** The exact statements that will run. */
  readonly sql?: string
  /** What is lost for good, and how many rows of it. A step with `destroys` on a live resource needs approval. */
  readonly destroys?: { readonly what: string; readonly rows?: number }
  /** A stable code of the plan table in `errors.ts`, for steps that deserve a look. */
  readonly code?: string
  /** Why: `spec.table.columns.volume was added`. */
  readonly reason: string
  /** The place of the field that the reason names. A preview fills it in; without one the resource's place holds. */
  readonly at?: Location
}

/** One resource as a controller sees it: what is wanted, and what Hermes has ever claimed for it. */
export interface Subject<Spec> {
  readonly name: string
  /** Absent when the resource is to be removed. */
  readonly desired?: Manifest<Spec>
  /** What the world was last brought to; absent before the first success. The engine fills it from the ledger. */
  readonly settled?: Claim<Spec>
  /** The settled claim and all later ones, oldest first: everything that may exist in the world because of them. */
  readonly claims: readonly Claim<Spec>[]
  /** The claims of the resource whose data this one takes over (`hermes/moved-from`). */
  readonly takesFrom?: { readonly name: string; readonly claims: readonly Claim<Spec>[] }
  /** The resource that takes this one's data over: nothing of it may be destroyed. */
  readonly takenBy?: string
}

/** One kind's bridge to the world. */
export interface Controller<Spec = unknown, Actual = unknown, S extends Step = Step> {
  readonly kind: string
  /** True for kinds that no person declares: they do not count for the prune guard. */
  readonly derived?: boolean
  /** What must be ready before the resource of this name and spec is. Pure. */
  references(name: string, spec: Spec): readonly Key[]
  /** When steps may be carried out; at any time when absent or undefined. Pure. */
  window?(spec: Spec): SyncWindow | undefined
  /** Among what is due the higher goes first; 0 when absent. Pure. */
  priority?(spec: Spec): number
  /** The world as it is, in bulk: one query for many. Never changes anything. */
  observe(subjects: readonly Subject<Spec>[], signal: AbortSignal): Promise<ReadonlyMap<string, Actual>>
  /** Pure: the steps from `actual` to what the subject wants; none when it is there. */
  plan(subject: Subject<Spec>, actual: Actual | undefined): readonly S[]
  /** Carries one step out. Idempotent: a crash in the middle is followed by the same step again. */
  apply(subject: Subject<Spec>, step: S, signal: AbortSignal): Promise<void>
  /** Whether the resource can work though nothing differs (its secrets are there …). Throws what keeps it from it. */
  check?(desired: Manifest<Spec>, signal: AbortSignal): Promise<void>
}

/** What a lap over one resource came to. */
export type Outcome =
  | { readonly state: 'ready' }
  | { readonly state: 'waiting'; readonly on: Key; readonly until?: never }
  /** There are steps, and their window opens then: milliseconds since the epoch. */
  | { readonly state: 'waiting'; readonly on?: never; readonly until: number }
  | { readonly state: 'retry'; readonly error: HermesError; readonly attempt: number; readonly notBefore: number }
  | { readonly state: 'stalled'; readonly error: HermesError }
  | { readonly state: 'blocked'; readonly approval: string; readonly error: HermesError }
