import { expect, it } from 'vitest'
import type { Manifest } from '../../src/manifest/manifest.ts'
import type { LedgerEntry } from '../../src/reconcile/ledger.ts'
import { resolveTarget } from '../../src/reconcile/resolve-target.ts'
import type { Target } from '../../src/reconcile/target.ts'
import { Random } from '../random.ts'
import { connection, type SnapshotOptions, snapshot, source, withTables } from './manifests.ts'
import { World } from './world.ts'

const kinds = new Map(new World().controllers().map((controller) => [controller.kind, controller]))

/** Targets one after the other, each made from the one before as the engine does it, and anew. */
class Following {
  readonly entries = new Map<string, LedgerEntry>()
  before: Target | undefined
  readonly #known = new Map<string, Manifest>()

  /** What is derived and did not change is the same object, as it is of the real tables. */
  readonly #derive = (manifests: readonly Manifest[]): readonly Manifest[] =>
    withTables(manifests).map((each) => {
      if (each.kind !== 'Table') return each
      const known = this.#known.get(each.hash) ?? each
      this.#known.set(each.hash, known)
      return known
    })

  async next(manifests: readonly Manifest[], options: SnapshotOptions = {}) {
    const input = { snapshot: snapshot(manifests, options), entries: this.entries, kinds, derive: this.#derive }
    const target = await resolveTarget(this.before === undefined ? input : { ...input, before: this.before })
    const anew = await resolveTarget(input)
    this.before = target
    for (const { key, kind, name, desired } of target.wanted.values()) {
      if (desired === undefined) this.entries.delete(key)
      else {
        const settled = { hash: desired.hash, spec: desired.spec }
        this.entries.set(key, { kind, name, at: desired.at, revision: '', registeredAt: 0, settled, intents: [] })
      }
    }
    return { target, anew }
  }
}

/** All that a target says, in what can be compared. */
const told = ({ edits: _edits, plain: _plain, wanted, ...target }: Target) => {
  const each = wanted.values().map(({ desired, ...rest }) => ({ ...rest, hash: desired?.hash, at: desired?.at }))
  return { ...target, wanted: [...each] }
}
const sources = (count: number): Manifest[] =>
  Array.from({ length: count }, (_, index) => source(`s${index}`, { table: `t${index % 7}`, connection: 'c' }))

it('a snapshot that edits one of many says what that changes, and no more', async () => {
  const following = new Following()
  const first = [connection('c'), ...sources(20)]
  await following.next(first)
  const second = first.with(5, source('s4', { table: 't4', columns: ['id', 'more'], connection: 'c' }))
  const { target, anew } = await following.next(second)
  expect(target.edits?.map(({ key }) => key)).toEqual(['SourceDefinition/s4', 'Table/t4'])
  expect(told(target)).toEqual(told(anew))
  const third = await following.next(second)
  expect(third.target.edits).toEqual([])
  expect(told(third.target)).toEqual(told(third.anew))
})

it.each<[string, (before: readonly Manifest[]) => readonly Manifest[], SnapshotOptions?]>([
  ['comes', (before) => [...before, source('new')]],
  ['goes', (before) => before.slice(0, -1)],
  ['changes its place', (before) => before.toReversed()],
  ['refers to something else', (before) => before.with(3, source('s2', { table: 't2' }))],
  [
    'takes over from another',
    (before) => before.with(3, source('s2', {}, { annotations: { 'hermes/moved-from': 'old' } })),
  ],
  [
    'is approved',
    (before) => before.with(3, source('s2', {}, { annotations: { 'hermes/approve': 'aaaaaaaaaaaaaaaa' } })),
  ],
  ['cannot be read', (before) => before, { broken: ['s2.yaml'] }],
  ['may be missing', (before) => before, { complete: false }],
  ['goes to another table', (before) => before.with(3, source('s2', { table: 'another', connection: 'c' }))],
])('where something %s, everything is looked at', async (_what, change, options) => {
  const following = new Following()
  const first = [connection('c'), ...sources(5)]
  await following.next(first)
  const { target, anew } = await following.next(change(first), options)
  expect(target.edits).toBeUndefined()
  expect(told(target)).toEqual(told(anew))
})

it('is the same as worked out anew, whatever came before', async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const random = new Random(seed)
    const following = new Following()
    let manifests: readonly Manifest[] = [connection('c'), ...sources(6)]
    for (let step = 0; step < 12; step += 1) {
      const { target, anew } = await following.next(manifests, random.next() < 0.1 ? { broken: ['s1.yaml'] } : {})
      expect(told(target), `seed ${seed}, step ${step}`).toEqual(told(anew))
      manifests = changed(manifests, random)
    }
  }
})

function changed(manifests: readonly Manifest[], random: Random): readonly Manifest[] {
  const at = random.between(0, manifests.length - 1)
  const name = manifests[at]?.name ?? ''
  const columns = ['id', `c${random.between(0, 3)}`]
  const place = random.next() < 0.1 ? { annotations: { 'hermes/moved-from': 's0' } } : {}
  const edited = source(
    name,
    { table: `t${random.between(0, 2)}`, columns, ...(random.next() < 0.7 ? { connection: 'c' } : {}) },
    place,
  )
  const chance = random.next()
  if (chance < 0.7 && manifests[at]?.kind === 'SourceDefinition') return manifests.with(at, edited)
  if (chance < 0.8 && manifests.length > 2) return manifests.toSpliced(at, 1)
  if (chance < 0.9) return [...manifests, source(`n${random.between(0, 99)}`)]
  return manifests
}
