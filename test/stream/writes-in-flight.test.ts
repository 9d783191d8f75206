import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { openMemoryBuffer } from '../../src/connectors/buffers/memory.ts'
import { valueBatch } from '../../src/stream/batches.ts'
import { runPipeline } from '../../src/stream/pipeline.ts'
import type { Source } from '../../src/stream/source.ts'
import { branchOf, disposable, never, run, ScriptedSink, slowly, upTo } from './sink-world.ts'

describe('a branch whose sink takes several writes', () => {
  it('writes as many groups at once as its sink takes, and not the two of one key', async () => {
    const sizes = upTo(60).map(() => 1)
    const limits = { messages: 1, bytes: 1_000_000, everyMs: 0 }
    const parts = { limits, writesAtOnce: 6 }
    const free = new ScriptedSink(undefined, slowly)
    await run({ sizes, sinks: [free], parts })
    expect([free.most, free.taken]).toEqual([6, upTo(60)])
    const keyed = new ScriptedSink(undefined, slowly)
    await run({ sizes, sinks: [keyed], parts, keyOf: (value) => `${value % 3}` })
    expect([keyed.most, keyed.taken]).toEqual([3, upTo(60)])
    const one = new ScriptedSink(undefined, slowly)
    await run({ sizes, sinks: [one], parts: { limits } })
    expect([one.most, one.taken]).toEqual([1, upTo(60)])
  })

  it('writes again what failed beside others, in order, one after the other and before anything else', async () => {
    const limits = { messages: 1, bytes: 1_000_000, everyMs: 0 }
    let isAway = false
    let outages = 0
    const sink: ScriptedSink = new ScriptedSink((batch) => {
      if (outages === 0 && batch.value(0) === 20) isAway = true
      if (isAway && ++outages > 6) isAway = false
      return isAway ? { throws: true, refused: new Map() } : undefined
    })
    const acked: unknown[] = []
    const parts = { limits, writesAtOnce: 4 }
    await run({ sizes: upTo(40).map(() => 1), sinks: [sink], parts, onAck: (position) => acked.push(position) })
    expect(sink.taken).toEqual(upTo(40))
    expect(acked).toEqual(upTo(40).map((value) => value + 1))
    // All that was under way at 20 failed, and then 20 alone, until the sink was back.
    expect(sink.writes).toHaveLength(40 + outages - 1)
  })

  it('does not wait for more messages to write again what failed', async () => {
    let failures = 2
    const sink = new ScriptedSink(() => (failures-- > 0 ? { throws: true, refused: new Map() } : undefined))
    const source: Source = {
      ...disposable,
      async *read(_from, stop) {
        yield valueBatch([0], 1)
        await systemClock.sleep(60_000, stop).catch(() => undefined)
      },
    }
    await using buffer = openMemoryBuffer({ messages: 50 })
    const stop = new AbortController()
    const branches = [branchOf(sink, { sizes: [], sinks: [], parts: { writesAtOnce: 4 } })]
    await runPipeline({ source, buffer, branches, stop: stop.signal, signal: never, onAck: () => stop.abort() })
    expect(sink.taken).toEqual([0])
  })
})
