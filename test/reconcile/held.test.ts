import { describe, expect, it } from 'vitest'
import { Bench } from './bench.ts'
import { manifest, source } from './manifests.ts'

const a = source('a')
const b = source('b', { table: 'u' })

describe('a read with gaps prunes nothing (invariant 3)', () => {
  it.each([
    { name: 'an empty one', manifests: [], options: {} },
    { name: 'an incomplete one', manifests: [b], options: { complete: false } },
    { name: 'one with the broken file that declared it', manifests: [b], options: { broken: ['a.yaml'] } },
    { name: 'one with a broken file that may declare it now', manifests: [b], options: { broken: ['new.yaml'] } },
  ])('$name', async ({ manifests, options }) => {
    await using bench = new Bench()
    await bench.apply([a, b])
    const before = bench.world.contents
    const plan = await bench.plan(manifests, options)
    expect(plan.resources).toEqual([])
    expect(plan.held.map(({ key }) => key)).toContain('SourceDefinition/a')
    bench.world.done.length = 0
    await bench.apply(manifests, options)
    expect(bench.world.done).toEqual([])
    expect(bench.world.contents).toEqual(before)
    expect(bench.engine.resource('SourceDefinition/a')).toMatchObject({ removed: false, outcome: { state: 'ready' } })
    expect(bench.engine.resource('SourceDefinition/a')?.held).toMatch(/prunes nothing|a\.yaml cannot be read|new\.yaml/)
  })

  it('also when it is the first read of a new process', async () => {
    const first = new Bench()
    await first.apply([a, b])
    await first[Symbol.asyncDispose]()
    await using second = new Bench({ world: first.world, ledger: first.ledger })
    await second.apply([b], { broken: ['a.yaml'] })
    expect(second.world.contents.rows).toEqual(['t/a', 'u/b'])
    await second.apply([b])
    expect(second.world.contents).toEqual({ tables: ['u(id)'], rows: ['u/b'] })
  })

  it('keeps what a broken file declared in force: its drift is repaired, its part of a shared table stays', async () => {
    await using bench = new Bench()
    const shared = source('c', { columns: ['id', 'c'] })
    await bench.apply([a, shared])
    bench.world.rows.delete('t/c')
    await bench.apply([a, b], { broken: ['c.yaml'] })
    await bench.resync()
    expect(bench.world.contents).toEqual({ tables: ['t(c,id)', 'u(id)'], rows: ['t/a', 't/c', 'u/b'] })
  })

  it('keeps a table that a source moved from in an incomplete read', async () => {
    await using bench = new Bench()
    await bench.apply([a])
    await bench.apply([source('a', { table: 'v' })], { complete: false })
    expect(bench.world.contents).toEqual({ tables: ['t(id)', 'v(id)'], rows: ['v/a'] })
  })

  it('removes it when the file is whole again and does not declare it', async () => {
    await using bench = new Bench()
    await bench.apply([a, b])
    await bench.apply([b], { broken: ['a.yaml'] })
    await bench.apply([b])
    expect(bench.world.contents).toEqual({ tables: ['u(id)'], rows: ['u/b'] })
  })
})

describe('hermes/moved-from', () => {
  const moved = source('new', {}, { annotations: { 'hermes/moved-from': 'a' } })

  it('has no effect while the old name is declared', async () => {
    await using bench = new Bench()
    await bench.apply([a])
    await bench.apply([a, moved])
    expect(bench.world.contents.rows).toEqual(['t/a', 't/new'])
    await bench.apply([moved])
    expect(bench.world.contents.rows).toEqual(['t/new'])
  })

  it('moves beside a broken file, but not from one', async () => {
    await using bench = new Bench()
    await bench.apply([a, b])
    await bench.apply([moved, b], { broken: ['a.yaml'] })
    expect(bench.world.contents.rows).toEqual(['t/a', 't/new', 'u/b'])
    await bench.apply([moved, b], { broken: ['other.yaml'] })
    expect(bench.world.contents.rows).toEqual(['t/new', 'u/b'])
  })

  it('destroys nothing when the taker cannot take yet', async () => {
    await using bench = new Bench()
    await bench.apply([a])
    const waiting = source('new', { connection: 'c' }, { annotations: { 'hermes/moved-from': 'a' } })
    await bench.apply([waiting])
    expect(bench.outcome('SourceDefinition/a')).toBe('waiting on SourceDefinition/new')
    expect(bench.world.contents.rows).toEqual(['t/a'])
  })

  it('gives it to one of two that ask', async () => {
    await using bench = new Bench()
    await bench.apply([a])
    const other = source('also', {}, { annotations: { 'hermes/moved-from': 'a' } })
    await bench.apply([moved, other])
    expect(bench.world.done).toContain('SourceDefinition/also: move rows t/a to t/also')
    expect(bench.world.done).toContain('SourceDefinition/new: fetch')
  })
})

it('reports a manifest of an unknown kind and leaves unknown entries alone', async () => {
  await using bench = new Bench()
  await bench.ledger.put([manifest('Future', 'f', {})], 'r')
  await bench.apply([a, manifest('Odd', 'o', {})])
  expect(bench.engine.state().problems).toMatchObject([{ code: 'unknown_kind' }])
  expect([...bench.ledger.stored.keys()].toSorted()).toEqual(['Future/f', 'SourceDefinition/a', 'Table/t'])
})
