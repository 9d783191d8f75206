import { describe, expect, it } from 'vitest'
import type { SyncWindow } from '../../src/manifest/sync-window.ts'
import type { Controller } from '../../src/reconcile/controller.ts'
import type { Plan } from '../../src/reconcile/plan.ts'
import { renderText } from '../../src/reconcile/render-text.ts'
import { Slots } from '../../src/reconcile/turn.ts'
import { Bench, type BenchParts } from './bench.ts'
import { type SourceSpec, source } from './manifests.ts'
import { World } from './world.ts'

interface Governed extends Partial<SourceSpec> {
  readonly window?: SyncWindow
  readonly priority?: number
}

/** Noon to one o'clock; a bench begins at midnight. */
const noon: SyncWindow = { allow: [{ cron: '0 12 * * *', duration: '1h' }] }
const hour = 3_600_000

/** A bench whose sources name their window and priority, and that looks at nothing by itself. */
function governedBench({ options, ...parts }: BenchParts = {}): Bench {
  const world = parts.world ?? new World()
  const controllers = world.controllers().map((controller): Controller => {
    const rules = {
      window: (spec: unknown) => (spec as Governed).window,
      priority: (spec: unknown) => (spec as Governed).priority ?? 0,
    }
    return controller.kind === 'SourceDefinition' ? { ...controller, ...rules } : controller
  })
  return new Bench({ ...parts, world, options: { controllers, resyncMs: 365 * 24 * hour, ...options } })
}

function summaries({ resources }: Plan): readonly string[] {
  return resources.flatMap(({ key, steps }) => steps.map(({ summary }) => `${key}: ${summary}`))
}

function governed(name: string, spec: Governed) {
  return source(name, spec)
}

describe('a window', () => {
  it('puts steps off, shows when it opens, and wakes by the time alone', async () => {
    await using bench = governedBench()
    await bench.apply([governed('a', { window: noon })])
    expect(bench.outcome('SourceDefinition/a')).toBe('waiting until 2026-01-01T12:00:00.000Z')
    expect(bench.outcome('Table/t')).toBe('ready')
    const looks = bench.world.observed.length
    await bench.advance(12 * hour - 1)
    expect([bench.world.observed.length, bench.world.contents.rows]).toEqual([looks, []])
    await bench.advance(1)
    await bench.engine.settled()
    expect([bench.outcome('SourceDefinition/a'), bench.world.contents.rows]).toEqual(['ready', ['t/a']])
  })

  it('shows in the plan, which is none the less of the same steps', async () => {
    await using bench = governedBench()
    const open = await bench.plan([governed('a', {})])
    const closed = await bench.plan([governed('a', { window: noon })])
    expect(closed.resources.map(({ key, opensAt }) => [key, opensAt])).toEqual([
      ['Table/t', undefined],
      ['SourceDefinition/a', '2026-01-01T12:00:00.000Z'],
    ])
    expect(summaries(closed)).toEqual(summaries(open))
    expect(renderText(closed)).toContain('\n    waits for its window, which opens 2026-01-01T12:00:00.000Z\n')
  })

  it('that is closed stays closed when it is looked at, and opens all the same', async () => {
    await using bench = governedBench()
    await bench.apply([governed('a', { window: noon })])
    await bench.resync()
    expect(bench.outcome('SourceDefinition/a')).toBe('waiting until 2026-01-01T12:00:00.000Z')
    await bench.advance(12 * hour)
    await bench.engine.settled()
    expect(bench.outcome('SourceDefinition/a')).toBe('ready')
  })

  it('is no hindrance where there is nothing to do', async () => {
    await using bench = governedBench()
    await bench.apply([governed('a', { window: noon })])
    await bench.advance(12 * hour)
    await bench.advance(2 * hour)
    await bench.resync()
    expect(bench.outcome('SourceDefinition/a')).toBe('ready')
  })

  it('is the one that is declared now: without it the steps run at once', async () => {
    await using bench = governedBench()
    await bench.apply([governed('a', { window: noon })])
    await bench.apply([governed('a', {})])
    expect([bench.outcome('SourceDefinition/a'), bench.world.contents.rows]).toEqual(['ready', ['t/a']])
  })

  it('puts drift off as well, and a removal to the window it had last', async () => {
    await using bench = governedBench()
    const rest = source('z', { table: 'z' })
    await bench.apply([governed('a', { window: noon }), rest])
    await bench.advance(12.5 * hour)
    await bench.engine.settled()
    await bench.advance(hour)
    bench.world.rows.delete('t/a')
    await bench.resync()
    expect(bench.outcome('SourceDefinition/a')).toBe('waiting until 2026-01-02T12:00:00.000Z')
    bench.world.rows.add('t/a')
    await bench.apply([rest])
    expect(bench.outcome('SourceDefinition/a')).toBe('waiting until 2026-01-02T12:00:00.000Z')
    expect(bench.outcome('Table/t')).toBe('waiting on SourceDefinition/a')
    await bench.advance(23 * hour)
    await bench.engine.settled()
    expect(bench.states).toEqual({ 'SourceDefinition/z': 'ready', 'Table/z': 'ready' })
    expect(bench.world.contents).toEqual({ tables: ['z(id)'], rows: ['z/z'] })
  })

  it('does not hold up what works on as it was', async () => {
    const world = new World()
    const [connections, tables, sources] = world.controllers()
    if (connections === undefined || tables === undefined || sources === undefined) throw new Error('three kinds')
    const closedTables = { ...tables, window: () => noon }
    await using bench = new Bench({ world, options: { controllers: [connections, closedTables, sources] } })
    await bench.advance(12 * hour)
    await bench.apply([source('a')])
    await bench.advance(2 * hour)
    await bench.apply([source('a'), source('b', { columns: ['id', 'x'] })])
    expect(bench.outcome('Table/t')).toBe('waiting until 2026-01-02T12:00:00.000Z')
    expect(bench.outcome('SourceDefinition/a')).toBe('ready')
    expect(bench.outcome('SourceDefinition/b')).toBe('waiting on Table/t')
    const { resources } = await bench.plan([source('a'), source('b', { columns: ['id', 'x'] })])
    expect(resources.map(({ key, waitsFor, opensAt }) => [key, waitsFor ?? opensAt])).toEqual([
      ['Table/t', '2026-01-02T12:00:00.000Z'],
      ['SourceDefinition/b', 'Table/t'],
    ])
    await bench.advance(22 * hour)
    await bench.engine.settled()
    expect(new Set(Object.values(bench.states))).toEqual(new Set(['ready']))
  })
})

describe('a priority', () => {
  it('decides among what a revision changes', async () => {
    await using bench = governedBench({ options: { concurrency: 1 } })
    await bench.apply([
      governed('low', { priority: -1 }),
      governed('plain', {}),
      governed('high', { priority: 5 }),
      governed('other', {}),
    ])
    expect(bench.world.done.filter((step) => step.endsWith('fetch'))).toEqual([
      'SourceDefinition/high: fetch',
      'SourceDefinition/plain: fetch',
      'SourceDefinition/other: fetch',
      'SourceDefinition/low: fetch',
    ])
  })

  it('goes before what was asked for earlier and has not begun', async () => {
    const slots = new Slots(1)
    const began: string[] = []
    const gate = Promise.withResolvers<void>()
    const ask = (name: string, priority?: number) => slots.run(async () => void began.push(name), priority)
    const first = slots.run(() => gate.promise)
    const rest = [ask('plain'), ask('low', -1), ask('high', 2), ask('other'), ask('higher', 3), ask('as high', 2)]
    gate.resolve()
    await Promise.all([first, ...rest])
    expect(began).toEqual(['higher', 'high', 'as high', 'plain', 'other', 'low'])
  })
})
