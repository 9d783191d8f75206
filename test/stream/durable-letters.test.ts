import { expect, it } from 'vitest'
import { HermesError } from '../../src/errors.ts'
import { bytesBatch } from '../../src/stream/batches.ts'
import { type DeadLetter, deadLetter } from '../../src/stream/dead-letter.ts'
import { DurableLetters } from '../../src/stream/durable-letters.ts'
import { FakeClock } from '../fake-clock.ts'

const letter = deadLetter(bytesBatch([Buffer.from('1')]), 0, { reason: 'no', stage: 'delivery', attempts: 1, at: 0 })

function unreliable(failures: number) {
  const clock = new FakeClock()
  const written: DeadLetter[] = []
  const errors: string[] = []
  let left = failures
  const letters = new DurableLetters({
    deadLetters: {
      write: async (all) => {
        left -= 1
        if (left >= 0) throw new HermesError('database_unavailable', 'the database is away')
        written.push(...all)
      },
    },
    retry: { firstMs: 100, mostMs: 200 },
    clock,
    random: () => 1,
    onFailure: ({ code }) => errors.push(code),
  })
  return { letters, clock, written, errors }
}

it('writes letters when the database is back, and tells of each failure', async () => {
  const { letters, clock, written, errors } = unreliable(3)
  const writing = letters.write([letter], new AbortController().signal)
  for (const ms of [100, 200, 200]) {
    await expect.poll(() => clock.sleeping).toBe(1)
    expect(written).toEqual([])
    expect(letters.trouble?.message).toBe('the database is away')
    await clock.advance(ms)
  }
  await writing
  expect(letters.trouble).toBeUndefined()
  expect([written, errors.length, errors[0]]).toEqual([[letter], 3, 'database_unavailable'])
})

it('gives up when it is told to', async () => {
  const { letters, clock } = unreliable(Number.POSITIVE_INFINITY)
  const stop = new AbortController()
  const writing = expect(letters.write([letter], stop.signal)).rejects.toThrow('enough')
  await expect.poll(() => clock.sleeping).toBe(1)
  stop.abort(new Error('enough'))
  await writing
})
