import { expect, test } from 'vitest'
import type { Manifest } from '../../src/manifest/manifest.ts'
import { type Composed, composeSnapshot, nothingRead, type Parts } from '../../src/origin/compose-snapshot.ts'
import type { FileEntry } from '../../src/origin/file-entry.ts'
import { Random } from '../random.ts'
import { source } from '../reconcile/manifests.ts'

test.each([1, 2, 3, 4])('edit by edit comes to what is composed at once (seed %i)', (seed) => {
  const random = new Random(seed)
  let files = Array.from({ length: 6 }, (_, index) => entry(`f-${index}.yaml`, [source(`s-${index}`)]))
  let composed = compose(files, nothingRead)
  for (let round = 0; round < 60; round += 1) {
    files = edited(files, random)
    const earlier = composed.inForce
    composed = compose(files, composed)
    const anew = compose(files, { ...nothingRead, inForce: earlier })
    expect({ ...composed.snapshot }).toEqual({ ...anew.snapshot })
    expect([...composed.inForce]).toEqual([...anew.inForce])
  }
})

test('of an edit of one file everything else stays the very same', () => {
  const files = [entry('a.yaml', [source('a')]), entry('b.yaml', [source('b')])]
  const before = compose(files, nothingRead)
  const after = compose([files[0] as FileEntry, entry('b.yaml', [source('b', { table: 'other' })])], before)
  expect(after.snapshot.manifests[0]).toBe(before.snapshot.manifests[0])
  expect(after.snapshot.manifests[1]?.spec).toMatchObject({ table: 'other' })
})

function compose(entries: readonly FileEntry[], before: Composed): Composed {
  const parts: Parts = { entries, revision: 'r', problems: [], complete: true, stale: new Set(), before }
  return composeSnapshot(parts)
}

/** Most rounds edit a manifest; some move one, declare it twice, break a file, remove or add one. */
function edited(files: readonly FileEntry[], random: Random): FileEntry[] {
  const at = random.between(0, files.length - 1)
  const file = files[at]?.file ?? ''
  const name = `s-${random.between(0, 7)}`
  const changes: (() => FileEntry[])[] = [
    () => files.with(at, entry(file, [source(`s-${at}`, { table: `t-${random.between(1, 9)}` })])),
    () => files.with(at, entry(file, [source(`s-${at}`, { table: `t-${random.between(1, 9)}` })])),
    () => files.with(at, entry(file, [source(name)])),
    () => files.with(at, entry(file, [source(`s-${at}`), source(name)])),
    () => files.with(at, { ...entry(file, []), kept: [source(name)], problems: [broken(file)] }),
    () => (files.length > 2 ? files.toSpliced(at, 1) : [...files]),
    () => [...files, entry(`g-${random.between(0, 10_000)}.yaml`, [source(name)])].toSorted(byFile),
  ]
  return random.pick(changes)()
}

function byFile(one: FileEntry, other: FileEntry): number {
  return one.file < other.file ? -1 : 1
}

function broken(file: string): FileEntry['problems'][number] {
  return { code: 'yaml_invalid', message: 'broken', at: { file, line: 1, column: 1 }, fix: 'Mend it.' }
}

function entry(file: string, declared: readonly Manifest[]): FileEntry {
  const about = { file, signature: '', hash: '', ownHash: '', changedAt: 0 }
  return { ...about, lists: [], declared, kept: [], problems: [] }
}
