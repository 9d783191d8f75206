import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { DueQueue } from '../../src/stream/due-queue.ts'
import { type RunReport, Scheduler } from '../../src/stream/scheduler.ts'
import { FakeClock, settle } from '../fake-clock.ts'

function source(name: string, lane = '', laneLimit = 99) {
  return { name, lane, laneLimit }
}

function world(concurrency: number, every = 10_000) {
  const clock = new FakeClock()
  const started: string[] = []
  const open = new Map<string, (report: Partial<RunReport>) => void>()
  const stopped: string[] = []
  const scheduler = new Scheduler({
    clock,
    concurrency,
    run: async (name, stop) => {
      started.push(name)
      stop.addEventListener('abort', () => {
        stopped.push(name)
        open.get(name)?.({})
      })
      const { promise, resolve } = Promise.withResolvers<Partial<RunReport>>()
      open.set(name, resolve)
      const report = await promise
      open.delete(name)
      return { nextDueAt: clock.now() + every, ...report }
    },
  })
  const finish = async (name: string, report: Partial<RunReport> = {}) => {
    open.get(name)?.(report)
    await settle()
  }
  return { clock, scheduler, started, stopped, open, finish }
}

test('a heap gives names in order of time, whatever is set, moved and deleted', () => {
  const command = fc.oneof(
    fc.record({
      op: fc.constant('set' as const),
      name: fc.integer({ min: 0, max: 20 }),
      at: fc.integer({ min: 0, max: 50 }),
    }),
    fc.record({ op: fc.constant('delete' as const), name: fc.integer({ min: 0, max: 20 }), at: fc.constant(0) }),
  )
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const queue = new DueQueue()
      const model = new Map<string, number>()
      for (const { op, name, at } of commands) {
        if (op === 'set') queue.set(`${name}`, at)
        else queue.delete(`${name}`)
        if (op === 'set') model.set(`${name}`, at)
        else model.delete(`${name}`)
        expect(queue.size).toBe(model.size)
        expect(queue.first?.at).toBe(model.size === 0 ? undefined : Math.min(...model.values()))
      }
      const drained: number[] = []
      for (let first = queue.first; first !== undefined; first = queue.first) {
        expect(model.get(first.name)).toBe(first.at)
        drained.push(first.at)
        queue.delete(first.name)
      }
      expect(drained).toEqual([...model.values()].toSorted((a, b) => a - b))
    }),
  )
})

test('starts the longest overdue first, and no more than the workers can carry', async () => {
  const { clock, scheduler, started, finish } = world(2)
  scheduler.set(source('late'), clock.now() - 5_000)
  scheduler.set(source('latest'), clock.now() - 60_000)
  scheduler.set(source('just'), clock.now() - 1)
  scheduler.start()
  expect(started).toEqual(['latest', 'late'])
  expect(scheduler.backlog).toBe(1)
  await finish('latest')
  expect(started).toEqual(['latest', 'late', 'just'])
})

test('sleeps until the next due time and runs again after each run', async () => {
  const { clock, scheduler, started, finish } = world(2)
  scheduler.set(source('a'), clock.now() + 3_000)
  scheduler.start()
  await clock.advance(2_999)
  expect(started).toEqual([])
  await clock.advance(1)
  expect(started).toEqual(['a'])
  expect(scheduler.dueAt('a')).toBeUndefined()
  await finish('a')
  expect(scheduler.dueAt('a')).toBe(clock.now() + 10_000)
  await clock.advance(10_000)
  expect(started).toEqual(['a', 'a'])
})

test('is fair between lanes: a busy connection does not starve the others', async () => {
  const { clock, scheduler, started } = world(3)
  for (let index = 0; index < 10; index += 1) scheduler.set(source(`busy-${index}`, 'busy'), clock.now() - 1_000_000)
  scheduler.set(source('quiet', 'quiet'), clock.now() - 1)
  scheduler.set(source('other', 'other'), clock.now() - 2)
  scheduler.start()
  expect(started.toSorted()).toEqual(['busy-0', 'other', 'quiet'])
})

test('keeps to a lane limit and leaves its workers to other lanes', async () => {
  const { clock, scheduler, started, finish } = world(4)
  for (const [index, name] of ['a', 'b', 'c'].entries()) scheduler.set(source(name, 'one', 1), clock.now() - 9 + index)
  scheduler.set(source('d', 'two', 1), clock.now())
  scheduler.start()
  expect(started.toSorted()).toEqual(['a', 'd'])
  await finish('a')
  expect(started.toSorted()).toEqual(['a', 'b', 'd'])
})

test('holds a whole lane back when the server asked for it, and goes on when the time has come', async () => {
  const { clock, scheduler, started, finish } = world(1)
  scheduler.set(source('a', 'api'), clock.now() - 2)
  scheduler.set(source('b', 'api'), clock.now() - 1)
  scheduler.start()
  await finish('a', { laneHeldUntil: clock.now() + 5_000 })
  await clock.advance(4_999)
  expect(started).toEqual(['a'])
  await clock.advance(1)
  expect(started).toEqual(['a', 'b'])
})

test('starts the higher priority first, whatever waited longer and whichever lane is less busy', async () => {
  const { clock, scheduler, started, finish } = world(2)
  scheduler.set(source('old', 'quiet'), clock.now() - 60_000)
  scheduler.set({ ...source('first', 'busy'), priority: 2 }, clock.now() - 1)
  scheduler.set({ ...source('second', 'busy'), priority: 1 }, clock.now() - 1)
  scheduler.set({ ...source('last', 'quiet'), priority: -1 }, clock.now() - 90_000)
  scheduler.start()
  expect(started).toEqual(['first', 'second'])
  await finish('first')
  await finish('second')
  expect(started).toEqual(['first', 'second', 'old', 'last'])
})

test('keeps a priority that comes due later', async () => {
  const { clock, scheduler, started, finish } = world(1)
  scheduler.set(source('running'), clock.now())
  scheduler.set(source('a'), clock.now() + 1_000)
  scheduler.set({ ...source('b'), priority: 1 }, clock.now() + 2_000)
  scheduler.start()
  await clock.advance(3_000)
  await finish('running', { nextDueAt: clock.now() + 60_000 })
  expect(started).toEqual(['running', 'b'])
})

test('what a person asked for goes first, and is not put off by being set again', async () => {
  const { clock, scheduler, started, finish } = world(1)
  scheduler.set(source('running'), clock.now())
  scheduler.start()
  scheduler.set({ ...source('urgent'), priority: 1_000 }, clock.now() - 60_000)
  scheduler.set(source('asked'), undefined)
  const report = scheduler.runNow('asked')
  scheduler.set(source('asked'), undefined)
  await finish('running')
  expect(started).toEqual(['running', 'asked'])
  await finish('asked', { nextDueAt: 7 })
  expect(await report).toEqual({ nextDueAt: 7 })
})

test('run now starts at once, joins a run in progress and resolves with its report', async () => {
  const { clock, scheduler, started, finish } = world(1)
  scheduler.set(source('a'), undefined)
  scheduler.start()
  await clock.advance(1_000_000)
  expect(started).toEqual([])
  const first = scheduler.runNow('a')
  const joined = scheduler.runNow('a')
  expect(started).toEqual(['a'])
  await finish('a', { nextDueAt: 7 })
  expect(await first).toEqual({ nextDueAt: 7 })
  expect(await joined).toEqual({ nextDueAt: 7 })
  await expect(scheduler.runNow('absent')).rejects.toThrow('no source absent')
})

test('removing a source stops its run and waits for its end', async () => {
  const { clock, scheduler, started, stopped } = world(1)
  scheduler.set(source('a', 'lane'), clock.now())
  scheduler.start()
  await scheduler.remove('a')
  expect(stopped).toEqual(['a'])
  await clock.advance(100_000)
  expect(started).toEqual(['a'])
  expect(scheduler.running).toBe(0)
})

test('disposing stops what runs, starts nothing more and may be done twice', async () => {
  const { clock, scheduler, started, stopped } = world(1)
  scheduler.set(source('a'), clock.now())
  scheduler.set(source('b'), clock.now())
  scheduler.start()
  await scheduler[Symbol.asyncDispose]()
  await scheduler[Symbol.asyncDispose]()
  expect(started).toEqual(['a'])
  expect(stopped).toEqual(['a'])
  expect(clock.sleeping).toBe(0)
})

test('never loses a source, whatever comes in which order', async () => {
  const command = fc.record({
    op: fc.constantFrom('set', 'remove', 'finish', 'advance'),
    name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    lane: fc.constantFrom('x', 'y'),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 30 }), async (commands) => {
      const { clock, scheduler, started, open, finish } = world(2)
      const alive = new Set<string>()
      scheduler.start()
      for (const { op, name, lane } of commands) {
        if (op === 'set') scheduler.set(source(name, lane, 1), clock.now())
        if (op === 'set') alive.add(name)
        if (op === 'remove') await scheduler.remove(name)
        if (op === 'remove') alive.delete(name)
        if (op === 'finish') await finish(name)
        if (op === 'advance') await clock.advance(1_000)
        expect(scheduler.running).toBeLessThanOrEqual(2)
        expect(scheduler.running).toBe(open.size)
      }
      started.length = 0
      for (let turn = 0; turn < 12; turn += 1) {
        for (const name of open.keys()) await finish(name)
        await clock.advance(10_000)
      }
      expect(new Set([...started, ...open.keys()])).toEqual(alive)
      await scheduler[Symbol.asyncDispose]()
    }),
    { numRuns: 60 },
  )
})
