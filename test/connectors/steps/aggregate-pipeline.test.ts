import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import { openMemoryBuffer } from '../../../src/connectors/buffers/memory.ts'
import type { Batch, Position } from '../../../src/stream/batch.ts'
import { valueBatch } from '../../../src/stream/batches.ts'
import type { DeadLetter } from '../../../src/stream/dead-letter.ts'
import { runPipeline } from '../../../src/stream/pipeline.ts'
import type { Source } from '../../../src/stream/source.ts'
import { Stage } from '../../../src/stream/stage.ts'
import { openStep } from '../step-contract.ts'

const minuteMs = 60_000
const config = { window: '1m', time: 'message.t', values: { n: { count: 'true' } } }
const none = new AbortController().signal

function sourceOf(batches: readonly Batch[]): Source {
  return {
    async *read() {
      yield* batches
    },
    ping: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
}

describe('an aggregate in a pipeline', () => {
  it('lets no position be acknowledged before the windows that it has part in', async () => {
    const events: string[] = []
    const letters: DeadLetter[] = []
    const times = [[1], [2, minuteMs + 1], [minuteMs + 2, 3], [2 * minuteMs], [2 * minuteMs + 1]]
    const source = sourceOf(
      times.map((each, index) =>
        valueBatch(
          each.map((t) => ({ t })),
          index + 1,
        ),
      ),
    )
    const stage = new Stage({
      steps: [{ stage: 'steps[0].aggregate', step: openStep('aggregate', config) }],
      deadLetters: { write: async (each) => void letters.push(...each) },
      clock: systemClock,
    })
    const moved = await runPipeline({
      source,
      stage,
      buffer: openMemoryBuffer({ messages: 1_000 }),
      branches: [
        {
          deliver: async (deliveries) => {
            for await (const delivery of deliveries) {
              for (const value of delivery.batch.values()) events.push(`result ${(value as { n: number }).n}`)
              delivery.ack()
            }
          },
        },
      ],
      stop: none,
      signal: none,
      clock: systemClock,
      onAck: (position: Position) => events.push(`ack ${position as number}`),
    })
    // The first window has part in batches 1 and 2, the second in 2 and 3, the third in 4 and 5.
    expect(events).toEqual(['result 2', 'ack 1', 'result 2', 'ack 2', 'ack 3', 'result 2', 'ack 4', 'ack 5'])
    expect(letters).toMatchObject([
      { stage: 'steps[0].aggregate', position: 3, reason: expect.stringContaining('late') },
    ])
    expect(moved).toEqual({ messages: 7, batches: 5 })
  })
})
