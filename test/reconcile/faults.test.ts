import { describe, expect, it } from 'vitest'
import { HermesError } from '../../src/errors.ts'
import { exponentialBackoff } from '../../src/reconcile/backoff.ts'
import { Bench } from './bench.ts'
import { snapshot, source } from './manifests.ts'

describe('a step that fails', () => {
  it('is tried again with growing pauses, and others are not held up', async () => {
    await using bench = new Bench()
    let failures = 3
    bench.world.beforeStep = (key) => {
      if (key !== 'Table/t' || failures === 0) return
      failures -= 1
      throw new Error('disk is full')
    }
    await bench.apply([source('a'), source('b', { table: 'u' })])
    expect(bench.outcome('SourceDefinition/b')).toBe('ready')
    expect(bench.outcome('Table/t')).toBe('retry 1 in 1000 ms: step_failed')
    expect(bench.engine.resource('Table/t')?.outcome).toMatchObject({
      error: { message: 'Table/t: create table (id): disk is full' },
    })
    await bench.advance(999)
    expect(failures).toBe(2)
    await bench.advance(1)
    expect(bench.outcome('Table/t')).toBe('retry 2 in 2000 ms: step_failed')
    await bench.resync()
    expect(bench.outcome('Table/t')).toBe('retry 2 in 2000 ms: step_failed')
    await bench.advance(2_000)
    await bench.advance(4_000)
    expect(bench.outcome('SourceDefinition/a')).toBe('ready')
  })

  it('waits at least as long as the other side asked', async () => {
    await using bench = new Bench({ options: { backoff: exponentialBackoff(() => 0) } })
    bench.world.beforeStep = () => {
      throw new HermesError('http_rate_limited', 'slow down', { retryAfterMs: 7_000 })
    }
    await bench.apply([source('a')])
    expect(bench.outcome('Table/t')).toBe('retry 1 in 7000 ms: http_rate_limited')
  })

  it('stalls without a timer when a person has to act, until a look at everything', async () => {
    await using bench = new Bench()
    let broken = true
    bench.world.beforeStep = () => {
      if (broken) throw new HermesError('table_foreign', 'somebody else owns t')
    }
    await bench.apply([source('a')])
    await bench.advance(50_000)
    expect(bench.outcome('Table/t')).toBe('stalled: table_foreign')
    expect(bench.outcome('SourceDefinition/a')).toBe('waiting on Table/t')
    broken = false
    await bench.advance(10_000)
    expect(bench.outcome('SourceDefinition/a')).toBe('ready')
  })

  it('that changes nothing is reported as not converging', async () => {
    await using bench = new Bench()
    bench.world.afterStep = (key) => {
      if (key === 'Table/t') bench.world.tables.delete('t')
    }
    await bench.apply([source('a')])
    expect(bench.outcome('Table/t')).toBe('retry 1 in 1000 ms: not_converged')
    expect(bench.ledger.stored.get('Table/t')?.settled).toBeUndefined()
    bench.world.afterStep = () => undefined
    await bench.advance(1_000)
    expect(bench.outcome('SourceDefinition/a')).toBe('ready')
  })

  it('starts over with a new manifest, at once', async () => {
    await using bench = new Bench()
    bench.world.beforeStep = () => {
      throw new Error('no')
    }
    await bench.apply([source('a')])
    await bench.advance(1_000)
    expect(bench.outcome('Table/t')).toMatch(/^retry 2/)
    bench.world.beforeStep = () => undefined
    await bench.apply([source('a', { columns: ['id', 'x'] })])
    expect(bench.outcome('SourceDefinition/a')).toBe('ready')
  })
})

describe('a world that cannot be seen', () => {
  it('puts its resources off together and says so, and the engine goes on', async () => {
    await using bench = new Bench()
    await bench.apply([source('a'), source('b', { table: 'u' })])
    bench.world.beforeObserve = () => {
      throw new HermesError('database_unavailable', 'connection refused')
    }
    await bench.resync()
    expect(bench.engine.state().trouble?.code).toBe('database_unavailable')
    expect(bench.outcome('Table/t')).toBe('retry 1 in 1000 ms: database_unavailable')
    expect(bench.outcome('SourceDefinition/b')).toBe('retry 1 in 1000 ms: database_unavailable')
    await expect(bench.plan([source('a')])).rejects.toMatchObject({ code: 'database_unavailable' })
    bench.world.beforeObserve = () => undefined
    await bench.advance(1_000)
    expect(new Set(Object.values(bench.states))).toEqual(new Set(['ready']))
    expect(bench.engine.state().trouble).toBeUndefined()
  })
})

describe('a ledger that is away', () => {
  it('at the start: the revision is accepted when it is back', async () => {
    await using bench = new Bench()
    bench.ledger.down = true
    bench.feed.show(snapshot([source('a')]))
    await bench.advance(0)
    expect(bench.engine.state().trouble?.code).toBe('database_unavailable')
    await bench.advance(1_000)
    expect(bench.world.done).toEqual([])
    bench.ledger.down = false
    await bench.advance(2_000)
    expect(bench.outcome('SourceDefinition/a')).toBe('ready')
    expect(bench.engine.state().trouble).toBeUndefined()
  })

  it('between two revisions: the old one stays in force', async () => {
    await using bench = new Bench()
    await bench.apply([source('a')])
    bench.ledger.down = true
    await expect(bench.apply([source('b')])).rejects.toMatchObject({ code: 'database_unavailable' })
    expect(bench.states).toEqual({ 'SourceDefinition/a': 'ready', 'Table/t': 'ready' })
    bench.ledger.down = false
    await bench.apply([source('b')])
    expect(bench.world.contents.rows).toEqual(['t/b'])
    expect(bench.ledger.calls.filter((call) => call === 'entries')).toHaveLength(2)
  })

  it('after the steps: they are not repeated, only settled', async () => {
    await using bench = new Bench()
    bench.world.afterStep = (key) => {
      if (key === 'Table/t') bench.ledger.down = true
    }
    await bench.apply([source('a')])
    expect(bench.outcome('Table/t')).toBe('retry 1 in 1000 ms: database_unavailable')
    bench.ledger.down = false
    await bench.advance(1_000)
    expect(bench.outcome('SourceDefinition/a')).toBe('ready')
    expect(bench.world.done).toHaveLength(2)
  })

  it('whose write was lost on the way is read again', async () => {
    await using bench = new Bench()
    let lose = true
    bench.ledger.beforeWrite = () => {
      if (!lose) return
      lose = false
      throw new HermesError('database_unavailable', 'connection reset')
    }
    bench.feed.show(snapshot([source('a')]))
    await bench.advance(1_000)
    expect(bench.outcome('SourceDefinition/a')).toBe('ready')
    expect(bench.ledger.calls.filter((call) => call === 'entries')).toHaveLength(2)
  })
})

describe('an origin that throws', () => {
  it('is followed again after a pause', async () => {
    await using bench = new Bench()
    bench.feed.broken = true
    bench.feed.show(snapshot([source('a')]))
    await bench.advance(0)
    expect(bench.engine.state().trouble?.message).toBe('not mounted')
    bench.feed.broken = false
    await bench.advance(1_000)
    expect(bench.outcome('SourceDefinition/a')).toBe('ready')
    expect(bench.engine.state().trouble).toBeUndefined()
  })
})

it('backs off between one second and a ceiling that doubles up to five minutes', () => {
  const attempts = [1, 2, 3, 8, 9, 500]
  expect(attempts.map((attempt) => exponentialBackoff(() => 0)(attempt))).toEqual([1e3, 1e3, 1e3, 1e3, 1e3, 1e3])
  expect(attempts.map((attempt) => exponentialBackoff(() => 1)(attempt))).toEqual([2e3, 4e3, 8e3, 256e3, 3e5, 3e5])
  expect(exponentialBackoff(() => 0.5)(3, 60_000)).toBe(60_000)
})

it('holds nobody up for a claim that cannot be read any more', async () => {
  await using bench = new Bench()
  await bench.apply([source('a'), source('old'), source('z', { table: 'u' })])
  const entry = bench.ledger.stored.get('SourceDefinition/old')
  if (entry === undefined) throw new Error('not in the ledger')
  bench.ledger.stored.set('SourceDefinition/old', { ...entry, settled: { hash: 'other', spec: null } })
  await using second = new Bench({ world: bench.world, ledger: bench.ledger })
  await second.apply([source('z', { table: 'u' })])
  expect(second.outcome('SourceDefinition/a')).toBe('absent')
  expect(second.outcome('SourceDefinition/old')).toMatch(/^retry 1/)
  expect(second.world.contents.rows).toEqual(['t/old', 'u/z'])
  const plan = await second.plan([source('z', { table: 'u' })])
  expect(plan.problems).toMatchObject([{ code: 'internal' }])
  expect(plan.resources.map(({ key, waitsFor }) => [key, waitsFor])).toEqual([['Table/t', undefined]])
})

it('survives a listener that throws', async () => {
  await using bench = new Bench()
  bench.engine.onChange(() => {
    throw new Error('listener')
  })
  await bench.apply([source('a')])
  expect(bench.outcome('SourceDefinition/a')).toBe('ready')
})
