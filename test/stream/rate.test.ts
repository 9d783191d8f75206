import { expect, it } from 'vitest'
import { valueBatch } from '../../src/stream/batches.ts'
import { InFlight } from '../../src/stream/in-flight.ts'
import { Rate } from '../../src/stream/rate.ts'
import { Taps } from '../../src/stream/taps.ts'
import { FakeClock } from '../fake-clock.ts'

it('a rate is that of the last ten seconds, and of less at the beginning', async () => {
  const clock = new FakeClock()
  const rate = new Rate(clock)
  expect(rate.perSecond).toBe(0)
  rate.add(50)
  expect(rate.perSecond).toBe(50)
  await clock.advance(5_000)
  rate.add(50)
  expect(rate.perSecond).toBe(20)
  await clock.advance(5_000)
  expect(rate.perSecond).toBeCloseTo(5, 9)
  await clock.advance(9_000)
  expect(rate.perSecond).toBe(0)
  await clock.advance(86_400_000)
  rate.add(20)
  expect(rate.perSecond).toBe(2)
})

it('what is in flight is counted from the oldest on', async () => {
  const clock = new FakeClock()
  const inFlight = new InFlight(clock)
  expect([inFlight.messages, inFlight.ageMs]).toEqual([0, 0])
  inFlight.took(10)
  await clock.advance(1_500)
  inFlight.took(5)
  expect([inFlight.messages, inFlight.ageMs]).toEqual([15, 1_500])
  inFlight.settled()
  expect([inFlight.messages, inFlight.ageMs]).toEqual([5, 0])
  inFlight.settled()
  expect([inFlight.messages, inFlight.ageMs]).toEqual([0, 0])
})

it('keeps count over many batches', () => {
  const inFlight = new InFlight(new FakeClock())
  for (let batch = 0; batch < 5_000; batch += 1) inFlight.took(2)
  for (let batch = 0; batch < 4_999; batch += 1) inFlight.settled()
  expect(inFlight.messages).toBe(2)
})

it('who looks on hears of batches until it is disposed, and one that fails disturbs nobody', () => {
  const taps = new Taps()
  const heard: string[] = []
  const batch = valueBatch([1])
  const open = taps.open((node, { size }) => void heard.push(`${node} ${size}`))
  taps.open(() => {
    throw new Error('broken')
  })
  taps.passed('source', batch)
  taps.passed('sinks.a', batch)
  open[Symbol.dispose]()
  taps.passed('source', batch)
  expect(heard).toEqual(['source 1', 'sinks.a 1'])
})
