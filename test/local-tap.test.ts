import { expect, it } from 'vitest'
import { tapSamples } from '../src/local-tap.ts'
import type { TapSample } from '../src/service/tap-api.ts'
import { bytesBatch, valueBatch } from '../src/stream/batches.ts'
import { Taps } from '../src/stream/taps.ts'
import { FakeClock } from './fake-clock.ts'

const mask = (text: string) => text.replaceAll('s3cret', '***')

/** A tap at `source` with a reader that takes its time. */
function world(options: { readonly count?: number; readonly perSecond?: number } = {}) {
  const clock = new FakeClock()
  const taps = new Taps()
  const abort = new AbortController()
  const samples = tapSamples({ taps, node: 'source', clock, mask }, options, abort.signal)
  const next = async (): Promise<TapSample | undefined> => {
    const { value, done } = await samples.next()
    return done === true ? undefined : value
  }
  return { clock, taps, abort, next, samples }
}
const numbers = (from: number, to: number) =>
  valueBatch(Array.from({ length: to - from }, (_, index) => ({ n: from + index })))

it('shows what passes its node, with what is known of it', async () => {
  const { taps, next } = world()
  const first = next()
  taps.passed('steps[0].set', numbers(9, 10))
  taps.passed('source', bytesBatch([Buffer.from('{"a":1}')], { metas: [{ id: 'i', key: 'k', route: 'r' }] }))
  expect(await first).toStrictEqual({
    at: '2026-01-01T00:00:00.000Z',
    node: 'source',
    id: 'i',
    key: 'k',
    route: 'r',
    bytes: 7,
    payload: '{"a":1}',
    isCut: false,
    skipped: 0,
  })
})

it('shows so many a second, and says how many it left out', async () => {
  const { clock, taps, next } = world({ perSecond: 2 })
  const first = next()
  taps.passed('source', numbers(0, 100))
  taps.passed('source', numbers(100, 150))
  expect([(await first)?.payload, (await next())?.payload]).toEqual(['{"n":0}', '{"n":1}'])
  await clock.advance(1_000)
  taps.passed('source', numbers(150, 151))
  expect(await next()).toMatchObject({ payload: '{"n":150}', skipped: 148 })
})

it('ends after so many, and looks no more', async () => {
  const { taps, next } = world({ count: 1 })
  const first = next()
  taps.passed('source', numbers(0, 5))
  expect((await first)?.payload).toBe('{"n":0}')
  expect(await next()).toBeUndefined()
})

it('ends when it is told to, while it waits', async () => {
  const { abort, next } = world()
  const waiting = next()
  abort.abort()
  expect(await waiting).toBeUndefined()
})

it('holds so much for a slow reader, and no more', async () => {
  const { clock, taps, next } = world({ perSecond: 1_000 })
  const first = next()
  for (let second = 0; second < 5; second += 1) {
    taps.passed('source', numbers(0, 1_000))
    await clock.advance(1_000)
  }
  const shown = [await first]
  while (shown.length < 1_000) shown.push(await next())
  taps.passed('source', numbers(0, 1))
  shown.push(await next(), await next())
  const skipped = shown.reduce((sum, sample) => sum + (sample?.skipped ?? 0), 0)
  expect([shown.length, skipped > 3_900, shown.length + skipped]).toEqual([1_002, true, 5_001])
})

it('takes secrets out, and what fields hold that are called like one', async () => {
  const { taps, next } = world()
  const first = next()
  const message = { user: 'ann', note: 'it is s3cret', password: 'a"b', apiKey: 'k', nested: { access_token: 't' } }
  taps.passed('source', valueBatch([message, 10n ** 20n, 'é'.repeat(10_000)]))
  expect(JSON.parse((await first)?.payload ?? '')).toEqual({
    user: 'ann',
    note: 'it is ***',
    password: '***',
    apiKey: '***',
    nested: { access_token: '***' },
  })
  expect((await next())?.payload).toBe('100000000000000000000')
  const long = await next()
  expect([long?.payload.length, long?.bytes, long?.isCut]).toEqual([4_096, 20_002, true])
})
