import { describe, expect, it } from 'vitest'
import type { Location } from '../../src/errors.ts'
import type { Manifest } from '../../src/manifest/manifest.ts'
import { requirePlan } from '../../src/reconcile/plan-hash.ts'
import { Bench } from './bench.ts'
import { connection, type SnapshotOptions, source } from './manifests.ts'

const before = source('a', { columns: ['id', 'x'] })
const after = source('a', { columns: ['id', 'y'] })

/** A bench where `before` is in force. */
async function settledBench(): Promise<Bench> {
  const bench = new Bench()
  await bench.apply([before])
  return bench
}

async function hashOf(bench: Bench, manifests: readonly Manifest[], options: SnapshotOptions = {}): Promise<string> {
  return (await bench.plan(manifests, options)).hash
}

describe('the hash of a plan', () => {
  it('is the same wherever and whenever the same manifests are planned against the same state', async () => {
    await using here = await settledBench()
    await using there = await settledBench()
    const hash = await hashOf(here, [after, connection('c')])
    expect(hash).toMatch(/^[0-9a-f]{16}$/)
    expect(await hashOf(there, [connection('c'), after])).toBe(hash)
  })

  it('does not know places, revisions or what is only said about a manifest', async () => {
    await using bench = await settledBench()
    const hash = await hashOf(bench, [after])
    const moved = source('a', { columns: ['id', 'y'] }, { file: 'b.yaml', annotations: { 'hermes/approve': '00' } })
    expect(await hashOf(bench, [moved], { revision: 'main@sha1:0123456789abcdef' })).toBe(hash)
  })

  it('is another one for other manifests, even for one that makes no step', async () => {
    await using bench = await settledBench()
    const hashes = [[before], [after], [after, connection('c')], [after, connection('c', 'other')], [connection('c')]]
    const all = await Promise.all(hashes.map((manifests) => hashOf(bench, manifests)))
    expect(new Set(all).size).toBe(hashes.length)
  })

  it('is another one when the world makes other steps necessary, or the ledger was brought elsewhere', async () => {
    await using bench = await settledBench()
    const hash = await hashOf(bench, [after])
    bench.world.tables.get('t')?.add('y')
    const drifted = await hashOf(bench, [after])
    await bench.apply([source('a', { columns: ['id', 'x', 'y'] })])
    expect(new Set([hash, drifted, await hashOf(bench, [after])]).size).toBe(3)
  })

  it('outlives the taking in of the manifests, and the approval of what it blocks', async () => {
    await using bench = await settledBench()
    const narrow = source('a', { columns: ['id'] })
    const plan = await bench.plan([narrow])
    await bench.apply([narrow])
    expect(await hashOf(bench, [narrow])).toBe(plan.hash)
    const approval = bench.approval('Table/t')
    bench.world.beforeStep = () => {
      throw new Error('not now')
    }
    await bench.engine.approve(approval)
    const approved = await bench.plan([narrow])
    expect(approved.resources.every(({ blocked }) => blocked === undefined)).toBe(true)
    expect(approved.hash).toBe(plan.hash)
  })

  it('lets through the plan that it is of, and refuses every other as stale', async () => {
    await using bench = await settledBench()
    const plan = await bench.plan([after])
    expect(() => requirePlan(plan, plan.hash)).not.toThrow()
    expect(() => requirePlan(plan, plan.hash.slice(1))).toThrow(expect.objectContaining({ code: 'plan_stale' }))
  })
})

function placeNamed(path: string): Location {
  return { file: `the place of ${path}`, line: 7, column: 3 }
}

it('a step tells the place of the field that its reason names', async () => {
  await using bench = await settledBench()
  const moved = { ...source('a', { table: 'u', columns: ['id', 'x'] }), locate: placeNamed }
  const { resources } = await bench.plan([moved])
  const steps = resources.flatMap(({ key, steps: all }) => all.map(({ reason, at }) => [key, reason, at?.file]))
  expect(steps).toEqual([
    ['Table/u', 'the manifest was added', undefined],
    ['SourceDefinition/a', 'spec.table changed from t to u', 'the place of spec.table'],
    ['Table/t', 'no source uses it any more', undefined],
  ])
})
