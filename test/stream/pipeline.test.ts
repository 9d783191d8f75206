import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openMemoryBuffer } from '../../src/connectors/buffers/memory.ts'
import { valueBatch } from '../../src/stream/batches.ts'
import { directBranch } from '../../src/stream/direct-branch.ts'
import { type Pipeline, runPipeline } from '../../src/stream/pipeline.ts'
import type { Sink } from '../../src/stream/sink.ts'
import type { Source } from '../../src/stream/source.ts'

const never = new AbortController().signal
const disposable = { ping: async () => {}, [Symbol.asyncDispose]: async () => {} }

/** Lets other work go on for so many turns; gives up when aborted, as connectors do. */
async function turns(count: number, signal: AbortSignal): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    signal.throwIfAborted()
  }
}

interface World {
  readonly produced: number[]
  readonly written: number[]
  readonly acked: number[]
  reading: boolean
  writing: boolean
  heldMost: number
}

interface Scenario {
  readonly sizes: readonly number[]
  readonly sourceTurns: number
  readonly sinkTurns: number
  readonly limits: { readonly batches: number; readonly messages: number }
  readonly sourceFailsAt?: number
  readonly sinkFailsAt?: number
  readonly stopAt?: number
  readonly abortAt?: number
}

const sourceError = new Error('source')
const sinkError = new Error('sink')
const abortReason = new Error('abort')

function world(scenario: Scenario): { seen: World; pipeline: Pipeline; sink: Sink } {
  const seen: World = { produced: [], written: [], acked: [], reading: false, writing: false, heldMost: 0 }
  const stop = new AbortController()
  const abort = new AbortController()
  const at = (moment: number): void => {
    if (scenario.stopAt === moment) stop.abort()
    if (scenario.abortAt === moment) abort.abort(abortReason)
  }
  const source: Source = {
    ...disposable,
    async *read(_from, stopping, signal) {
      seen.reading = true
      try {
        for (const [index, size] of scenario.sizes.entries()) {
          if (stopping.aborted) return
          await turns(scenario.sourceTurns, signal)
          if (scenario.sourceFailsAt === index) throw sourceError
          seen.produced.push(index)
          seen.heldMost = Math.max(seen.heldMost, seen.produced.length - seen.acked.length)
          at(index * 2)
          yield valueBatch(
            Array.from({ length: size }, () => index),
            index,
          )
        }
      } finally {
        seen.reading = false
      }
    },
  }
  const sink: Sink = {
    ...disposable,
    async write(batch, signal) {
      expect(seen.writing).toBe(false)
      seen.writing = true
      try {
        await turns(scenario.sinkTurns, signal)
        const index = batch.position as number
        if (scenario.sinkFailsAt === index) throw sinkError
        seen.written.push(index)
        at(index * 2 + 1)
        return []
      } finally {
        seen.writing = false
      }
    },
  }
  const onAck = (position: unknown): void => {
    expect(seen.written).toContain(position)
    seen.acked.push(position as number)
  }
  const buffer = openMemoryBuffer(scenario.limits)
  const branches = [directBranch(sink)]
  return { seen, sink, pipeline: { source, branches, buffer, stop: stop.signal, signal: abort.signal, onAck } }
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}

describe('a pipeline', () => {
  it('writes every batch once and in order, acknowledges what is written, and leaves nothing running', async () => {
    const moment = fc.option(fc.nat({ max: 25 }), { nil: undefined, freq: 2 })
    const scenarios = fc.record(
      {
        sizes: fc.array(fc.nat({ max: 5 }), { maxLength: 12 }),
        sourceTurns: fc.nat({ max: 3 }),
        sinkTurns: fc.nat({ max: 3 }),
        limits: fc.record({ batches: fc.integer({ min: 1, max: 4 }), messages: fc.integer({ min: 1, max: 12 }) }),
        sourceFailsAt: moment,
        sinkFailsAt: moment,
        stopAt: moment,
        abortAt: moment,
      },
      { requiredKeys: ['sizes', 'sourceTurns', 'sinkTurns', 'limits'] },
    ) as fc.Arbitrary<Scenario>
    await fc.assert(
      fc.asyncProperty(scenarios, async (scenario) => {
        const { seen, pipeline } = world(scenario)
        const [result] = await Promise.allSettled([runPipeline(pipeline)])
        expect([seen.reading, seen.writing]).toEqual([false, false])
        expect(seen.written).toEqual(upTo(seen.written.length))
        expect(seen.acked).toEqual(seen.written)
        expect(seen.heldMost).toBeLessThanOrEqual(scenario.limits.batches + 1)
        if (result.status === 'fulfilled') {
          expect(seen.written).toEqual(seen.produced)
          const messages = seen.written.reduce((sum, index) => sum + (scenario.sizes[index] ?? 0), 0)
          expect(result.value).toEqual({ messages, batches: seen.written.length })
          if (scenario.stopAt === undefined) expect(seen.written).toEqual(upTo(scenario.sizes.length))
        } else {
          expect([sourceError, sinkError, abortReason]).toContain(result.reason)
          if (result.reason === sourceError && !pipeline.signal.aborted && scenario.sinkFailsAt === undefined) {
            expect(seen.written).toEqual(seen.produced)
          }
        }
      }),
      { numRuns: 300, seed: 20_261_121 },
    )
  })

  it('holds the source back while the sink is slow', async () => {
    const { seen, pipeline } = world({
      sizes: upTo(40).map(() => 10),
      sourceTurns: 0,
      sinkTurns: 4,
      limits: { batches: 3, messages: 1_000 },
    })
    expect(await runPipeline(pipeline)).toEqual({ messages: 400, batches: 40 })
    expect(seen.heldMost).toBe(4)
  })

  it('counts messages too, and lets a batch that is larger than the limit pass alone', async () => {
    const { seen, pipeline } = world({
      sizes: [100, 3, 3, 3, 3],
      sourceTurns: 0,
      sinkTurns: 4,
      limits: { batches: 99, messages: 6 },
    })
    expect(await runPipeline(pipeline)).toEqual({ messages: 112, batches: 5 })
    expect(seen.heldMost).toBe(3)
  })

  it('reads the next batch while the sink writes this one', async () => {
    let overlapped = false
    const {
      pipeline,
      seen,
      sink: slow,
    } = world({
      sizes: [1, 1, 1],
      sourceTurns: 1,
      sinkTurns: 3,
      limits: { batches: 2, messages: 99 },
    })
    const sink: Sink = {
      ...disposable,
      write: async (batch, signal) => {
        const before = seen.produced.length
        const rejections = await slow.write(batch, signal)
        overlapped ||= seen.produced.length > before
        return rejections
      },
    }
    await runPipeline({ ...pipeline, branches: [directBranch(sink)] })
    expect(overlapped).toBe(true)
  })

  it('lets what was read reach the sink before it throws what the source threw', async () => {
    const { seen, pipeline } = world({
      sizes: [1, 1, 1, 1],
      sourceTurns: 0,
      sinkTurns: 5,
      limits: { batches: 9, messages: 99 },
      sourceFailsAt: 3,
    })
    await expect(runPipeline(pipeline)).rejects.toBe(sourceError)
    expect(seen.acked).toEqual([0, 1, 2])
  })

  it('drains when it is to stop', async () => {
    const { seen, pipeline } = world({
      sizes: upTo(9).map(() => 1),
      sourceTurns: 0,
      sinkTurns: 3,
      limits: { batches: 2, messages: 99 },
      stopAt: 2 * 2,
    })
    expect(await runPipeline(pipeline)).toEqual({ messages: 3, batches: 3 })
    expect(seen.produced).toEqual([0, 1, 2])
  })

  it('does not start when it is aborted already', async () => {
    const { seen, pipeline } = world({ sizes: [1], sourceTurns: 0, sinkTurns: 0, limits: { batches: 1, messages: 1 } })
    await expect(runPipeline({ ...pipeline, signal: AbortSignal.abort(abortReason) })).rejects.toBe(abortReason)
    expect(seen.produced).toEqual([])
  })

  it('fails on a rejected message, which is not acknowledged', async () => {
    const { seen, pipeline } = world({ sizes: [2], sourceTurns: 0, sinkTurns: 0, limits: { batches: 1, messages: 9 } })
    const sink: Sink = { ...disposable, write: async () => [{ index: 1, reason: 'too old' }] }
    await expect(runPipeline({ ...pipeline, branches: [directBranch(sink)] })).rejects.toThrow(
      'the sink refused 1 of 2 messages; the first: too old',
    )
    expect(seen.acked).toEqual([])
  })
})

const oneMessage = valueBatch([0])

describe('the memory buffer', () => {
  it("acknowledges in the source's order, whatever order the sink acknowledges in", async () => {
    const buffer = openMemoryBuffer({ batches: 3, messages: 99 })
    const acked: number[] = []
    for (const index of [0, 1, 2]) await buffer.push(oneMessage, () => acked.push(index), never)
    buffer.end()
    const [first, second, third] = await Array.fromAsync(buffer.pull(never))
    third?.ack()
    second?.ack()
    expect(acked).toEqual([])
    first?.ack()
    expect(acked).toEqual([0, 1, 2])
  })

  it('rejects a waiting push and a waiting pull with the reason of the abort', async () => {
    const buffer = openMemoryBuffer({ batches: 1, messages: 99 })
    const abort = new AbortController()
    const pull = Array.fromAsync(openMemoryBuffer({ batches: 1, messages: 1 }).pull(abort.signal))
    await buffer.push(oneMessage, () => {}, never)
    const push = buffer.push(oneMessage, () => {}, abort.signal)
    abort.abort(abortReason)
    await expect(push).rejects.toBe(abortReason)
    await expect(pull).rejects.toBe(abortReason)
  })

  it('ends a pull that waits when it is disposed, twice', async () => {
    const buffer = openMemoryBuffer({ batches: 1, messages: 1 })
    const pull = Array.fromAsync(buffer.pull(never))
    await buffer[Symbol.asyncDispose]()
    await buffer[Symbol.asyncDispose]()
    expect(await pull).toEqual([])
  })
})
