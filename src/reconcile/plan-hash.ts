import { createHash } from 'node:crypto'
import { HermesError } from '../errors.ts'
import { essence } from './approval.ts'
import type { Plan, ResourcePlan } from './plan.ts'
import type { Entries } from './subject.ts'
import type { Target } from './target.ts'

/** Digits of the hash: enough that nobody can make manifests whose plan has the hash of another one. */
const digits = 16

/**
 * The hash of a plan over the manifests and the state it starts from, sixteen hex digits. The manifests count by their
 * content; the state by what each resource that something is planned for was last brought to, and by the steps that the
 * world makes necessary. Places, revisions, row counts and approvals do not count: they change while a person reads.
 */
export function planHash(target: Target, entries: Entries, resources: readonly ResourcePlan[]): string {
  const manifests = [...target.wanted.values()].map(({ key, desired, takesFrom }) => [key, desired?.hash, takesFrom])
  const planned = resources.map(({ key, action, steps }) => {
    return [key, action, entries.get(key)?.settled?.hash, steps.map(essence)]
  })
  return createHash('sha256')
    .update(JSON.stringify([manifests.toSorted(byKey), planned.toSorted(byKey)]))
    .digest('hex')
    .slice(0, digits)
}

/** Whether a hash is one of a whole plan; those of single changes are shorter. */
export function isPlanHash(hash: string): boolean {
  return hash.length === digits
}

/** Throws `plan_stale` for a plan that is not the one of this hash. */
export function requirePlan(plan: Plan, hash: string): void {
  if (plan.hash === hash) return
  throw new HermesError('plan_stale', `the plan is ${plan.hash} by now, and not ${hash}: nothing was done`)
}

function byKey([one = '']: readonly unknown[], [other = '']: readonly unknown[]): number {
  return String(one) < String(other) ? -1 : 1
}
