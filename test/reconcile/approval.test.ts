import { describe, expect, it } from 'vitest'
import { isApproved, offerFor } from '../../src/reconcile/approval.ts'
import type { Step } from '../../src/reconcile/controller.ts'
import { planExitCode } from '../../src/reconcile/plan.ts'
import { Bench } from './bench.ts'
import { connection, snapshot, source } from './manifests.ts'

const wide = source('a', { columns: ['id', 'x', 'y'] })
const narrow = source('a', { columns: ['id'] })
const steady = source('b')

function many(count: number, prefix = 's'): ReturnType<typeof source>[] {
  return Array.from({ length: count }, (_, index) => source(`${prefix}${index}`))
}

describe('a change that loses data of a live resource', () => {
  it('runs none of its steps until its hash is approved', async () => {
    await using bench = new Bench()
    await bench.apply([wide, steady])
    const plan = await bench.plan([narrow, steady])
    expect(planExitCode(plan)).toBe(3)
    bench.world.done.length = 0
    await bench.apply([narrow, steady])
    expect(bench.world.done).toEqual([])
    expect(bench.outcome('Table/t')).toBe('blocked: approval_needed')
    expect(bench.outcome('SourceDefinition/a')).toBe('waiting on Table/t')
    expect(bench.outcome('SourceDefinition/b')).toBe('ready')
    const hash = bench.approval('Table/t')
    expect(plan.resources.find((each) => each.key === 'Table/t')?.blocked?.approval).toBe(hash)
    await expect(bench.engine.approve('0123456789ab')).rejects.toMatchObject({ code: 'approval_stale' })
    expect(await bench.engine.approve(hash)).toEqual(['Table/t'])
    await bench.engine.settled()
    expect(bench.world.contents.tables).toEqual(['t(id)'])
    expect(bench.outcome('SourceDefinition/a')).toBe('ready')
    await expect(bench.engine.approve(hash)).rejects.toMatchObject({ code: 'approval_stale' })
  })

  it('may be approved by an annotation on any manifest', async () => {
    await using bench = new Bench()
    await bench.apply([wide])
    await bench.apply([narrow])
    const annotations = { 'hermes/approve': `000000000000, ${bench.approval('Table/t')}` }
    await bench.apply([narrow, connection('c', 'none', { annotations })])
    expect(bench.world.contents.tables).toEqual(['t(id)'])
  })

  it('stays approved by the annotation after a crash between two of its steps', async () => {
    const first = new Bench()
    await first.apply([wide])
    await first.apply([narrow])
    const annotations = { 'hermes/approve': first.approval('Table/t') }
    const approved = [narrow, connection('c', 'none', { annotations })]
    first.world.afterStep = () => first.stop.abort()
    await first.engine.accept(snapshot(approved))
    await first.running
    expect(first.world.contents.tables).toEqual(['t(id,y)'])
    first.world.afterStep = () => undefined
    await using second = new Bench({ world: first.world, ledger: first.ledger })
    await second.apply(approved)
    expect(second.world.contents.tables).toEqual(['t(id)'])
  })

  it('asks again when it became another change before the approval', async () => {
    await using bench = new Bench()
    await bench.apply([wide])
    await bench.apply([narrow])
    const stale = bench.approval('Table/t')
    await bench.apply([source('a', { columns: ['id', 'x'] })])
    expect(bench.approval('Table/t')).not.toBe(stale)
    await expect(bench.engine.approve(stale)).rejects.toMatchObject({ code: 'approval_stale' })
    expect(bench.world.contents.tables).toEqual(['t(id,x,y)'])
  })

  it('stays blocked under its new hash when the world changed between approval and lap', async () => {
    await using bench = new Bench()
    await bench.apply([wide])
    await bench.apply([narrow])
    const hash = bench.approval('Table/t')
    bench.world.tables.get('t')?.delete('id')
    await bench.engine.approve(hash)
    await bench.engine.settled()
    expect(bench.outcome('Table/t')).toBe('blocked: approval_needed')
    expect(bench.approval('Table/t')).not.toBe(hash)
    expect(bench.world.contents.tables).toEqual(['t(x,y)'])
  })

  it('is approved once: the same change later asks again', async () => {
    await using bench = new Bench()
    for (let round = 0; round < 2; round += 1) {
      await bench.apply([wide])
      await bench.apply([narrow])
      await bench.engine.approve(bench.approval('Table/t'))
      await bench.engine.settled()
    }
    expect(bench.world.contents.tables).toEqual(['t(id)'])
    expect(bench.ledger.stored.get('Table/t')?.approved).toBeUndefined()
  })

  it('goes away when the manifest is taken back', async () => {
    await using bench = new Bench()
    await bench.apply([wide])
    await bench.apply([narrow])
    await bench.apply([wide])
    expect(bench.outcome('Table/t')).toBe('ready')
    expect((await bench.plan([wide])).resources).toEqual([])
  })
})

const elsewhere = (columns: readonly string[]) => source('o', { table: 'u', columns: [...columns] })

describe('the hash of a plan', () => {
  const [before, after] = [
    [wide, elsewhere(['id', 'x'])],
    [narrow, elsewhere(['id'])],
  ]

  it.each([true, false])('approves all that the plan shows as blocked, in force already: %s', async (isInForce) => {
    await using bench = new Bench()
    await bench.apply(before)
    if (isInForce) await bench.apply(after)
    const plan = await bench.plan(after)
    expect(await bench.engine.approvePlan(snapshot(after), plan.hash)).toEqual(['Table/t', 'Table/u'])
    if (!isInForce) await bench.apply(after)
    await bench.engine.settled()
    expect(bench.world.contents.tables).toEqual(['t(id)', 'u(id)'])
    await expect(bench.engine.approvePlan(snapshot(after), plan.hash)).rejects.toMatchObject({ code: 'plan_stale' })
  })

  it('approves nothing once manifests or the world have moved on', async () => {
    await using bench = new Bench()
    await bench.apply(before)
    await bench.apply(after)
    const { hash } = await bench.plan(after)
    const more = [...after, connection('c', 'none')]
    await expect(bench.engine.approvePlan(snapshot(more), hash)).rejects.toMatchObject({ code: 'plan_stale' })
    bench.world.tables.get('u')?.delete('x')
    await expect(bench.engine.approvePlan(snapshot(after), hash)).rejects.toMatchObject({ code: 'plan_stale' })
    await bench.resync()
    expect(bench.world.contents.tables).toEqual(['t(id,x,y)', 'u(id)'])
    expect(bench.ledger.stored.get('Table/t')?.approved).toBeUndefined()
  })

  it('approves removals that are held together, beside a change', async () => {
    await using bench = new Bench()
    await bench.apply([...before, ...many(30)])
    await bench.apply(after)
    const { hash } = await bench.plan(after)
    expect(await bench.engine.approvePlan(snapshot(after), hash)).toHaveLength(32)
    await bench.engine.settled()
    expect(bench.world.contents.rows).toEqual(['t/a', 'u/o'])
  })

  it('of a plan without anything blocked is refused', async () => {
    await using bench = new Bench()
    await bench.apply(before)
    const { hash } = await bench.plan([...before, steady])
    const refused = bench.engine.approvePlan(snapshot([...before, steady]), hash)
    await expect(refused).rejects.toMatchObject({ code: 'approval_stale' })
  })
})

describe('an approval hash', () => {
  const step: Step = { op: '~', summary: 'drop a', sql: 'DROP a', destroys: { what: 'a', rows: 1 }, reason: 'r' }
  const other: Step = { ...step, summary: 'drop b', sql: 'DROP b' }

  it('knows what happens, not how many rows or why', () => {
    const hash = offerFor('Table/t', [step])?.approval
    expect(hash).toMatch(/^[0-9a-f]{12}$/)
    const recounted = { ...step, destroys: { what: 'a', rows: 2 }, reason: 'other' }
    expect(offerFor('Table/t', [recounted])?.approval).toBe(hash)
    for (const [key, steps] of [
      ['Table/u', [step]],
      ['Table/t', [other]],
      ['Table/t', [step, other]],
      ['Table/t', [{ ...step, destroys: { what: 'b' } }]],
    ] as const) {
      expect(offerFor(key, steps)?.approval).not.toBe(hash)
    }
    expect(offerFor('Table/t', [{ op: '+', summary: 'add', reason: 'r' }])).toBeUndefined()
  })

  it('covers what is left of the steps it was given for, and nothing more', () => {
    const [both, left] = [offerFor('Table/t', [step, other]), offerFor('Table/t', [other])]
    if (both === undefined || left === undefined) throw new Error('nothing is destroyed')
    expect(isApproved(left, both.token, new Set())).toBe(true)
    expect(isApproved(both, left.token, new Set())).toBe(false)
    expect(isApproved(left, left.approval, new Set())).toBe(true)
    expect(isApproved(left, undefined, new Set([left.approval]))).toBe(true)
    expect(isApproved(left, 'prune:000000000000', new Set([both.approval]))).toBe(false)
  })
})

describe('the prune guard', () => {
  it.each([
    { before: 12, removed: 10, held: false },
    { before: 12, removed: 11, held: true },
    { before: 100, removed: 20, held: false },
    { before: 100, removed: 21, held: true },
  ])('of $before resources, $removed removed: held $held', async ({ before, removed, held }) => {
    await using bench = new Bench()
    const all = many(before)
    await bench.apply(all)
    await bench.apply(all.slice(removed))
    expect(bench.world.rows.size).toBe(held ? before : before - removed)
    expect(bench.outcome('SourceDefinition/s0')).toBe(held ? 'blocked: prune_guard' : 'absent')
  })

  it('holds all removals together until they are approved together', async () => {
    await using bench = new Bench()
    const all = many(30)
    await bench.apply(all)
    const rest = [source('z')]
    const plan = await bench.plan(rest)
    expect(plan.summary).toMatchObject({ create: 1, blocked: 30 })
    await bench.apply(rest)
    expect(bench.outcome('SourceDefinition/z')).toBe('ready')
    const hash = bench.approval('SourceDefinition/s0')
    expect(plan.resources.find((each) => each.action === 'remove')?.blocked?.approval).toBe(hash)
    expect(await bench.engine.approve(hash)).toHaveLength(30)
    await bench.engine.settled()
    expect(bench.world.contents.rows).toEqual(['t/z'])
    await expect(bench.engine.approve(hash)).rejects.toMatchObject({ code: 'approval_stale' })
  })

  it('lets a table wait whose sources it holds', async () => {
    await using bench = new Bench()
    const all = many(12)
    await bench.apply(all)
    await bench.apply([source('z', { table: 'other' })])
    expect(bench.outcome('Table/t')).toMatch(/^waiting on SourceDefinition\/s/)
    await bench.apply([source('z', { table: 'other', columns: ['id', 'n'] }), ...all.slice(0, 5)])
    expect(bench.world.rows.size).toBe(6)
  })

  it('does not count what moves to another name', async () => {
    await using bench = new Bench()
    await bench.apply(many(15))
    const moved = many(15, 'n').map((each, index) => ({ ...each, annotations: { 'hermes/moved-from': `s${index}` } }))
    await bench.apply(moved)
    expect(bench.world.rows.size).toBe(15)
    expect(bench.world.rows.has('t/n3')).toBe(true)
    expect(bench.ledger.stored.size).toBe(16)
  })

  it('may be approved by an annotation, and what is left after a crash needs no second approval', async () => {
    const first = new Bench()
    await first.apply(many(30))
    const rest = [source('z')]
    await first.apply(rest)
    const annotated = [source('z', {}, { annotations: { 'hermes/approve': first.approval('SourceDefinition/s0') } })]
    let removed = 0
    first.world.beforeStep = () => {
      removed += 1
      if (removed > 12) first.abort.abort()
      first.abort.signal.throwIfAborted()
    }
    await first.engine.accept(snapshot(annotated))
    first.abort.signal.addEventListener('abort', () => first.stop.abort())
    await first.running
    expect(first.world.rows.size).toBe(19)
    first.world.beforeStep = () => undefined
    await using second = new Bench({ world: first.world, ledger: first.ledger })
    await second.apply(rest)
    expect(second.world.contents.rows).toEqual(['t/z'])
  })
})
