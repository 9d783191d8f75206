import { describe, expect, it } from 'vitest'
import type { Manifest } from '../../src/manifest/manifest.ts'
import type { Controller } from '../../src/reconcile/controller.ts'
import { Bench } from './bench.ts'
import { connection, manifest, snapshot, source } from './manifests.ts'

/** A kind whose resources refer to each other, and to nothing in the world. */
const ring: readonly Controller[] = [
  {
    kind: 'Ring',
    references: (_name, spec) => (spec as { next: string[] }).next.map((name) => `Ring/${name}`),
    observe: async () => new Map(),
    plan: () => [],
    apply: async () => undefined,
  },
]

function loop(name: string, ...next: string[]): Manifest {
  return manifest('Ring', name, { next })
}

describe('what a revision asks for', () => {
  it('is created, what is referred to first, and settled', async () => {
    await using bench = new Bench()
    await bench.apply([source('a', { connection: 'c' }), source('b'), connection('c')])
    expect(bench.world.done).toEqual([
      'Table/t: create table (id)',
      'SourceDefinition/a: fetch',
      'SourceDefinition/b: fetch',
    ])
    expect(new Set(Object.values(bench.states))).toEqual(new Set(['ready']))
    expect([...bench.ledger.stored.values()].map((entry) => entry.intents.length)).toEqual([0, 0, 0, 0])
  })

  it('is all claimed in the ledger before the first step (invariant 1)', async () => {
    await using bench = new Bench()
    const known: number[] = []
    bench.world.beforeStep = () => void known.push(bench.ledger.stored.size)
    await bench.apply([source('a'), source('b'), source('c', { table: 'u' })])
    expect(known).toEqual([5, 5, 5, 5, 5])
    expect(bench.ledger.calls.filter((call) => call.startsWith('put'))).toHaveLength(1)
  })

  it('is changed in place, and a second look finds nothing (invariant 2)', async () => {
    await using bench = new Bench()
    await bench.apply([source('a')])
    const next = [source('a', { columns: ['id', 'volume'] })]
    const plan = await bench.plan(next)
    expect(plan.summary).toEqual({ create: 0, change: 2, remove: 0, blocked: 0, unchanged: 0 })
    expect(plan.resources.flatMap((each) => each.steps.map((step) => step.reason))).toEqual([
      'spec.columns changed from ["id"] to ["id","volume"]',
    ])
    bench.world.done.length = 0
    await bench.apply(next)
    expect(bench.world.done).toEqual(['Table/t: add column volume'])
    expect((await bench.plan(next)).resources).toEqual([])
  })

  it('previews the very steps that it then applies', async () => {
    await using bench = new Bench()
    await bench.apply([source('a'), source('b', { table: 'u' })])
    bench.world.done.length = 0
    const next = [source('a', { columns: ['id', 'x'] }), source('d', { table: 'v' })]
    const { resources } = await bench.plan(next)
    await bench.apply(next)
    const previewed = resources.flatMap((each) => each.steps.map((step) => `${each.key}: ${step.summary}`))
    expect(bench.world.done.toSorted()).toEqual(previewed.toSorted())
    expect(previewed).toHaveLength(5)
  })

  it('says which revision adds, changes and removes', async () => {
    await using bench = new Bench()
    const same = source('same', { table: 'w' })
    await bench.apply([same, source('a'), source('b', { table: 'u' })])
    const next = [same, source('a', { columns: ['id', 'x'] }), source('d', { table: 'v' })]
    const { resources } = await bench.plan(next, { revision: 'main@sha1:next' })
    const told = resources.map(({ key, action, revision }) => [key, action, revision])
    expect(told).toContainEqual(['SourceDefinition/a', 'change', 'main@sha1:next'])
    expect(told).toContainEqual(['SourceDefinition/b', 'remove', 'main@sha1:next'])
    expect(told).toContainEqual(['SourceDefinition/d', 'create', 'main@sha1:next'])
  })

  it('goes in reverse order: a table only when no source has rows in it', async () => {
    await using bench = new Bench()
    const rest = source('z', { table: 'z' })
    await bench.apply([source('a'), source('b'), rest])
    bench.world.done.length = 0
    await bench.apply([rest])
    expect(bench.world.done.slice(0, 2).toSorted()).toEqual([
      'SourceDefinition/a: delete rows t/a',
      'SourceDefinition/b: delete rows t/b',
    ])
    expect(bench.world.done.slice(2)).toEqual(['Table/t: drop table'])
    expect(bench.world.contents).toEqual({ tables: ['z(id)'], rows: ['z/z'] })
    expect([...bench.ledger.stored.keys()]).toEqual(['SourceDefinition/z', 'Table/z'])
  })

  it('takes rows along when a source moves, before the old table goes', async () => {
    await using bench = new Bench()
    await bench.apply([source('a')])
    bench.world.done.length = 0
    await bench.apply([source('a', { table: 'u' })])
    expect(bench.world.done).toEqual([
      'Table/u: create table (id)',
      'SourceDefinition/a: move rows t/a to u/a',
      'Table/t: drop table',
    ])
  })

  it('brings rows back when a move is taken back before it was settled', async () => {
    const first = new Bench()
    await first.apply([source('a')])
    first.world.afterStep = (key) => {
      if (key === 'SourceDefinition/a') first.stop.abort()
    }
    first.ledger.beforeWrite = () => {
      if (first.stop.signal.aborted) throw new Error('killed')
    }
    await first.engine.accept(snapshot([source('a', { table: 'u' })]))
    await first.running
    expect(first.world.contents.rows).toEqual(['u/a'])
    first.world.afterStep = () => undefined
    first.ledger.beforeWrite = () => undefined
    first.world.done.length = 0
    await using second = new Bench(first)
    await second.apply([source('a')])
    expect(second.world.done).toEqual(['SourceDefinition/a: move rows u/a to t/a', 'Table/u: drop table'])
    expect(second.states).toEqual({ 'SourceDefinition/a': 'ready', 'Table/t': 'ready' })
  })

  it('hands rows over to a new name, and the old name goes when the new one is ready', async () => {
    await using bench = new Bench()
    await bench.apply([source('old')])
    bench.world.done.length = 0
    await bench.apply([source('new', {}, { annotations: { 'hermes/moved-from': 'old' } })])
    expect(bench.world.done).toEqual(['SourceDefinition/new: move rows t/old to t/new'])
    expect(bench.outcome('SourceDefinition/old')).toBe('absent')
    expect(bench.world.contents.rows).toEqual(['t/new'])
  })

  it('is not disturbed by a manifest that moves between files', async () => {
    await using bench = new Bench()
    await bench.apply([source('a', {}, { file: 'one.yaml' })])
    await bench.apply([source('a', {}, { file: 'two.yaml' })])
    expect(bench.world.done).toHaveLength(2)
    expect(bench.ledger.stored.get('SourceDefinition/a')?.at.file).toBe('two.yaml')
  })
})

describe('waiting', () => {
  it('ends when what is missing arrives', async () => {
    await using bench = new Bench()
    await bench.apply([source('a', { connection: 'c' })])
    expect(bench.outcome('SourceDefinition/a')).toBe('waiting on Connection/c')
    expect((await bench.plan([source('a', { connection: 'c' })])).resources[0]).toMatchObject({
      key: 'SourceDefinition/a',
      waitsFor: 'Connection/c',
    })
    await bench.apply([source('a', { connection: 'c' }), connection('c')])
    expect(bench.outcome('SourceDefinition/a')).toBe('ready')
  })

  it('ends when what stalled can work, which every look at everything tries', async () => {
    await using bench = new Bench()
    await bench.apply([source('a', { connection: 'c' }), connection('c', 'KEY')])
    expect(bench.outcome('Connection/c')).toBe('stalled: secret_missing')
    expect(bench.outcome('SourceDefinition/a')).toBe('waiting on Connection/c')
    bench.world.secrets.add('KEY')
    await bench.resync()
    expect(bench.outcome('SourceDefinition/a')).toBe('ready')
    bench.world.secrets.delete('KEY')
    await bench.resync()
    expect(bench.outcome('SourceDefinition/a')).toBe('waiting on Connection/c')
  })

  it('begins when what is referred to goes', async () => {
    await using bench = new Bench()
    await bench.apply([source('a', { connection: 'c' }), connection('c')])
    await bench.apply([source('a', { connection: 'c' })])
    expect(bench.outcome('SourceDefinition/a')).toBe('waiting on Connection/c')
    expect(bench.outcome('Connection/c')).toBe('absent')
  })

  it('for what is gone does not keep that from going', async () => {
    await using bench = new Bench()
    await bench.apply([source('a', { connection: 'c' }), connection('c')])
    await bench.apply([source('a', { connection: 'c', columns: ['id', 'x'] })])
    expect(bench.outcome('SourceDefinition/a')).toBe('waiting on Connection/c')
    expect(bench.outcome('Connection/c')).toBe('absent')
  })

  it('ends though what it waited for became ready while it was looked at', async () => {
    await using bench = new Bench()
    await bench.apply([source('a')])
    bench.world.beforeStep = () => {
      throw new Error('no')
    }
    bench.world.rows.delete('t/a')
    await bench.resync()
    await bench.advance(500)
    bench.world.tables.delete('t')
    bench.engine.resync(['Table/t'])
    await bench.engine.settled()
    expect([bench.outcome('SourceDefinition/a'), bench.outcome('Table/t')]).toEqual([
      'retry 1 in 500 ms: step_failed',
      'retry 1 in 1000 ms: step_failed',
    ])
    bench.world.beforeStep = () => undefined
    const release = Promise.withResolvers<void>()
    bench.world.beforeObserve = (kind) => (kind === 'SourceDefinition' ? release.promise : undefined)
    await bench.advance(1_000)
    expect([bench.outcome('Table/t'), bench.world.contents.rows]).toEqual(['ready', []])
    release.resolve()
    await bench.engine.settled()
    expect([bench.outcome('SourceDefinition/a'), bench.world.contents.rows]).toEqual(['ready', ['t/a']])
  })

  it('shows in a plan, also where nobody but the one before waits for what is missing', async () => {
    await using bench = new Bench({ options: { controllers: ring } })
    const { resources } = await bench.plan([loop('d', 'a'), loop('a', 'missing'), loop('free')])
    expect(resources.map(({ key, waitsFor }) => [key, waitsFor])).toEqual([
      ['Ring/a', 'Ring/missing'],
      ['Ring/free', undefined],
      ['Ring/d', 'Ring/a'],
    ])
  })

  it('in a circle is an error, not a standstill', async () => {
    await using bench = new Bench({ options: { controllers: ring } })
    await bench.apply([loop('a', 'b'), loop('b', 'c'), loop('c', 'a'), loop('d', 'a')])
    expect(bench.outcome('Ring/a')).toBe('stalled: reference_cycle')
    expect(bench.outcome('Ring/b')).toBe('stalled: reference_cycle')
    expect(bench.outcome('Ring/d')).toBe('waiting on Ring/a')
    await bench.apply([loop('a', 'b'), loop('b', 'c'), loop('c'), loop('d', 'a')])
    expect(new Set(Object.values(bench.states))).toEqual(new Set(['ready']))
    await bench.apply([loop('a', 'b'), loop('b', 'a'), loop('c')])
    await bench.apply([loop('c')])
    expect(bench.states).toEqual({ 'Ring/c': 'ready' })
  })
})

describe('drift', () => {
  it('is repaired by the timer, without a commit', async () => {
    await using bench = new Bench()
    await bench.apply([source('a')])
    bench.world.tables.delete('t')
    const plan = await bench.plan([source('a')])
    expect(plan.resources.map(({ action, reason, revision }) => ({ action, reason, revision }))).toEqual([
      { action: 'change', reason: 'the table is missing', revision: undefined },
    ])
    await bench.advance(60_000)
    expect(bench.world.contents.tables).toEqual(['t(id)'])
  })

  it('costs one look at each kind, and no write', async () => {
    await using bench = new Bench()
    await bench.apply(Array.from({ length: 50 }, (_, index) => source(`s${index}`, { table: `t${index % 7}` })))
    bench.world.observed.length = 0
    bench.ledger.calls.length = 0
    const told: string[] = []
    bench.engine.onChange((keys) => told.push(...keys))
    await bench.resync()
    expect(bench.world.observed.toSorted()).toEqual(['SourceDefinition', 'Table'])
    expect(bench.ledger.calls).toEqual([])
    expect(told).toEqual([])
  })
})

describe('running', () => {
  it('follows the origin, tells what changed, and says when it is settled', async () => {
    await using bench = new Bench()
    const told = new Set<string>()
    const off = bench.engine.onChange((keys) => keys.forEach((key) => told.add(key)))
    const settled = bench.engine.settled()
    bench.feed.show(snapshot([source('a')], { revision: 'sha256:one' }))
    await settled
    expect(bench.engine.state()).toMatchObject({ revision: 'sha256:one', problems: [] })
    expect(bench.engine.resource('SourceDefinition/a')).toMatchObject({
      revision: 'sha256:one',
      removed: false,
      derived: false,
      outcome: { state: 'ready' },
    })
    expect([...told].toSorted()).toEqual(['SourceDefinition/a', 'Table/t'])
    off()
    told.clear()
    await bench.apply([source('b')])
    expect(told.size).toBe(0)
  })

  it('stops after the step in hand and goes on from there', async () => {
    const first = new Bench()
    const release = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    first.world.beforeStep = async () => {
      begun.resolve()
      await release.promise
    }
    first.feed.show(snapshot([source('a')]))
    await begun.promise
    first.stop.abort()
    release.resolve()
    await first.running
    expect(first.world.done).toEqual(['Table/t: create table (id)'])
    first.world.beforeStep = () => undefined
    await using second = new Bench({ world: first.world, ledger: first.ledger })
    await second.apply([source('a')])
    expect(second.world.done).toEqual(['Table/t: create table (id)', 'SourceDefinition/a: fetch'])
  })

  it('takes a newer revision in while a step of the older one runs', async () => {
    await using bench = new Bench()
    const release = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    bench.world.beforeStep = async (key) => {
      if (key !== 'Table/slow') return
      begun.resolve()
      await release.promise
    }
    await bench.engine.accept(snapshot([source('s', { table: 'slow' })]))
    await begun.promise
    const wide = () => bench.world.tables.get('slow')?.has('x') === true
    const settledEarly: string[] = []
    bench.ledger.beforeWrite = () => {
      const call = bench.ledger.calls.at(-1) ?? ''
      if (call.startsWith('settle') && call.includes('Table/slow') && !wide()) settledEarly.push(call)
    }
    bench.engine.onChange(() => {
      if (bench.outcome('Table/slow') === 'ready' && !wide()) settledEarly.push('told that it is ready')
    })
    await bench.engine.accept(snapshot([source('s', { table: 'slow', columns: ['id', 'x'] }), source('a')]))
    while (bench.outcome('SourceDefinition/a') !== 'ready') await new Promise((resolve) => setImmediate(resolve))
    expect(bench.outcome('Table/slow')).toBe('progressing')
    release.resolve()
    await bench.engine.settled()
    expect(bench.world.contents).toEqual({ tables: ['slow(id,x)', 't(id)'], rows: ['slow/s', 't/a'] })
    expect(settledEarly).toEqual([])
    expect(bench.ledger.stored.get('Table/slow')).toMatchObject({ settled: { spec: { columns: ['id', 'x'] } } })
  })

  it('does not go on with steps that a newer revision no longer asks for', async () => {
    await using bench = new Bench()
    await bench.apply([source('a')])
    const release = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    bench.world.beforeStep = async () => {
      begun.resolve()
      await release.promise
    }
    await bench.engine.accept(snapshot([source('a', { columns: ['id', 'x', 'y'] })]))
    await begun.promise
    await bench.engine.accept(snapshot([source('a', { columns: ['id', 'x'] })]))
    release.resolve()
    await bench.engine.settled()
    expect(bench.world.done).not.toContain('Table/t: add column y')
    expect(bench.world.contents.tables).toEqual(['t(id,x)'])
    expect(bench.outcome('SourceDefinition/a')).toBe('ready')
  })

  it('takes in what came while it took the one before in', async () => {
    await using bench = new Bench()
    const release = Promise.withResolvers<void>()
    bench.ledger.beforeWrite = () => release.promise
    bench.feed.show(snapshot([source('a')]))
    while (bench.ledger.calls.length < 2) await new Promise((resolve) => setImmediate(resolve))
    bench.feed.show(snapshot([source('b')]))
    await bench.advance(0)
    release.resolve()
    await bench.engine.settled()
    expect(bench.world.contents.rows).toEqual(['t/b'])
  })

  it('gives waiting for it up when asked to', async () => {
    await using bench = new Bench()
    const signal = AbortSignal.timeout(5)
    await expect(bench.engine.settled(signal)).rejects.toThrow(/timeout/)
  })
})
