import type { Key } from '../manifest/manifest.ts'
import { type Holders, holdersOf } from './gate.ts'
import { referenceOrder } from './graph.ts'
import type { ResourcePlan } from './plan.ts'
import type { Entries, Kinds } from './subject.ts'
import type { Target } from './target.ts'

/** What a plan is made from; nothing of it changes meanwhile. */
export interface PreviewInput {
  readonly target: Target
  readonly entries: Entries
  readonly kinds: Kinds
  /** Milliseconds since the epoch: what is put off to a window is put off from here. */
  readonly now: number
}

/**
 * Marks what a plan alone does not get to. As in a lap: what is missing, failed or waits keeps everything that refers
 * to it; what is blocked or put off to its window keeps only those that have something to do.
 */
export function withWaits(
  plans: readonly ResourcePlan[],
  failed: ReadonlySet<Key>,
  input: PreviewInput,
): readonly ResourcePlan[] {
  const planned = new Map(plans.map((plan) => [plan.key, plan]))
  const waits = stayingWaits(planned, failed, input)
  const stuck = (key: Key): boolean => waits.has(key) || failed.has(key) || isHeldUp(planned.get(key))
  const going = new Set(plans.filter((plan) => plan.action === 'remove').map((plan) => plan.key))
  const holders = holdersOf(going, (key) => input.target.wanted.get(key), input.entries, input.kinds)
  return plans.map((plan) => {
    if (plan.action === 'remove') {
      const holder = holderOf(plan.key, holders, input).find(stuck)
      if (holder !== undefined) waits.set(plan.key, holder)
    }
    const waitsFor = waits.get(plan.key)
    return waitsFor === undefined ? plan : { ...plan, waitsFor }
  })
}

/** Who that is to stay waits for whom, whether or not the plan has something to do for it. */
function stayingWaits(
  planned: ReadonlyMap<Key, ResourcePlan>,
  failed: ReadonlySet<Key>,
  { target }: PreviewInput,
): Map<Key, Key> {
  const waits = new Map<Key, Key>()
  const referencesOf = (key: Key): readonly Key[] => target.wanted.get(key)?.references ?? []
  for (const key of referenceOrder([...target.wanted.keys()], referencesOf)) {
    const on = referencesOf(key).find((reference) => {
      if (target.wanted.get(reference)?.desired === undefined) return true
      if (failed.has(reference) || waits.has(reference)) return true
      const [own, others] = [planned.get(key), planned.get(reference)]
      if (own === undefined || others === undefined) return false
      // What has a window of its own says when that opens.
      return others.blocked !== undefined || (others.opensAt !== undefined && own.opensAt === undefined)
    })
    if (on !== undefined) waits.set(key, on)
  }
  return waits
}

function isHeldUp(plan: ResourcePlan | undefined): boolean {
  return plan?.blocked !== undefined || plan?.opensAt !== undefined
}

function holderOf(key: Key, holders: Holders, { target }: PreviewInput): readonly Key[] {
  const takenBy = target.wanted.get(key)?.takenBy
  return [...(takenBy === undefined ? [] : [takenBy]), ...(holders.get(key) ?? [])]
}
