import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { HermesError } from '../../src/errors.ts'
import { GuardedSink } from '../../src/resources/guarded-sink.ts'
import { valueBatch } from '../../src/stream/batches.ts'
import type { Sink } from '../../src/stream/sink.ts'
import { FakeClock } from '../fake-clock.ts'
import { quiet } from '../quiet-log.ts'

const never = new AbortController().signal
const batch = valueBatch([1])

/** A sink that takes everything, but for what a test says. */
function sinkWith(parts: Partial<Sink>): Sink {
  return { write: async () => [], ping: async () => {}, [Symbol.asyncDispose]: async () => {}, ...parts }
}

function guarded(open: () => Promise<Sink>, clock = new FakeClock()): GuardedSink {
  return new GuardedSink({ name: 'a', open, clock, log: quiet })
}

describe('a guarded sink', () => {
  it('opens with the first write that finds the server there, and once', async () => {
    let opened = 0
    await using sink = guarded(async () => {
      opened += 1
      if (opened < 3) throw new HermesError('connector_unavailable', 'nobody answers')
      return sinkWith({})
    })
    await expect(sink.write(batch, never)).rejects.toThrow('nobody answers')
    await expect(sink.ping(never)).rejects.toThrow('nobody answers')
    expect(await sink.write(batch, never)).toEqual([])
    expect(await sink.write(batch, never)).toEqual([])
    expect(opened).toBe(3)
  })

  it('hears an abort while it opens, and while the sink writes', async () => {
    const stuck = new Promise<never>(() => undefined)
    for (const open of [() => stuck, async () => sinkWith({ write: () => stuck, ping: () => stuck })]) {
      const sink = guarded(open)
      for (const work of [sink.write(batch, AbortSignal.timeout(20)), sink.ping(AbortSignal.timeout(20))])
        await expect(work).rejects.toMatchObject({ name: 'TimeoutError' })
    }
  })

  it('closes a sink that has opened only then', async () => {
    let closed = 0
    const { promise, resolve } = Promise.withResolvers<Sink>()
    const sink = guarded(() => promise)
    const closing = sink[Symbol.asyncDispose]()
    resolve(sinkWith({ [Symbol.asyncDispose]: async () => void (closed += 1) }))
    await closing
    await sink[Symbol.asyncDispose]()
    expect(closed).toBe(1)
    await expect(sink.write(batch, never)).rejects.toThrow('closed')
  })

  it('leaves one to itself that does not close in time', async () => {
    const clock = new FakeClock()
    const stuck = new Promise<never>(() => undefined)
    const sink = guarded(async () => sinkWith({ [Symbol.asyncDispose]: () => stuck }), clock)
    let isClosed = false
    const closing = sink[Symbol.asyncDispose]().then(() => {
      isClosed = true
    })
    await delay(5)
    expect(isClosed).toBe(false)
    await clock.advance(5_000)
    await closing
  })
})
