import { describe, expect, it } from 'vitest'
import { paced } from '../../src/service/hooks/pace.ts'
import { FakeClock } from '../fake-clock.ts'

/** Asks every 200 ms, so many times, and tells when work was done, in milliseconds from the first. */
async function burst(asks: number, everyMs = 200): Promise<number[]> {
  const clock = new FakeClock()
  const began = clock.now()
  const done: number[] = []
  const pace = { everyMs: 1_000, quietMs: 500, mostMs: 10_000 }
  const ask = paced(() => done.push(clock.now() - began), pace, clock, new AbortController().signal)
  for (let count = 0; count < asks; count += 1) {
    ask()
    await clock.advance(everyMs)
  }
  await clock.advance(60_000)
  return done
}

describe('what is asked for', () => {
  it('once is done at once, and not again', async () => expect(await burst(1)).toEqual([0]))

  it('seldom is done each time', async () => expect(await burst(3, 2_000)).toEqual([0, 2_000, 4_000]))

  it('twice within a second waits for its end', async () => expect(await burst(2)).toEqual([0, 1_000]))

  it('in a long burst is done at its begin and its end', async () => expect(await burst(20)).toEqual([0, 4_300]))

  it('without an end is done every ten seconds', async () => {
    expect((await burst(160)).slice(0, 4)).toEqual([0, 10_200, 20_200, 30_200])
  })
})
