import type { Location } from '../errors.ts'
import type { Key } from '../manifest/manifest.ts'
import type { Step } from './controller.ts'

/** The steps of one resource. */
export interface ResourcePlan {
  readonly key: Key
  readonly kind: string
  readonly name: string
  /** The manifest that causes it; for a removal, where it last stood. */
  readonly at: Location
  readonly action: 'create' | 'change' | 'remove'
  /** Of one that a definition makes of a list: the element, and where that is written. */
  readonly element?: { readonly value: string; readonly at: Location }
  /** Why it is in the plan at all: `the manifest was added`, `spec.schedule.every changed from 15m to 30m`. */
  readonly reason: string
  /** The revision that brought it about; absent for drift. */
  readonly revision?: string
  readonly steps: readonly Step[]
  /** Set when the steps wait for approval, or would if applied: the hash to approve, and why. */
  readonly blocked?: {
    readonly approval: string
    readonly code: 'approval_needed' | 'prune_guard'
    readonly message: string
  }
  /** What it waits for that this plan does not bring about: a missing resource, or one that is blocked or waits itself. */
  readonly waitsFor?: Key
  /** When the window of the steps opens, ISO 8601; absent when they may be carried out at once. */
  readonly opensAt?: string
  /** Sources that the steps have fetched from the start. */
  readonly refetches?: readonly Refetch[]
}

/** A source that is fetched from the start because of a plan. */
export interface Refetch {
  readonly source: string
  /** How many rows it has that come again; absent where none are there to be counted. */
  readonly rows?: number
}

/** A resource that no manifest declares at the moment and that stays in force all the same. */
export interface Held {
  readonly key: Key
  readonly at: Location
  readonly reason: string
}

export interface Plan {
  readonly revision: string
  /** Of the manifests and of the state that it starts from; see `plan-hash.ts`. */
  readonly hash: string
  /** Creations and changes, what is referred to first; then removals, what refers first. */
  readonly resources: readonly ResourcePlan[]
  readonly held: readonly Held[]
  readonly problems: readonly { code: string; message: string; at: Location; path?: string; fix: string }[]
  /** Each resource counts once: a blocked one as blocked, not under its action. */
  readonly summary: {
    readonly create: number
    readonly change: number
    readonly remove: number
    readonly blocked: number
    readonly unchanged: number
  }
}

/** 0 nothing to do · 2 changes · 3 destructive or blocked · 1 problems in the manifests. */
export function planExitCode(plan: Plan): 0 | 1 | 2 | 3 {
  if (plan.problems.length > 0) return 1
  const destructive = plan.resources.some(
    (each) => each.blocked !== undefined || each.steps.some((step) => step.destroys !== undefined),
  )
  if (destructive) return 3
  return plan.resources.length > 0 ? 2 : 0
}
