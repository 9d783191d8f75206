import { setTimeout as delay } from 'node:timers/promises'
import { pipeline } from 'hermes'
import { describe, expect, it } from 'vitest'
import { numbers, scratch, until } from './scratch.ts'

const ids = (messages: readonly unknown[]): unknown[] => messages.map((each) => (each as { id: number }).id)

describe('a pipeline', () => {
  it('runs connectors to the end of the source', async () => {
    using place = scratch()
    place.write('orders.jsonl', [{ amount: 50 }, { amount: 150 }])
    await using flow = await pipeline({
      root: place.root,
      source: { file: { path: 'orders.jsonl', follow: false } },
      steps: [{ filter: 'message.amount > 100' }, { set: { currency: '"EUR"' } }],
      sinks: [{ file: { path: 'large.jsonl' } }],
    })
    await flow.finished
    expect(place.lines('large.jsonl')).toEqual([{ amount: 150, currency: 'EUR' }])
    expect(flow.stats).toMatchObject({ phase: 'finished', read: 2, filtered: 1, deadLetters: 0, buffered: 0 })
    expect(flow.stats.sinks).toEqual({ file: { written: 1, rejected: 0, failures: 0, breaker: 'closed' } })
  })

  it('runs code in the place of source, step and sink', async () => {
    const written: unknown[] = []
    await using flow = await pipeline({
      source: numbers(2_500),
      steps: [
        (message: { id: number }) => (message.id % 2 === 0 ? { id: message.id } : undefined),
        { code: ({ id }: { id: number }) => (id === 4 ? [{ id: 4 }, { id: 4.5 }] : { id }) },
        { filter: 'message.id < 8' },
      ],
      sinks: [async (messages) => void written.push(...messages), { name: 'other', code: () => undefined }],
    })
    await flow.finished
    expect(ids(written)).toEqual([0, 2, 4, 4.5, 6])
    expect(flow.stats.sinks).toMatchObject({ code: { written: 5 }, other: { written: 5 } })
  })

  it.each([
    ['a set', () => new Set([1, 2, 3])],
    [
      'a generator function',
      () =>
        async function* () {
          yield* [1, 2, 3]
        },
    ],
    ['a stream', () => new Blob(['[1,2,3]']).stream().pipeThrough(parsed())],
    [
      'a source with a place',
      () => ({
        async *read() {
          yield { messages: [1, 2, 3], position: 3 }
        },
      }),
    ],
  ])('reads %s', async (_, source) => {
    const written: unknown[] = []
    await using flow = await pipeline({ source: source(), sinks: [(messages) => void written.push(...messages)] })
    await flow.finished
    expect(written).toEqual([1, 2, 3])
  })

  it('hands the values of steps over with the ids and keys of the source', async () => {
    const known: unknown[] = []
    const source = {
      async *read() {
        yield { messages: [{ a: 1 }, { a: 2 }], ids: ['x', 'y'], keys: ['k', 'l'] }
      },
    }
    const steps = [(message: { a: number }) => (message.a === 1 ? [message, message] : message)]
    await using flow = await pipeline({
      source,
      steps,
      sinks: [(messages, { batch }) => void known.push(...messages.map((_, index) => batch.meta(index)))],
    })
    await flow.finished
    expect(known).toEqual([
      { id: 'x#0', key: 'k' },
      { id: 'x#1', key: 'k' },
      { id: 'y', key: 'l' },
    ])
  })

  it('holds the source back while a sink is slow', async () => {
    let given = 0
    let written = 0
    let ahead = 0
    await using flow = await pipeline({
      source: async function* () {
        for (; given < 400; given += 1) yield { id: given }
      },
      buffer: { memory: { messages: 20 } },
      sinks: [
        {
          batch: { messages: 5 },
          code: async (messages) => {
            await delay(1)
            written += messages.length
            ahead = Math.max(ahead, given - written)
          },
        },
      ],
    })
    await flow.finished
    expect(written).toBe(400)
    expect(ahead).toBeLessThan(60)
  })
})

describe('stopping', () => {
  it('drains: what was taken from the source is written', async () => {
    const written: unknown[] = []
    let given = 0
    const flow = await pipeline({
      source: async function* (stop) {
        while (!stop.aborted) {
          yield { id: given }
          given += 1
          await delay(1)
        }
      },
      sinks: [async (messages) => delay(10).then(() => void written.push(...messages))],
    })
    await until(() => written.length > 10)
    await Promise.all([flow.stop(), flow.stop()])
    await flow.finished
    expect(flow.stats.phase).toBe('stopped')
    expect(ids(written)).toEqual(numbers(given).map(({ id }) => id))
    await flow.stop()
  })

  it('loses nothing that a source which is told of it has taken from elsewhere', async () => {
    for (let round = 0; round < 20; round += 1) {
      const queue = numbers(10_000).map(({ id }) => ({ id }))
      const written: unknown[] = []
      const flow = await pipeline({
        source: async function* (stop) {
          for (let id = 0; !stop.aborted && queue.length > 0; id += 1) {
            const taken = queue.shift()
            if (id % (round + 1) === 0) await delay(0)
            yield taken
          }
        },
        sinks: [(messages) => void written.push(...messages)],
      })
      await until(() => written.length > round * 3)
      await flow.stop()
      expect(written.length + queue.length).toBe(10_000)
      expect(queue.length).toBeGreaterThan(0)
    }
  })

  it('lets a generator clean up', async () => {
    const done: string[] = []
    const flow = await pipeline({
      source: async function* () {
        try {
          yield* ticks()
        } finally {
          await delay(5)
          done.push('cleaned up')
        }
      },
      sinks: [{ drop: {} }],
    })
    await until(() => flow.stats.read > 3)
    await flow.stop()
    await until(() => done.length > 0)
    expect(done).toEqual(['cleaned up'])
  })

  it('happens when the scope of `await using` is left', async () => {
    const written: unknown[] = []
    {
      await using flow = await pipeline({ source: ticks(), sinks: [(messages) => void written.push(...messages)] })
      await until(() => flow.stats.read > 3)
    }
    const count = written.length
    await delay(20)
    expect(count).toBeGreaterThan(3)
    expect(written.length).toBe(count)
  })

  it('does not wait for a source that says nothing', async () => {
    const flow = await pipeline({ source: silence(), sinks: [{ drop: {} }] })
    await flow.stop()
    expect(flow.stats.phase).toBe('stopped')
  })

  it('says what could not be written in time', async () => {
    const flow = await pipeline({
      source: numbers(1),
      sinks: [() => new Promise<void>(() => undefined)],
      delivery: { drain: '50ms' },
    })
    await until(() => flow.stats.read === 1)
    await expect(flow.stop()).rejects.toMatchObject({ code: 'not_drained', message: expect.stringContaining('0.05 s') })
    await expect(flow.finished).rejects.toMatchObject({ code: 'not_drained' })
  })

  it('is told by leaving the scope when nobody else has asked', async () => {
    await expect(leftUndrained()).rejects.toMatchObject({ code: 'not_drained' })
  })

  it('gives up at once when the signal aborts', async () => {
    const controller = new AbortController()
    let signalled: AbortSignal | undefined
    const flow = await pipeline({
      source: ticks(),
      sinks: [(_, { signal }) => new Promise<void>(() => void (signalled = signal))],
      signal: controller.signal,
    })
    await until(() => signalled !== undefined)
    const failed = expect(flow.finished).rejects.toThrow('enough')
    controller.abort(new Error('enough'))
    await failed
    expect(signalled?.aborted).toBe(true)
    expect(flow.stats.phase).toBe('failed')
  })

  it('does not begin under a signal that has aborted', async () => {
    const options = { source: [1], sinks: [{ drop: {} }], signal: AbortSignal.abort(new Error('too late')) } as const
    await expect(pipeline(options)).rejects.toThrow('too late')
  })
})

async function* ticks(): AsyncGenerator {
  for (let id = 0; ; id += 1) {
    yield { id }
    await delay(1)
  }
}

async function leftUndrained(): Promise<void> {
  await using flow = await pipeline({
    source: numbers(1),
    sinks: [() => new Promise<void>(() => undefined)],
    delivery: { drain: '10ms' },
  })
  await until(() => flow.stats.read === 1)
}

async function* silence(): AsyncGenerator {
  yield await new Promise(() => undefined)
}

function parsed(): TransformStream<Uint8Array, unknown> {
  return new TransformStream({
    transform: (chunk, controller) => {
      for (const each of JSON.parse(Buffer.from(chunk).toString()) as unknown[]) controller.enqueue(each)
    },
  })
}
