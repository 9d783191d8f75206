import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Deadlines } from '../../src/connectors/deadlines.ts'
import { HermesError } from '../../src/errors.ts'

const MS = 80
const never = new AbortController().signal

function deadlines() {
  let timeouts = 0
  const of = new Deadlines({ ms: MS, who: 'redis 10.0.0.5:6379', onTimeout: () => (timeouts += 1) })
  return { of, timeouts: () => timeouts }
}

const late = new HermesError('connector_unavailable', `redis 10.0.0.5:6379 did not answer within ${MS} ms`)

describe('deadlines of answers that overlap', () => {
  it('let pass what comes in time, and what fails in time', async () => {
    const { of, timeouts } = deadlines()
    const failed = new Error('no')
    const all = [
      of.follow(Promise.resolve(1), never),
      of.follow(Promise.reject(failed), never),
      of.follow(delay(MS / 4, 2), never),
    ]
    expect(await Promise.allSettled(all)).toEqual([
      { status: 'fulfilled', value: 1 },
      { status: 'rejected', reason: failed },
      { status: 'fulfilled', value: 2 },
    ])
    await delay(MS * 2)
    expect(timeouts()).toBe(0)
  })

  it('end each in its own time, and never before it', async () => {
    const { of, timeouts } = deadlines()
    const took = async (began: number): Promise<number> => {
      await expect(of.follow(new Promise(() => undefined), never)).rejects.toEqual(late)
      return performance.now() - began
    }
    const first = took(performance.now())
    const answered = of.follow(delay(MS / 2, 'in time'), never)
    await delay(MS / 2)
    const second = took(performance.now())
    for (const ms of [await first, await second]) {
      expect(ms).toBeGreaterThanOrEqual(MS - 1)
      expect(ms).toBeLessThan(MS * 10)
    }
    expect(await answered).toBe('in time')
    expect(timeouts()).toBe(2)
    await expect(of.follow(new Promise(() => undefined), never)).rejects.toEqual(late)
  })

  it('give way to an abort, also to one of before', async () => {
    const { of, timeouts } = deadlines()
    const stopped = new Error('stopped')
    const abort = new AbortController()
    const waiting = of.follow(new Promise(() => undefined), abort.signal)
    abort.abort(stopped)
    await expect(waiting).rejects.toBe(stopped)
    await expect(of.follow(new Promise(() => undefined), abort.signal)).rejects.toBe(stopped)
    expect(timeouts()).toBe(0)
    await delay(MS * 2)
    expect(timeouts()).toBeGreaterThan(0)
  })
})
