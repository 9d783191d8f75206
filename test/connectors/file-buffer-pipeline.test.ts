import { expect, it } from 'vitest'
import { directBranch } from '../../src/stream/direct-branch.ts'
import { runPipeline } from '../../src/stream/pipeline.ts'
import type { Sink } from '../../src/stream/sink.ts'
import type { Source } from '../../src/stream/source.ts'
import { idsOf, kilobytes, never, numbers } from './buffers.ts'
import { BufferDirectory } from './file-buffer-world.ts'

const nothing = { ping: async () => {}, [Symbol.asyncDispose]: async () => {} }

/** Batches of ten, each with the id behind it as its position. */
const source: Source = {
  ...nothing,
  async *read(from) {
    for (let first = Number(from ?? 0); first < 500; first += 10) yield kilobytes(10, first)
  },
}

const once = (ids: readonly number[]): number[] => [...new Set(ids)]

it('carries a pipeline over failures of a sink: nothing is lost, and the other sink is not given it twice', async () => {
  using directory = new BufferDirectory()
  const written: [number[], number[]] = [[], []]
  let position: unknown
  let failures = 0
  const sink = (index: 0 | 1, lasts: number): Sink => {
    let left = lasts
    return {
      ...nothing,
      write: async (batch) => {
        left -= 1
        if (left < 0) throw new Error('gone')
        written[index].push(...idsOf(batch).map(Number))
        return []
      },
    }
  }
  for (;;) {
    await using buffer = await directory.open({ consumers: ['steady', 'shaky'], bytes: 200_000, segmentBytes: 25_000 })
    const branches = [directBranch(sink(0, Number.POSITIVE_INFINITY)), directBranch(sink(1, 7))]
    const onAck = (reached: unknown): void => void (position = reached)
    const moving = runPipeline({ source, from: position, buffer, branches, stop: never, signal: never, onAck })
    const [result] = await Promise.allSettled([moving])
    if (result.status === 'fulfilled') break
    expect(result.reason).toEqual(new Error('gone'))
    failures += 1
  }
  expect(failures).toBeGreaterThan(5)
  expect(once(written[0])).toEqual(numbers(500))
  expect(once(written[1])).toEqual(numbers(500))
  expect(written[1].length).toBe(500)
  // Given again is only what the steady sink had in hand when the other one failed.
  expect(written[0].length).toBeLessThan(500 + failures * 20)
})
