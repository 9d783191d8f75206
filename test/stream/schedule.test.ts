import { expect, test } from 'vitest'
import { dueAt, nextTurn, type RunHistory, retryDelayMs, type Schedule } from '../../src/stream/schedule.ts'

const hour = 3_600_000
const registeredAt = 1_000 * hour
/** Every full hour. */
const nextCron = (_expression: string, _timezone: string | undefined, after: number) =>
  Math.floor(after / hour) * hour + hour

function due(schedule: Schedule, history: Partial<RunHistory>): number | undefined {
  return dueAt({ name: 'a', schedule, registeredAt }, { attempt: 0, ...history }, nextCron)
}

test.each<[string, Schedule, Partial<RunHistory>, number | undefined]>([
  ['never run: at once', { everyMs: hour }, {}, registeredAt],
  ['last run plus the interval', { everyMs: hour }, { lastRunAt: 5 }, hour + 5],
  ['continuously', { everyMs: 0 }, { lastRunAt: 5 }, 5],
  ['no schedule: once', {}, {}, registeredAt],
  ['no schedule and it has run: never by itself', {}, { lastRunAt: 5 }, undefined],
  [
    'cron counts from the declaration before the first run',
    { cron: { expression: '0 * * * *' } },
    {},
    registeredAt + hour,
  ],
  ['cron counts from the last run', { cron: { expression: '0 * * * *' } }, { lastRunAt: 5 }, hour],
  ['a failure waits until not_before', { everyMs: hour }, { attempt: 3, notBefore: 77, lastRunAt: 5 }, 77],
  ['an empty run follows the schedule', { everyMs: hour }, { attempt: 0, notBefore: 77, lastRunAt: 5 }, hour + 5],
  ['an empty run pauses, even continuously', { everyMs: 0 }, { attempt: 0, notBefore: 77, lastRunAt: 5 }, 77],
  ['an empty run without a schedule was the only one', {}, { attempt: 0, notBefore: 77, lastRunAt: 5 }, undefined],
  ['an interrupted run goes on at once', { everyMs: hour }, { attempt: 1, startedAt: 9, lastRunAt: 5 }, 9],
  ['one that keeps being interrupted backs off', { everyMs: hour }, { attempt: 5, startedAt: 9 }, 9 + 8_000],
])('%s', (_name, schedule, history, expected) => {
  expect(due(schedule, history)).toBe(expected)
})

test('jitter is the same for the same source and turn, and spreads sources', () => {
  const turns = Array.from({ length: 200 }, (_, index) =>
    nextTurn({ name: `source-${index}`, schedule: { everyMs: hour, jitterMs: 60_000 }, registeredAt }, 0, nextCron),
  )
  const again = nextTurn({ name: 'source-0', schedule: { everyMs: hour, jitterMs: 60_000 }, registeredAt }, 0, nextCron)
  expect(again).toBe(turns[0])
  expect(Math.min(...turns.map(Number))).toBeGreaterThanOrEqual(hour)
  expect(Math.max(...turns.map(Number))).toBeLessThanOrEqual(hour + 60_000)
  expect(new Set(turns).size).toBeGreaterThan(150)
})

test('retries double from two seconds to a quarter of an hour', () => {
  expect([1, 2, 3, 10, 1_000].map((attempt) => retryDelayMs(attempt, 1))).toEqual([
    2_000, 4_000, 8_000, 900_000, 900_000,
  ])
  expect(retryDelayMs(1, 0)).toBe(1_000)
})
