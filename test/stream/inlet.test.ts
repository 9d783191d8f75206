import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { openMemoryBuffer } from '../../src/connectors/buffers/memory.ts'
import { valueBatch } from '../../src/stream/batches.ts'
import type { DeadLetter } from '../../src/stream/dead-letter.ts'
import { Inlet } from '../../src/stream/inlet.ts'
import { runPipeline } from '../../src/stream/pipeline.ts'
import type { Sink } from '../../src/stream/sink.ts'
import { SinkBranch } from '../../src/stream/sink-branch.ts'
import { Stage } from '../../src/stream/stage.ts'
import type { Step } from '../../src/stream/step.ts'

const never = new AbortController().signal
const retry = { firstMs: 1, mostMs: 4, attempts: 3, breakerAfter: 3 }
const limits = { messages: 8, bytes: 1_000_000, everyMs: 0 }

/** A pipeline of two sinks that refuse what is odd until it is told otherwise, and a step that refuses what is negative. */
async function world() {
  const letters: DeadLetter[] = []
  const deadLetters = { write: async (all: readonly DeadLetter[]) => void letters.push(...all) }
  const taken: Record<string, number[]> = { a: [], b: [] }
  let refusesOdd = true
  const sinkOf = (name: string): Sink => ({
    write: async (batch) => {
      const rejections = []
      for (let index = 0; index < batch.size; index += 1) {
        const value = batch.value(index) as number
        if (name === 'a' && refusesOdd && value % 2 !== 0) rejections.push({ index, reason: 'odd' })
        else taken[name]?.push(value)
      }
      return rejections
    },
    ping: async () => {},
    [Symbol.asyncDispose]: async () => {},
  })
  const branchOf = (name: string): SinkBranch =>
    new SinkBranch({
      stage: `sinks.${name}`,
      sink: sinkOf(name),
      limits,
      retry,
      takes: (route) => route === undefined || route === name,
      deadLetters,
      clock: systemClock,
      random: Math.random,
    })
  const positive: Step = {
    apply: (batch) => {
      const bad = (batch.values() as readonly number[]).flatMap((value, index) => (value < 0 ? [index] : []))
      return bad.length === 0
        ? { batch }
        : { batch: valueBatch([]), failures: bad.map((index) => ({ index, reason: 'negative' })) }
    },
  }
  const inlet = new Inlet()
  const stop = new AbortController()
  const buffer = openMemoryBuffer({ messages: 50, consumers: 2 })
  const source = {
    async *read() {
      yield valueBatch([0, 1, 2], 3)
      while (!stop.signal.aborted) await delay(5)
    },
    ping: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
  const stage = new Stage({ steps: [{ stage: 'steps[0].positive', step: positive }], deadLetters, clock: systemClock })
  const branches = [branchOf('a'), branchOf('b')]
  const done = runPipeline({ source, stage, inlet, buffer, branches, stop: stop.signal, signal: never })
  await expect.poll(() => letters.length).toBe(1)
  const accept = (): void => {
    refusesOdd = false
  }
  const end = async (): Promise<void> => {
    stop.abort()
    await done
  }
  return { letters, taken, inlet, accept, end }
}

it('a dead letter of a sink goes to that sink again, and to no other', async () => {
  const { letters, taken, inlet, accept, end } = await world()
  accept()
  await inlet.send(valueBatch([1], undefined, [{ route: 'a', attempts: 1 }]), 'sinks.a', never)
  expect(taken).toEqual({ a: [0, 2, 1], b: [0, 1, 2] })
  expect(letters).toHaveLength(1)
  await end()
})

it('one that fails again is a dead letter again, with its count', async () => {
  const { letters, inlet, end } = await world()
  await inlet.send(valueBatch([1], undefined, [{ route: 'a', attempts: 1 }]), 'sinks.a', never)
  expect(letters.map(({ attempts, stage }) => [attempts, stage])).toEqual([
    [1, 'sinks.a'],
    [2, 'sinks.a'],
  ])
  await end()
})

it('a dead letter of a step goes on at that step', async () => {
  const { letters, taken, inlet, end } = await world()
  await inlet.send(valueBatch([-4], undefined, [{ attempts: 1 }]), 'steps[0].positive', never)
  expect(letters.at(-1)).toMatchObject({ stage: 'steps[0].positive', attempts: 2 })
  await inlet.send(valueBatch([4], undefined, [{ attempts: 1 }]), 'steps[0].positive', never)
  expect(taken).toEqual({ a: [0, 2, 4], b: [0, 1, 2, 4] })
  await end()
})

it('nothing goes in where nothing runs', async () => {
  const { inlet, end } = await world()
  await end()
  await expect(inlet.send(valueBatch([1]), 'sinks.a', never)).rejects.toMatchObject({ code: 'not_in_force' })
})
