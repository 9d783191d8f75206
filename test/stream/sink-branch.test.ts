import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { openMemoryBuffer } from '../../src/connectors/buffers/memory.ts'
import { HermesError } from '../../src/errors.ts'
import type { Batch } from '../../src/stream/batch.ts'
import { valueBatch } from '../../src/stream/batches.ts'
import type { DeadLetter, DeadLetters } from '../../src/stream/dead-letter.ts'
import { runPipeline } from '../../src/stream/pipeline.ts'
import type { Rejection, Sink } from '../../src/stream/sink.ts'
import { SinkBranch, type SinkBranchParts } from '../../src/stream/sink-branch.ts'
import type { Source } from '../../src/stream/source.ts'
import { FakeClock } from '../fake-clock.ts'

const never = new AbortController().signal
const disposable = { ping: async () => {}, [Symbol.asyncDispose]: async () => {} }
const retry = { firstMs: 1, mostMs: 4, attempts: 3, breakerAfter: 3 }

/** What one write does: the sink's verdict on each message, or that it throws. */
interface Verdicts {
  readonly throws: boolean
  readonly refused: ReadonlyMap<number, 'for now' | 'for good'>
}

/** Remembers what it took, and follows a script; without one it takes everything. */
class ScriptedSink implements Sink {
  readonly taken: number[] = []
  readonly writes: number[] = []
  /** Writes that were under way at once, at most. */
  most = 0
  readonly #underWay = new Set<Batch>()
  #verdict: (batch: Batch) => Verdicts | undefined
  #turns: (write: number) => number

  /** A write takes so many turns of the event loop, at least one. */
  constructor(
    verdict: (batch: Batch) => Verdicts | undefined = () => undefined,
    turns: (write: number) => number = () => 1,
  ) {
    this.#verdict = verdict
    this.#turns = turns
  }

  async write(batch: Batch, signal: AbortSignal): Promise<readonly Rejection[]> {
    for (const other of this.#underWay) expect(keysOf(batch).isDisjointFrom(keysOf(other))).toBe(true)
    this.#underWay.add(batch)
    this.most = Math.max(this.most, this.#underWay.size)
    try {
      return await this.#write(batch, signal)
    } finally {
      this.#underWay.delete(batch)
    }
  }

  async #write(batch: Batch, signal: AbortSignal): Promise<readonly Rejection[]> {
    const turns = Math.max(1, this.#turns(this.writes.length))
    this.writes.push(batch.size)
    for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    signal.throwIfAborted()
    const verdict = this.#verdict(batch)
    if (verdict?.throws === true) throw new HermesError('connector_unavailable', 'the sink is away')
    const rejections: Rejection[] = []
    for (let index = 0; index < batch.size; index += 1) {
      const kind = verdict?.refused.get(batch.value(index) as number)
      if (kind === undefined) this.taken.push(batch.value(index) as number)
      else rejections.push({ index, reason: kind, ...(kind === 'for now' ? { retryable: true } : {}) })
    }
    return rejections
  }

  async ping(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

const slowly = (): number => 5

function keysOf(batch: Batch): ReadonlySet<string> {
  return new Set(upTo(batch.size).flatMap((index) => batch.meta(index).key ?? []))
}

class KeptLetters implements DeadLetters {
  readonly letters: DeadLetter[] = []

  async write(letters: readonly DeadLetter[]): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.letters.push(...letters)
  }

  get values(): number[] {
    return this.letters.map(({ payload }) => Number(Buffer.from(payload).toString()))
  }
}

/** Numbers from 0 in batches of these sizes; each position is the number after the last. */
function numbers(sizes: readonly number[], keyOf: (value: number) => string | undefined): Source {
  return {
    ...disposable,
    async *read(_from, stop) {
      let next = 0
      for (const size of sizes) {
        if (stop.aborted) return
        const values = Array.from({ length: size }, (_, index) => next + index)
        next += size
        const metas = values.map((value) => {
          const key = keyOf(value)
          return key === undefined ? {} : { key }
        })
        yield valueBatch(values, next, metas)
      }
    },
  }
}

interface Run {
  readonly sizes: readonly number[]
  readonly sinks: readonly Sink[]
  readonly deadLetters?: DeadLetters
  readonly keyOf?: (value: number) => string | undefined
  readonly parts?: Partial<SinkBranchParts>
  readonly onAck?: (position: unknown) => void
  readonly signal?: AbortSignal
}

const takes = (route: string | undefined): boolean => route === undefined || route === 'a'

function branchOf(sink: Sink, { deadLetters = new KeptLetters(), parts = {} }: Run): SinkBranch {
  const limits = { messages: 8, bytes: 1_000_000, everyMs: 0 }
  return new SinkBranch({
    stage: 'sinks.a',
    sink,
    limits,
    retry,
    deadLetters,
    clock: systemClock,
    random: () => 0,
    ...parts,
  })
}

async function run(options: Run): Promise<void> {
  const { sizes, sinks, keyOf = () => undefined, onAck = () => undefined, signal = never } = options
  await using buffer = openMemoryBuffer({ messages: 50, consumers: sinks.length })
  const branches = sinks.map((sink) => branchOf(sink, options))
  await runPipeline({ source: numbers(sizes, keyOf), buffer, branches, stop: never, signal, onAck })
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

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
