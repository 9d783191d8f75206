import { describe, expect, it } from 'vitest'
import { HermesError } from '../../src/errors.ts'
import { EventObserver } from '../../src/observe/event-observer.ts'
import { EventLog } from '../../src/observe/events.ts'
import type { Outcome } from '../../src/reconcile/controller.ts'
import type { ResourceState } from '../../src/reconcile/state.ts'
import { FakeClock } from '../fake-clock.ts'

const secret = 'hunter22'
const key = 'SourceDefinition/prices'

function world() {
  const clock = new FakeClock()
  const log = new EventLog(clock, (text) => text.replaceAll(secret, '***'))
  const observer = new EventObserver(log)
  const lines = (): readonly string[] =>
    log.list().map(({ type, key: of = '-', reason, message, count }) => `${type} ${of} ${reason} x${count}: ${message}`)
  return { clock, log, observer, lines }
}

function stateWith(outcome: Outcome | { readonly state: 'progressing' }): ResourceState {
  const at = { file: 'prices.yaml', line: 1, column: 1 }
  const known = { kind: 'SourceDefinition', name: 'prices', at, revision: 'r', registeredAt: 0 }
  return { key, ...known, outcome, removed: false, derived: false }
}

const late = new HermesError('http_timeout', 'page 2 did not come')
const retry = (attempt: number): Outcome => ({ state: 'retry', error: late, attempt, notBefore: 0 })

describe('an event log', () => {
  it('folds what happens again, with a count and its first and last time', async () => {
    const { clock, log } = world()
    const happening = { type: 'warning', key, reason: 'HttpTimeout', message: 'late' } as const
    log.record(happening)
    await clock.advance(60_000)
    log.record({ ...happening, key: 'SourceDefinition/other' })
    await clock.advance(60_000)
    log.record(happening)
    expect(log.list(key)).toEqual([
      { ...happening, count: 2, firstAt: '2026-01-01T00:00:00.000Z', lastAt: '2026-01-01T00:02:00.000Z' },
    ])
    expect(log.list().map((entry) => entry.key)).toEqual(['SourceDefinition/other', key])
  })

  it('keeps a thousand of either type, those that happened last', async () => {
    const { clock, log } = world()
    log.record({ type: 'warning', reason: 'Rare', message: 'once' })
    const often = (index: number) => log.record({ type: 'normal', reason: 'Often', message: `${index}` })
    for (let index = 0; index < 1_000; index += 1) often(index)
    await clock.advance(1)
    often(0)
    often(1_000)
    const kept = log.list()
    expect(kept).toHaveLength(1_001)
    expect(kept.find(({ reason }) => reason === 'Rare')).toBeDefined()
    expect(kept.slice(-2).map(({ message, count }) => [message, count])).toEqual([
      ['0', 2],
      ['1000', 1],
    ])
    expect(kept.find(({ message }) => message === '1')).toBeUndefined()
  })

  it('keeps no secret and no long text (invariant 9)', () => {
    const { log } = world()
    log.record({ type: 'normal', reason: 'Said', message: `key=${secret} ${'x'.repeat(5_000)}` })
    const [entry] = log.list()
    expect(entry?.message).toMatch(/^key=\*\*\* x+…$/)
    expect(entry?.message).toHaveLength(1_000)
  })
})

describe('an observer', () => {
  it('tells steps, approvals and refusals', () => {
    const { observer, lines } = world()
    const step = { op: '+', summary: 'add column volume', reason: 'spec.table.columns.volume was added' } as const
    observer.happened({ type: 'step', key: 'Table/prices', step })
    observer.happened({ type: 'approved', keys: [key, 'Table/prices'], approval: 'abc' })
    observer.happened({ type: 'refused', error: new HermesError('database_unavailable', 'it is away') })
    expect(lines()).toEqual([
      'normal Table/prices StepApplied x1: add column volume, because spec.table.columns.volume was added',
      `normal ${key} Approved x1: approved abc`,
      'normal Table/prices Approved x1: approved abc',
      'warning - RevisionRefused x1: it is away (database_unavailable)',
    ])
  })

  it('tells a revision once, and each of its problems while it lasts', () => {
    const { observer, lines } = world()
    const problem = { code: 'invalid_cron', message: 'no cron', at: { file: 'a.yaml', line: 3, column: 5 }, fix: '' }
    const accepted = (revision: string, ...problems: (typeof problem)[]) =>
      observer.happened({ type: 'accepted', revision, problems })
    accepted('main@sha1:1', problem)
    accepted('main@sha1:1', problem, { ...problem, code: 'git_unreachable', message: 'no server' })
    accepted('main@sha1:1', problem)
    accepted('main@sha1:2', problem)
    expect(lines()).toEqual([
      'normal - RevisionAccepted x1: main@sha1:1 is in force',
      'normal - RevisionAccepted x1: main@sha1:2 is in force',
      'warning - InvalidCron x1: a.yaml:3:5 no cron',
      'warning - GitUnreachable x1: a.yaml:3:5 no server',
    ])
  })

  it('tells each failure of a lap, and that it recovered, once', () => {
    const { observer, lines } = world()
    observer.changed(key, stateWith({ state: 'ready' }))
    observer.changed(key, stateWith({ state: 'waiting', on: 'Table/prices' }))
    for (const attempt of [1, 2, 3]) observer.changed(key, stateWith(retry(attempt)))
    observer.changed(key, stateWith({ state: 'progressing' }))
    observer.changed(key, stateWith({ state: 'ready' }))
    observer.changed(key, stateWith({ state: 'ready' }))
    observer.changed(key, stateWith({ state: 'waiting', until: 0 }))
    const error = new HermesError('approval_needed', `${key} would lose column volume`)
    observer.changed(key, stateWith({ state: 'blocked', approval: 'abc', error }))
    observer.changed(key, stateWith({ state: 'ready' }))
    expect(lines()).toEqual([
      `normal ${key} Recovered x1: it is as its manifest says again`,
      `normal ${key} SyncWindow x1: waits for its window, which opens 1970-01-01T00:00:00.000Z`,
      `warning ${key} HttpTimeout x3: page 2 did not come`,
      `warning ${key} ApprovalNeeded x1: ${key} would lose column volume: abc`,
    ])
  })

  it('tells the first fetch, failures and the end of them; nothing of fetches that go well', () => {
    const { observer, lines } = world()
    const fetched = (outcome: 'finished' | 'interrupted') => observer.fetched('prices', { outcome, rows: 5 })
    fetched('interrupted')
    fetched('finished')
    fetched('finished')
    for (const _ of [1, 2]) observer.fetched('prices', { outcome: 'failed', rows: 0, error: late })
    fetched('interrupted')
    fetched('finished')
    fetched('finished')
    expect(lines()).toEqual([
      `normal ${key} FirstFetch x1: its first fetch since the start brought 5 rows`,
      `normal ${key} FetchRecovered x1: it is fetched again`,
      `warning ${key} HttpTimeout x2: the fetch failed: page 2 did not come`,
    ])
  })

  it('forgets what is gone: the next of its name begins anew', () => {
    const { observer, lines } = world()
    observer.changed(key, stateWith(retry(1)))
    observer.fetched('prices', { outcome: 'failed', rows: 0, error: late })
    observer.changed(key, undefined)
    observer.changed(key, stateWith({ state: 'ready' }))
    observer.fetched('prices', { outcome: 'finished', rows: 1 })
    expect(lines().filter((line) => line.startsWith('normal'))).toEqual([
      `normal ${key} FirstFetch x1: its first fetch since the start brought 1 row`,
    ])
  })
})
