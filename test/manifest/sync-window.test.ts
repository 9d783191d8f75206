import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isDenied, joinWindows, never, opensAt, opensText, type SyncWindow } from '../../src/manifest/sync-window.ts'

const at = (time: string): number => Date.parse(`2026-${time}Z`)
const opens = (window: SyncWindow | undefined, time: string): string =>
  new Date(opensAt(window, at(time))).toISOString().slice(5, 19)

const nights: SyncWindow = { allow: [{ cron: '0 22 * * *', duration: '6h' }] }
const trading: SyncWindow = { deny: [{ cron: '30 9 * * 1-5', duration: '6h30m', timezone: 'America/New_York' }] }

describe('a window', () => {
  it.each<[string, SyncWindow | undefined, string, string]>([
    ['none is always open', undefined, '01-05T12:00:00', '01-05T12:00:00'],
    ['is closed right before it begins', nights, '01-05T21:59:59', '01-05T22:00:00'],
    ['is open when it begins', nights, '01-05T22:00:00', '01-05T22:00:00'],
    ['stays open over midnight', nights, '01-06T03:59:59', '01-06T03:59:59'],
    ['is closed when its time is over', nights, '01-06T04:00:00', '01-06T22:00:00'],
    ['denies in the time zone of its cron, in winter', trading, '01-05T14:30:00', '01-05T21:00:00'],
    ['and in summer', trading, '07-06T13:30:00', '07-06T20:00:00'],
    ['denies on the days of its cron alone', trading, '01-04T15:00:00', '01-04T15:00:00'],
    [
      'opens when the last of several denials ends',
      { deny: [...(trading.deny ?? []), { cron: '0 20 * * *', duration: '3h' }] },
      '01-05T15:00:00',
      '01-05T23:00:00',
    ],
    [
      'opens when what denies it ends, though it was allowed before',
      { ...nights, deny: [{ cron: '0 21 * * *', duration: '2h' }] },
      '01-05T21:30:00',
      '01-05T23:00:00',
    ],
    [
      'passes over a time that is allowed and denied as a whole',
      { ...nights, deny: [{ cron: '0 22 5 * *', duration: '6h' }] },
      '01-05T12:00:00',
      '01-06T22:00:00',
    ],
    [
      'opens at the first of several times',
      { allow: [{ cron: '0 18 * * *', duration: '1h' }, ...(nights.allow ?? [])] },
      '01-05T12:00:00',
      '01-05T18:00:00',
    ],
  ])('%s', (_what, window, now, expected) => {
    expect(opens(window, now)).toBe(expected)
  })

  it.each<[string, SyncWindow]>([
    ['every minute', { deny: [{ cron: '* * * * *', duration: '1m' }] }],
    ['every minute, for long', { deny: [{ cron: '* * * * *', duration: '2h' }] }],
    ['every hour', { deny: [{ cron: '0 * * * *', duration: '1h', timezone: 'Europe/Berlin' }] }],
    ['every day', { deny: [{ cron: '0 0 * * *', duration: '24h' }] }],
    ['half and half', { deny: ['0', '12'].map((hour) => ({ cron: `0 ${hour} * * *`, duration: '12h' })) }],
    ['what is allowed', { ...nights, deny: [{ cron: '0 20 * * *', duration: '10h' }] }],
    ['what is past', { allow: [{ cron: '2020-01-01T00:00:00', duration: '1h' }] }],
  ])('that denies %s does not open', (_what, window) => {
    const startedAt = performance.now()
    for (let second = 0; second < 10; second += 1) {
      expect(opensAt(window, at('01-05T12:00:00') + second * 1_000)).toBe(never)
    }
    expect(performance.now() - startedAt).toBeLessThan(2_000)
    expect(opensText(never)).toBe('does not open')
  })

  it.each<[string, SyncWindow, string]>([
    ['a day in the year', { deny: [{ cron: '0 0 * 1-11 *', duration: '24h' }] }, '12-01T00:00:00'],
    ['a day of the week', { deny: [{ cron: '0 * * * 1-6', duration: '1h' }] }, '01-11T00:00:00'],
    [
      'the hour that the clocks are put back',
      { deny: [{ cron: '0 0 * * *', duration: '24h', timezone: 'Europe/Berlin' }] },
      '10-25T22:00:00',
    ],
  ])('that leaves %s opens then', (_what, window, expected) => {
    expect(opens(window, '01-05T12:00:00')).toBe(expected)
    expect(opensText(at(expected))).toBe(`opens 2026-${expected}.000Z`)
  })

  it('opens at a moment at which it is open, and at none before', () => {
    const timezone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York')
    const clauses = (crons: readonly string[], durations: readonly string[]) =>
      fc.array(fc.record({ cron: fc.constantFrom(...crons), duration: fc.constantFrom(...durations), timezone }), {
        minLength: 1,
        maxLength: 3,
      })
    const allow = clauses(['0 * * * *', '30 2 * * *', '0 0 * * 1', '*/40 6-9 * * *'], ['5m', '1h', '7h', '2d'])
    const deny = clauses(['15 */8 * * *', '30 2 * * *', '0 0 * * 1'], ['5m', '1h', '5h'])
    const window = fc.record({ allow, deny }, { requiredKeys: [] })
    const moment = fc.integer({ min: at('03-27T00:00:00'), max: at('03-31T00:00:00') })
    fc.assert(
      fc.property(window, moment, fc.double({ min: 0, max: 1, noNaN: true }), (given, now, share) => {
        const first = opensAt(given, now)
        // Where everything that is allowed is denied as well, the search ends somewhere.
        fc.pre(first !== never)
        expect(first).toBeGreaterThanOrEqual(now)
        const between = Math.floor(now + (first - now) * share)
        expect(opensAt(given, between)).toBe(first)
        expect(isDenied(given, first)).toBe(false)
      }),
      { numRuns: 200 },
    )
  })
})

it('only a denial keeps a person from it', () => {
  expect(isDenied(nights, at('01-05T12:00:00'))).toBe(false)
  expect(isDenied(trading, at('01-05T15:00:00'))).toBe(true)
  expect(isDenied(trading, at('01-05T22:00:00'))).toBe(false)
  expect(isDenied(undefined, at('01-05T15:00:00'))).toBe(false)
})

it('several together allow what one of them allows and deny what one of them denies', () => {
  const evenings: SyncWindow = { allow: [{ cron: '0 18 * * *', duration: '1h' }] }
  expect(joinWindows([nights, evenings])).toEqual({ allow: [...(nights.allow ?? []), ...(evenings.allow ?? [])] })
  expect(joinWindows([nights, trading])).toEqual(trading)
  expect(joinWindows([nights, undefined])).toBeUndefined()
  expect(joinWindows([])).toBeUndefined()
})
