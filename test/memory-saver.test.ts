import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { MEMORY_SAVER, saveMemoryAtRest } from '../src/memory-saver.ts'
import { FakeClock } from './fake-clock.ts'

it('is off while messages stream, and on again when they have rested for ten seconds', async () => {
  const clock = new FakeClock()
  const stop = new AbortController()
  const switched: boolean[] = []
  let read = 0
  const saving = saveMemoryAtRest({ read: () => read, clock, save: (isOn) => switched.push(isOn) }, stop.signal)
  const seconds = async (count: number, messages: number): Promise<void> => {
    for (let second = 0; second < count; second += 1) {
      read += messages
      await clock.advance(1_000)
    }
  }
  await seconds(20, 10)
  expect(switched).toEqual([])
  await seconds(1, 1_000)
  expect(switched).toEqual([false])
  await seconds(5, 1_000)
  await seconds(9, 0)
  await seconds(1, 200)
  await seconds(9, 1)
  expect(switched).toEqual([false])
  await seconds(1, 0)
  expect(switched).toEqual([false, true])
  read = 0
  await seconds(30, 0)
  await seconds(2, 100)
  expect(switched).toEqual([false, true, false])
  stop.abort()
  await saving
})

it('is a flag that this V8 knows and takes while it runs', () => {
  const script = `
    const { setFlagsFromString } = require('node:v8')
    setFlagsFromString('--no-memory-saver-mode')
    setFlagsFromString('${MEMORY_SAVER}')`
  const { status, stderr } = spawnSync(process.execPath, [MEMORY_SAVER, '-e', script], { encoding: 'utf8' })
  expect([status, stderr]).toEqual([0, ''])
})
