import { describe, expect, it } from 'vitest'
import { WakeUps } from '../../src/origin/wake-ups.ts'
import { FakeClock, settle } from '../fake-clock.ts'

/** Wake-ups that somebody waits for again and again, and how many milliseconds after the beginning they came to rest. */
function awaited() {
  const clock = new FakeClock()
  const began = clock.now()
  const wakeUps = new WakeUps(clock, { settleMs: 50, aloneMs: 20, maxSettleMs: 400 })
  const rests: { readonly ms: number; readonly files: readonly string[] }[] = []
  const closing = new AbortController()
  const waiting = (async () => {
    for (;;) {
      const seen = wakeUps.count
      await wakeUps.settled(seen, 60_000, closing.signal)
      const { files } = wakeUps.take()
      rests.push({ ms: clock.now() - began, files: [...files] })
    }
  })().catch(() => undefined)
  return {
    wakeUps,
    rests,
    pass: async (ms: number) => {
      await settle()
      await clock.advance(ms)
    },
    [Symbol.asyncDispose]: async () => {
      closing.abort()
      await waiting
    },
  }
}

describe('wake-ups', () => {
  it('of one file alone are waited for a moment only', async () => {
    await using world = awaited()
    await world.pass(1_000)
    world.wakeUps.wake('a.yaml')
    await world.pass(100)
    expect(world.rests).toEqual([{ ms: 1_020, files: ['a.yaml'] }])
  })

  it('of one file that is still written to wait for the end of it', async () => {
    await using world = awaited()
    await world.pass(1_000)
    world.wakeUps.wake('a.yaml')
    for (let piece = 0; piece < 4; piece += 1) {
      await world.pass(15)
      world.wakeUps.stir('a.yaml')
    }
    await world.pass(100)
    expect(world.rests).toEqual([{ ms: 1_080, files: ['a.yaml'] }])
  })

  it('of several files are one burst', async () => {
    await using world = awaited()
    await world.pass(1_000)
    for (const file of ['a.yaml', 'b.yaml', 'c.yaml', 'a.yaml']) {
      world.wakeUps.wake(file)
      await world.pass(15)
    }
    await world.pass(200)
    expect(world.rests).toEqual([{ ms: 1_095, files: ['a.yaml', 'b.yaml', 'c.yaml'] }])
  })

  it('are a burst when something else happens, whatever comes of that', async () => {
    await using world = awaited()
    await world.pass(1_000)
    world.wakeUps.wake('a.yaml')
    await world.pass(10)
    world.wakeUps.stir('b.yaml')
    await world.pass(200)
    world.wakeUps.wake()
    await world.pass(200)
    expect(world.rests.map(({ ms }) => ms)).toEqual([1_060, 1_260])
  })

  it('that follow each other slowly are taken twice at most: the first alone, all others together', async () => {
    await using world = awaited()
    await world.pass(1_000)
    for (let file = 0; file < 6; file += 1) {
      world.wakeUps.wake(`f${file}.yaml`)
      await world.pass(40)
    }
    await world.pass(200)
    expect(world.rests.map(({ files }) => files.length)).toEqual([1, 5])
  })

  it('that never rest are waited for so long and no longer, also of one file', async () => {
    await using world = awaited()
    await world.pass(1_000)
    for (let piece = 0; piece < 80; piece += 1) {
      world.wakeUps.wake('a.yaml')
      await world.pass(10)
    }
    await world.pass(200)
    expect(world.rests.map(({ ms }) => ms)).toEqual([1_400, 1_800])
  })
})
