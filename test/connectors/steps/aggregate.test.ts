import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AggregateStep, openAggregate } from '../../../src/connectors/steps/aggregate.ts'
import type { Batch } from '../../../src/stream/batch.ts'
import { configured, metasOf, now, stepContract, textBatch, textsOf } from '../step-contract.ts'
import { batches, configOf, type Event, type ModelRules, model, rules } from './aggregate-model.ts'

const trades = {
  window: '1m',
  time: 'message.t',
  by: { product: 'message.p' },
  values: { trades: { count: 'true' }, volume: { sum: 'message.n' } },
}

stepContract({
  type: 'aggregate',
  config: trades,
  messages: [
    '{"t": "2026-01-01T00:00:00Z", "p": "a", "n": 1}',
    '{"t": "2026-01-01T00:00:59Z", "p": "a", "n": 9007199254740993}',
    '{"t": "2026-01-01T00:01:00Z", "p": {"x": 1}, "n": 0.5}',
  ],
  reshapes: true,
})

const open = (config: object, closedBefore?: number): AggregateStep =>
  openAggregate(configured('aggregate', config) as never, closedBefore)

const trade = (t: string | number, n: unknown = 1, p: unknown = 'a'): string => JSON.stringify({ t, p, n })
const minute = (m: number, s = 0): string => new Date(Date.UTC(2026, 0, 1, 0, m, s)).toISOString()
const valuesOf = (batch: Batch | undefined): unknown[] =>
  batch === undefined ? [] : textsOf(batch).map((text) => JSON.parse(text) as unknown)

describe('aggregate', () => {
  it('gives a window when a message comes that is past its end', () => {
    const step = open(trades)
    const first = step.apply(
      textBatch([trade(minute(0, 1), 2), trade(minute(0, 59), 3), trade(minute(0, 30), 7, 'b')]),
      now,
    )
    expect([first.batch.size, first.filtered, first.failures, step.held()]).toEqual([0, 0, [], 1])
    const second = step.apply(textBatch([trade(minute(1, 0), 5)], 8), now)
    expect(valuesOf(second.batch)).toEqual([
      { product: 'a', start: minute(0), end: minute(1), trades: 2, volume: 5 },
      { product: 'b', start: minute(0), end: minute(1), trades: 1, volume: 7 },
    ])
    expect(second.batch.position).toBe(8)
    expect(metasOf(second.batch)).toEqual([
      { id: `["a"]@${minute(0)}`, key: '["a"]' },
      { id: `["b"]@${minute(0)}`, key: '["b"]' },
    ])
    expect(step.held()).toBe(1)
    expect(valuesOf(step.flush(now, true))).toEqual([
      { product: 'a', start: minute(1), end: minute(2), trades: 1, volume: 5 },
    ])
    expect([step.held(), step.flush(now, true)]).toEqual([0, undefined])
  })

  it('waits for what is late, and buries what is too late, or drops it', () => {
    const events = [
      trade(minute(0, 1)),
      trade(minute(1, 9)),
      trade(minute(0, 2)),
      trade(minute(1, 10)),
      trade(minute(0, 3)),
    ]
    const step = open({ ...trades, lateness: '10s' })
    const { batch, failures, filtered } = step.apply(textBatch(events), now)
    expect(valuesOf(batch)).toMatchObject([{ start: minute(0), trades: 2 }])
    expect(failures).toEqual([{ index: 4, reason: 'aggregate: time: it is late: its windows have closed' }])
    expect(filtered).toBe(0)
    const dropped = open({ ...trades, lateness: '10s', late: 'drop' }).apply(textBatch(events), now)
    expect([dropped.failures, dropped.filtered]).toEqual([[], 1])
  })

  it('counts a message in each window that slides over it', () => {
    const step = open({ ...trades, by: undefined, window: '1m', every: '20s' })
    step.apply(textBatch([trade(minute(5, 30), 4)]), now)
    const flushed = step.flush(now, true)
    expect(valuesOf(flushed).map((value) => (value as { start: string }).start)).toEqual([
      minute(4, 40),
      minute(5, 0),
      minute(5, 20),
    ])
    expect(flushed === undefined ? [] : metasOf(flushed)[0]).toEqual({ id: `[]@${minute(4, 40)}` })
  })

  it('goes by the clock without `time`', () => {
    const step = open({ window: '10s', values: { count: { count: 'true' } } })
    step.apply(textBatch(['1', '2']), now)
    expect(step.flush(now + 9_999, false)).toBeUndefined()
    expect(step.held()).toBe(1)
    expect(valuesOf(step.flush(now + 10_000, false))).toMatchObject([{ count: 2 }])
    expect(step.held()).toBe(0)
    step.apply(textBatch(['3']), now + 5_000)
    expect(valuesOf(step.apply(textBatch([]), now + 20_000).batch)).toMatchObject([{ count: 1 }])
  })

  it('closes windows of a stream that fell silent, if told so', () => {
    const events = textBatch([trade(now - 90_000)])
    const patient = open(trades)
    patient.apply(events, now)
    expect(patient.flush(now + 1e9, false)).toBeUndefined()
    const idle = open({ ...trades, idle: '30s' })
    expect(idle.flush(now + 1e9, false)).toBeUndefined()
    idle.apply(events, now + 1e9)
    expect(idle.flush(now + 1e9 + 29_999, false)).toBeUndefined()
    expect(valuesOf(idle.flush(now + 1e9 + 30_000, false))).toMatchObject([{ trades: 1 }])
    expect(idle.apply(events, now + 1e9 + 30_000).failures).toHaveLength(1)
  })

  it('does not let one wrong clock close all windows', () => {
    const step = open(trades)
    const { failures, batch } = step.apply(textBatch([trade(now), trade(now + 3_600_001), trade(now + 1)]), now)
    expect(failures).toEqual([
      { index: 1, reason: 'aggregate: time: 2026-01-01T13:00:00.001Z lies too far ahead; see ahead' },
    ])
    expect([batch.size, valuesOf(step.flush(now, true))]).toMatchObject([0, [{ trades: 2 }]])
  })

  it.each([
    ['{"p": "a", "n": 1}', 'time: message.t cannot be evaluated: no such key: t'],
    [trade('yesterday'), 'time: message.t is no time'],
    [trade(1e300), 'time: message.t is no time'],
    [trade(minute(0), 'one'), 'volume: message.n is no number'],
    [JSON.stringify({ t: minute(0), n: 1 }), 'product: message.p cannot be evaluated: no such key: p'],
    [trade(minute(0), 1, 'x'.repeat(2_000)), 'by: the key has more than 1000 characters'],
  ])('buries %s, and counts nothing of it', (text, reason) => {
    const step = open(trades)
    const { failures } = step.apply(textBatch([text]), now)
    expect(failures).toEqual([{ index: 0, reason: `aggregate: ${reason}` }])
    expect([step.flush(now, true), step.held()]).toEqual([undefined, 0])
  })

  it('opens no more groups than it may, and loses none that is open', () => {
    const step = open({ ...trades, groups: 2 })
    const { failures } = step.apply(textBatch(['a', 'b', 'c', 'a'].map((p) => trade(minute(0), 1, p))), now)
    expect(failures).toEqual([{ index: 2, reason: 'aggregate: more than 2 groups are open; see groups' }])
    expect(valuesOf(step.flush(now, true))).toMatchObject([{ trades: 2 }, { trades: 1 }])
    expect(step.apply(textBatch([trade(minute(0), 1, 'c')]), now).failures).toEqual([])
  })

  it('calculates exactly, and orders what it compares', () => {
    const all = ['count', 'sum', 'avg', 'min', 'max', 'first', 'last']
    const values = Object.fromEntries(
      all.map((name) => [name, { [name]: name === 'count' ? 'message.n != null' : 'message.n' }]),
    )
    const of = (...numbers: readonly string[]): string => {
      const step = open({ window: '1m', values })
      const { failures } = step.apply(textBatch(numbers.map((n) => `{"n":${n}}`)), now)
      expect(failures).toEqual([])
      const flushed = step.flush(now, true)
      return (flushed === undefined ? '' : (textsOf(flushed)[0] ?? '')).replace(/^.*?"count"/, '{"count"')
    }
    expect(of(...Array.from({ length: 10 }, () => '0.1'))).toContain('"sum":1,"avg":0.1')
    expect(of('9007199254740993', '9007199254740993')).toContain('"sum":18014398509481986,')
    expect(of('9007199254740991', '2', '-2')).toContain('"sum":9007199254740991,')
    expect(of('0.12345678901234567891', '1')).toContain('"sum":1.12345678901234567891,')
    expect(of('0.12345678901234567891', '0.12345678901234567892')).toContain(
      '"min":0.12345678901234567891,"max":0.12345678901234567892',
    )
    expect(of('3', 'null', '-1')).toBe('{"count":2,"sum":2,"avg":1,"min":-1,"max":3,"first":3,"last":-1}')
    expect(of('null')).toBe('{"count":0,"sum":null,"avg":null,"min":null,"max":null,"first":null,"last":null}')
    expect(of('1e308', '1e308')).toContain('"avg":1e+308')
  })

  it.each<[object, string]>([
    [{ ...trades, every: '2m' }, 'every must not be longer than window'],
    [{ ...trades, every: '1ms' }, 'window must not be longer than 1000 times every'],
    [{ ...trades, window: '0' }, 'window must be longer than 0'],
    [{ ...trades, values: { product: { count: 'true' } } }, 'the field product of the result is given twice'],
    [{ ...trades, values: { start: { count: 'true' } } }, 'the field start of the result is given twice'],
    [{ ...trades, values: { n: {} } }, 'values.n must say what to do'],
  ])('%j is refused: %s', (config, message) => {
    expect(() => open(config)).toThrow(message)
  })
})

const textOf = (event: Event): string => JSON.stringify(event)

/** What reached the sink, by id: a repeat takes the place of what came before. */
class Table {
  readonly rows = new Map<string, unknown>()

  take(batch: Batch | undefined): void {
    for (const [index, value] of valuesOf(batch).entries()) this.rows.set(batch?.meta(index).id ?? '', value)
  }
}

describe('aggregate, against pencil and paper', () => {
  it('gives the same results, and the same messages are late', () => {
    fc.assert(
      fc.property(rules, batches, (each, all) => {
        const step = open(configOf(each))
        const table = new Table()
        const late = new Set<number>()
        let from = 0
        for (const events of all) {
          const { batch, failures = [] } = step.apply(textBatch(events.map(textOf)), now)
          table.take(batch)
          for (const { index } of failures) late.add(from + index)
          from += events.length
        }
        table.take(step.flush(now, true))
        expect({ results: table.rows, late }).toEqual(model(all.flat(), each))
        expect(step.held()).toBe(0)
      }),
      { numRuns: 1_000 },
    )
  })

  it('gives the same results when it is killed, and goes on behind what was acknowledged', () => {
    fc.assert(
      fc.property(
        rules,
        batches,
        fc.array(fc.record({ run: fc.nat(9), unacknowledged: fc.nat(4), unseen: fc.nat(4) }), { maxLength: 4 }),
        killed,
      ),
      { numRuns: 3_000 },
    )
  })
})

/** One step of a life: after so many batches this was sent on, and this is kept of it. */
interface Moment {
  readonly position: number
  readonly closedUpTo: number | undefined
  readonly sent: Batch
}

/**
 * Every life but the last ends after `run` batches. What the last batches sent on is not acknowledged then
 * (`unacknowledged`), though the sink may have it, but for the very last (`unseen`).
 */
function killed(
  each: ModelRules,
  all: readonly (readonly Event[])[],
  lives: readonly { readonly run: number; readonly unacknowledged: number; readonly unseen: number }[],
): void {
  const expected = model(all.flat(), each)
  const starts = all.map((_, index) => all.slice(0, index).flat().length)
  const table = new Table()
  let position = 0
  let closedBefore: number | undefined
  const live = (until: number): { readonly step: AggregateStep; readonly moments: readonly Moment[] } => {
    const step = open(configOf(each), closedBefore)
    const moments = all.slice(position, until).map((events, offset): Moment => {
      const at = position + offset
      const { batch, failures = [] } = step.apply(textBatch(events.map(textOf)), now)
      for (const { index } of failures) expect(expected.late).toContain((starts[at] ?? 0) + index)
      return { position: at + 1 - step.held(), closedUpTo: step.closedUpTo(), sent: batch }
    })
    return { step, moments }
  }
  for (const { run, unacknowledged, unseen } of lives) {
    const { moments } = live(position + run)
    const acknowledged = moments.slice(0, Math.max(0, moments.length - unacknowledged))
    const seen = moments.slice(0, Math.max(acknowledged.length, moments.length - unseen))
    for (const { sent } of seen) table.take(sent)
    const last = acknowledged.at(-1)
    if (last === undefined) continue
    position = last.position
    closedBefore = last.closedUpTo
  }
  const { step, moments } = live(all.length)
  for (const { sent } of moments) table.take(sent)
  table.take(step.flush(now, true))
  expect(table.rows).toEqual(expected.results)
}
