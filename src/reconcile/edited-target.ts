import type { Key, Manifest } from '../manifest/manifest.ts'
import { approveAnnotation } from './approval.ts'
import type { Wanted } from './subject.ts'
import { movedFromAnnotation, type Target, type TargetInput } from './target.ts'

interface Edit {
  readonly from: Manifest
  readonly to: Manifest
}

/**
 * The target of a snapshot that differs from the one before in nothing but what some manifests say: a commit that changes
 * one of ten thousand is not worked out from all of them again. The same as working it out anew; undefined where
 * that takes more than a look at the edits.
 */
export function editedTarget({ snapshot, kinds, derive, before }: TargetInput): Target | undefined {
  if (before?.plain === undefined || !snapshot.complete || snapshot.brokenFiles.size > 0) return undefined
  const declared = edits(before.plain.declared, snapshot.manifests)
  if (declared === undefined || declared.some(({ from, to }) => givesOrders(from) || givesOrders(to))) return undefined
  const derived = derive(snapshot.manifests, snapshot)
  const all = edits(before.plain.derived, derived)
  if (all === undefined) return undefined
  const wanted = new Map(before.wanted)
  const changed: Wanted[] = []
  for (const { to } of all) {
    const known = before.wanted.get(to.key)
    const controller = kinds.get(to.kind)
    if (known === undefined || controller === undefined) return undefined
    const references = controller.references(to.name, to.spec)
    if (!areSame(references, known.references)) return undefined
    const priority = controller.priority?.(to.spec) ?? 0
    const { key, kind, name } = to
    changed.push({ key, kind, name, desired: to, references, ...(priority === 0 ? {} : { priority }) })
  }
  for (const each of changed) wanted.set(each.key, each)
  const { revision, problems } = snapshot
  return { ...before, revision, problems, wanted, edits: changed, plain: { declared: snapshot.manifests, derived } }
}

/** Where two lists differ, if they have the same resources in the same places; undefined if not. */
function edits(before: readonly Manifest[], after: readonly Manifest[]): readonly Edit[] | undefined {
  if (before.length !== after.length) return undefined
  const found: Edit[] = []
  for (let index = 0; index < after.length; index += 1) {
    const [from, to] = [before[index], after[index]]
    if (from === to || from === undefined || to === undefined) continue
    if (from.key !== to.key) return undefined
    found.push({ from, to })
  }
  return found
}

/** Annotations that concern more than the resource itself. */
function givesOrders({ annotations }: Manifest): boolean {
  return annotations[approveAnnotation] !== undefined || annotations[movedFromAnnotation] !== undefined
}

function areSame(one: readonly Key[], other: readonly Key[]): boolean {
  return one.length === other.length && one.every((key, index) => key === other[index])
}
