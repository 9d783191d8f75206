import { expect } from 'vitest'
import { keyOf } from '../../../src/manifest/manifest.ts'
import type { Snapshot } from '../../../src/origin/origin.ts'

/** The resources that would be pruned if one snapshot came after another, as the prune guard decides. */
export function prunable(before: Snapshot, after: Snapshot): string[] {
  const present = new Set(after.manifests.map(keyOf))
  const gone = before.manifests.filter((each) => !present.has(keyOf(each)))
  if (!after.complete || after.manifests.length === 0) return []
  return gone.filter((each) => !after.brokenFiles.has(each.at.file)).map(keyOf)
}

/** Whatever happened, what was in force is, nothing would be pruned, and one problem of the origin tells why. */
export function expectKept(before: Snapshot, after: Snapshot, code: string): void {
  expect(after.problems.map((each) => each.code)).toEqual([code])
  expect(after.manifests.map(keyOf).toSorted()).toEqual(before.manifests.map(keyOf).toSorted())
  expect(after).toMatchObject({ revision: before.revision, complete: true, brokenFiles: new Set() })
  expect(prunable(before, after)).toEqual([])
}

/** Nothing was read, nothing is there to be pruned, and this is why. */
export function expectNothing(snapshot: Snapshot, code: string): void {
  expect(snapshot).toMatchObject({ revision: '', manifests: [], complete: false })
  expect(snapshot.problems.map((each) => each.code)).toEqual([code])
}
