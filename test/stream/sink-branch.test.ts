import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openMemoryBuffer } from '../../src/connectors/buffers/memory.ts'
import { valueBatch } from '../../src/stream/batches.ts'
import { runPipeline } from '../../src/stream/pipeline.ts'
import type { Sink } from '../../src/stream/sink.ts'
import type { Source } from '../../src/stream/source.ts'
import { FakeClock } from '../fake-clock.ts'
import {
  branchOf,
  disposable,
  KeptLetters,
  never,
  numbers,
  type Run,
  retry,
  run,
  ScriptedSink,
  takes,
  upTo,
} from './sink-world.ts'

describe('a branch with a sink', () => {
  it('delivers or buries every message before it is acknowledged, and keeps the order within a key', async () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 12 })
    const refusals = fc.array(fc.tuple(fc.nat({ max: 80 }), fc.nat({ max: 4 }), fc.boolean()), { maxLength: 12 })
    const failures = fc.array(fc.boolean(), { maxLength: 20 })
    const turns = fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 10 })
    await fc.assert(
      fc.asyncProperty(
        sizes,
        refusals,
        failures,
        turns,
        fc.record({
          /** So many keys; the others have none, and are not in order where one is refused. */
          keys: fc.integer({ min: 1, max: 4 }),
          isKeyed: fc.boolean(),
          writesAtOnce: fc.integer({ min: 1, max: 5 }),
        }),
        async (all, script, throwing, slow, { keys, isKeyed, writesAtOnce }) => {
          const count = all.reduce((sum, size) => sum + size, 0)
          const left = new Map(script.map(([value, times, forGood]) => [value, { times, forGood }]))
          let writes = 0
          const sink = new ScriptedSink(
            (batch) => {
              writes += 1
              if (throwing[writes - 1] === true) return { throws: true, refused: new Map() }
              const refused = new Map<number, 'for now' | 'for good'>()
              for (const value of batch.values() as readonly number[]) {
                const rule = left.get(value)
                const isBehind = [...refused].some(
                  ([other, kind]) => kind === 'for now' && other % keys === value % keys,
                )
                if (isBehind) refused.set(value, 'for now')
                if (rule === undefined || isBehind) continue
                if (rule.forGood) refused.set(value, 'for good')
                else if (rule.times > 0) {
                  rule.times -= 1
                  refused.set(value, 'for now')
                }
              }
              return { throws: false, refused }
            },
            (write) => slow[write % slow.length] ?? 1,
          )
          const deadLetters = new KeptLetters()
          const keyOf = (value: number): string | undefined => (isKeyed ? `k-${value % keys}` : undefined)
          const acked: number[] = []
          const onAck = (position: unknown): void => {
            const settled = new Set([...sink.taken, ...deadLetters.values])
            expect(upTo(position as number).filter((value) => !settled.has(value))).toEqual([])
            acked.push(position as number)
          }
          await run({ sizes: all, sinks: [sink], deadLetters, keyOf, onAck, parts: { writesAtOnce } })
          expect(sink.most).toBeLessThanOrEqual(writesAtOnce)
          expect([...sink.taken, ...deadLetters.values].toSorted((a, b) => a - b)).toEqual(upTo(count))
          expect(acked).toEqual(acked.toSorted((a, b) => a - b))
          expect(acked.at(-1) ?? 0).toBe(count)
          for (const key of isKeyed ? upTo(keys) : []) {
            const own = sink.taken.filter((value) => value % keys === key)
            expect(own).toEqual(own.toSorted((a, b) => a - b))
          }
        },
      ),
      { numRuns: 300, seed: 20_261_121 },
    )
  })

  it('writes nothing twice to a sink whose sibling fails', async () => {
    let failures = 5
    const flaky = new ScriptedSink(() => (failures-- > 0 ? { throws: true, refused: new Map() } : undefined))
    const steady = new ScriptedSink()
    await run({ sizes: [5, 5, 5], sinks: [flaky, steady] })
    expect([flaky.taken, steady.taken]).toEqual([upTo(15), upTo(15)])
  })

  it('a poison message holds back its own key only, and goes to the dead letters after its last try', async () => {
    const sink = new ScriptedSink(() => ({ throws: false, refused: new Map([[2, 'for now']]) }))
    const deadLetters = new KeptLetters()
    await run({ sizes: [4, 4, 4], sinks: [sink], deadLetters, keyOf: (value) => `${value % 2}` })
    expect(deadLetters.letters).toMatchObject([
      { reason: 'for now', stage: 'sinks.a', attempts: 3, meta: { key: '0' } },
    ])
    expect(deadLetters.values).toEqual([2])
    expect(sink.taken.filter((value) => value % 2 === 0)).toEqual([0, 4, 6, 8, 10])
    expect(sink.taken.indexOf(11)).toBeLessThan(sink.taken.indexOf(4))
  })

  it('writes together what an outage left parked, in order', async () => {
    const refused = new Map(upTo(8).map((value) => [value, 'for now'] as const))
    let writes = 0
    const sink = new ScriptedSink(() => (++writes === 1 ? { throws: false, refused } : undefined))
    await run({ sizes: upTo(10).map(() => 8), sinks: [sink], keyOf: () => 'one' })
    expect(sink.taken).toEqual(upTo(80))
    // All of the first write, its first message alone to see, and what came behind it in writes of eight.
    expect(sink.writes.length).toBeLessThanOrEqual(13)
  })

  it('writes together what was parked without a key, within its limits', async () => {
    const refused = new Map(upTo(16).map((value) => [value, 'for now'] as const))
    let writes = 0
    const sink = new ScriptedSink(() => (++writes <= 2 ? { throws: false, refused } : undefined))
    await run({ sizes: [16], sinks: [sink] })
    expect(sink.taken.toSorted((a, b) => a - b)).toEqual(upTo(16))
    expect(Math.max(...sink.writes.slice(1))).toBe(8)
  })

  it('writes together what came while the sink was busy, within its limits', async () => {
    const sink = new ScriptedSink()
    await run({ sizes: upTo(40).map(() => 1), sinks: [sink] })
    expect(sink.taken).toEqual(upTo(40))
    expect(Math.max(...sink.writes)).toBe(8)
    expect(sink.writes.length).toBeLessThan(20)
  })

  it('waits for more as long as it may, and no longer', async () => {
    const sink = new ScriptedSink()
    const clock = new FakeClock()
    const limits = { messages: 100, bytes: 1_000_000, everyMs: 30 }
    const source: Source = {
      ...disposable,
      async *read() {
        for (const value of upTo(3)) yield valueBatch([value], value + 1)
        await clock.sleep(120)
        yield valueBatch([3], 4)
      },
    }
    await using buffer = openMemoryBuffer({ messages: 50 })
    const branches = [branchOf(sink, { sizes: [], sinks: [], parts: { limits, clock } })]
    const ended = runPipeline({ source, buffer, branches, stop: never, signal: never })
    await clock.advance(29)
    expect(sink.writes).toEqual([])
    await clock.advance(1)
    expect(sink.writes).toEqual([3])
    await clock.advance(200)
    await ended
    expect(sink.writes).toEqual([3, 1])
  })

  it('takes only what is routed to it, and acknowledges the rest', async () => {
    const sink = new ScriptedSink()
    const source: Source = {
      ...disposable,
      async *read() {
        yield valueBatch([0, 1, 2], 3, [{ route: 'a' }, { route: 'b' }, {}])
      },
    }
    await using buffer = openMemoryBuffer({ messages: 50 })
    const acked: unknown[] = []
    const branches = [branchOf(sink, { sizes: [], sinks: [], parts: { takes } })]
    await runPipeline({ source, buffer, branches, stop: never, signal: never, onAck: (at) => acked.push(at) })
    expect([sink.taken, acked]).toEqual([[0, 2], [3]])
  })

  it('of best effort never holds the others, and drops what it cannot write', async () => {
    const dead = new ScriptedSink(() => ({ throws: true, refused: new Map() }))
    const acked: unknown[] = []
    const options: Run = { sizes: [4, 4], sinks: [dead], parts: { isBestEffort: true } }
    await run({ ...options, onAck: (position) => acked.push(position) })
    expect([dead.taken, acked]).toEqual([[], [4, 8]])
  })

  it('of best effort never holds the others, though a write of it does not end; what is lost is counted', async () => {
    const stuck: Sink = {
      ...disposable,
      write: (_batch, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    }
    const steady = new ScriptedSink()
    const [dead, live] = [
      branchOf(stuck, { sizes: [], sinks: [], parts: { isBestEffort: true } }),
      branchOf(steady, { sizes: [], sinks: [] }),
    ]
    const abort = new AbortController()
    await using buffer = openMemoryBuffer({ messages: 50, consumers: 2 })
    const source = numbers(
      upTo(100).map(() => 8),
      () => undefined,
    )
    const running = runPipeline({ source, buffer, branches: [dead, live], stop: never, signal: abort.signal })
    await expect.poll(() => steady.taken.length, { timeout: 5_000 }).toBe(800)
    // It has one write in hand, and as much again twice.
    await expect.poll(() => dead.health.dropped).toBe(800 - 3 * 8)
    abort.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
  })

  it('shows that a write does not end', async () => {
    const clock = new FakeClock()
    const stuck: Sink = {
      ...disposable,
      write: (_batch, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    }
    const branch = branchOf(stuck, { sizes: [], sinks: [], parts: { clock } })
    const abort = new AbortController()
    await using buffer = openMemoryBuffer({ messages: 50 })
    const source = numbers([1], () => undefined)
    const running = runPipeline({ source, buffer, branches: [branch], stop: never, signal: abort.signal })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(branch.health.error).toBeUndefined()
    await clock.advance(61_000)
    expect(branch.health).toMatchObject({
      breaker: 'closed',
      error: { code: 'sink_stalled', message: 'a write has been under way for 61 s' },
    })
    abort.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
  })

  it('shows what keeps it, and that its breaker is open', async () => {
    const dead = new ScriptedSink(() => ({ throws: true, refused: new Map() }))
    const parts = { retry: { ...retry, firstMs: 20, mostMs: 500 } }
    const branch = branchOf(dead, { sizes: [], sinks: [], parts })
    const abort = new AbortController()
    await using buffer = openMemoryBuffer({ messages: 50 })
    const source = numbers([1], () => undefined)
    const running = runPipeline({ source, buffer, branches: [branch], stop: never, signal: abort.signal })
    await expect.poll(() => branch.health.breaker, { timeout: 5_000 }).toBe('open')
    expect(branch.health).toMatchObject({ error: { code: 'connector_unavailable', message: 'the sink is away' } })
    abort.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
  })
})
