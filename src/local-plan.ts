import type { Core } from './core.ts'
import { keyOf, type Manifest } from './manifest/manifest.ts'
import type { ManifestTree } from './manifest/manifest-tree.ts'
import type { ReadManifests } from './manifest/read.ts'
import type { Snapshot } from './origin/origin.ts'
import { snapshotOfTree } from './origin/tree.ts'
import type { Plan } from './reconcile/plan.ts'
import { heldManifest } from './reconcile/subject.ts'
import { withRefetches } from './resources/refetch.ts'
import type { Store } from './store/store.ts'

export interface LocalPlanParts {
  /** What the origin holds. */
  readonly snapshot: () => Promise<Snapshot>
  readonly read: ReadManifests
  readonly core: () => Promise<Core>
}

/** The plan of what the origin holds, or of a tree that somebody sent, with what will be fetched again. Only looks. */
export async function localPlan(parts: LocalPlanParts, tree?: ManifestTree): Promise<Plan> {
  const { engine, store } = await parts.core()
  const snapshot = tree === undefined ? await parts.snapshot() : await snapshotOfTree(tree, parts.read)
  const plan = await engine.plan(snapshot)
  return withRefetches(plan, [...snapshot.manifests, ...(await heldManifests(plan, store))], store.tables)
}

/** What stays in force though no manifest declares it. */
export async function heldManifests(plan: Plan, store: Store): Promise<readonly Manifest[]> {
  if (plan.held.length === 0) return []
  const entries = new Map((await store.ledger.entries()).map((entry) => [keyOf(entry), entry]))
  return plan.held.flatMap(({ key }) => {
    const entry = entries.get(key)
    return (entry && heldManifest(entry)) ?? []
  })
}
