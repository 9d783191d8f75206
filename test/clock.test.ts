import { expect, test } from 'vitest'
import { systemClock } from '../src/clock.ts'

test('a sleep that is aborted rejects with the reason, before and during', async () => {
  const reason = new Error('enough')
  await expect(systemClock.sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason)
  const during = new AbortController()
  const sleeping = systemClock.sleep(60_000, during.signal)
  during.abort(reason)
  await expect(sleeping).rejects.toBe(reason)
  await systemClock.sleep(1, new AbortController().signal)
})
