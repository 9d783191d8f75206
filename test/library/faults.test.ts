import { type OwnSource, type PipelineLog, pipeline, type RejectedMessage } from 'hermes'
import { describe, expect, it } from 'vitest'
import { numbers, scratch, until } from './scratch.ts'

/** A source with a place; after its numbers it waits for the stop. */
function numbered(count: number, ends = true): OwnSource & { readonly begun: unknown[] } {
  const begun: unknown[] = []
  return {
    begun,
    async *read(from, stop) {
      begun.push(from)
      for (let id = Number(from ?? 0); id < count && !stop.aborted; id += 1) {
        yield { messages: [{ id }], position: id + 1 }
      }
      if (!ends && !stop.aborted)
        await new Promise((resolve) => stop.addEventListener('abort', resolve, { once: true }))
    },
  }
}

/** Keeps a position in memory, beyond the pipeline. */
function memory() {
  const saved: unknown[] = []
  return { saved, load: () => saved.at(-1), save: (position: unknown) => void saved.push(position) }
}

const rejectOdd = (messages: readonly { id: number }[]) =>
  messages.flatMap(({ id }, index) => (id % 2 === 1 ? [{ index, reason: `${id} is odd` }] : []))

function rejectThree({ id }: { id: number }): unknown {
  if (id === 3) throw new Error('three')
  return { id }
}

describe('a rejected message', () => {
  it('ends the pipeline, which stands before it, when nothing takes it', async () => {
    const positions = memory()
    await using flow = await pipeline({ source: numbered(10), positions, sinks: [{ name: 'even', code: rejectOdd }] })
    await expect(flow.finished).rejects.toMatchObject({
      code: 'message_rejected',
      message: 'sinks.even rejected the message {"id":1}: 1 is odd',
    })
    expect([undefined, 1]).toContain(positions.saved.at(-1))
    expect(flow.stats).toMatchObject({ phase: 'failed', error: { code: 'message_rejected' } })
  })

  it('ends it when a step rejects', async () => {
    const positions = memory()
    await using flow = await pipeline({ source: numbered(10), positions, steps: [rejectThree], sinks: [{ drop: {} }] })
    await expect(flow.finished).rejects.toThrow('steps[0].code rejected the message {"id":3}: code: three')
    expect(positions.saved.at(-1)).toBe(3)
  })

  it('goes to the dead letters, and the others go on', async () => {
    const letters: RejectedMessage[] = []
    const positions = memory()
    await using flow = await pipeline({
      source: numbered(6),
      positions,
      sinks: [rejectOdd],
      deadLetters: async (all) => void letters.push(...all),
    })
    await flow.finished
    expect(letters.map(({ message, reason, stage }) => [message, reason, stage])).toEqual(
      [1, 3, 5].map((id) => [{ id }, `${id} is odd`, 'sinks.code']),
    )
    expect(flow.stats).toMatchObject({ deadLetters: 3, sinks: { code: { written: 3, rejected: 3 } } })
    expect(positions.saved.at(-1)).toBe(6)
  })

  it('ends the pipeline when the dead letters do not take it', async () => {
    await using flow = await pipeline({
      source: numbered(3),
      sinks: [rejectOdd],
      deadLetters: () => Promise.reject(new Error('the disk is full')),
    })
    await expect(flow.finished).rejects.toThrow('1 is odd; deadLetters did not take it: the disk is full')
  })

  it('is one that is no JSON, where the sink wants values', async () => {
    using place = scratch()
    place.write('a.jsonl', [{ id: 0 }, { id: 1 }])
    const { appendFileSync } = await import('node:fs')
    appendFileSync(`${place.root}/a.jsonl`, 'not json\n{"id":2}\n')
    const written: unknown[] = []
    const letters: RejectedMessage[] = []
    await using flow = await pipeline({
      root: place.root,
      source: { file: { path: 'a.jsonl', follow: false } },
      sinks: [(messages) => void written.push(...messages)],
      deadLetters: (all) => void letters.push(...all),
    })
    await flow.finished
    expect(written).toEqual(numbers(3))
    expect(letters.map(({ payload, message }) => [Buffer.from(payload).toString(), message])).toEqual([
      ['not json', undefined],
    ])
  })

  it('is lost, and said to be, where a sink may lose it', async () => {
    const told: string[] = []
    await using flow = await pipeline({
      source: numbers(4),
      sinks: [{ name: 'extra', bestEffort: true, code: rejectOdd }, { drop: {} }],
      log: { ...quiet, warn: (_, message) => void told.push(message) },
    })
    await flow.finished
    expect(flow.stats.sinks).toMatchObject({ extra: { rejected: 2 }, drop: { written: 4 } })
    expect(told).toEqual(['messages lost: they were rejected'])
  })
})

describe('own code that fails', () => {
  it('ends the pipeline with what the source threw, once everything before it is written', async () => {
    const thrown = new Error('the source broke')
    const written: unknown[] = []
    await using flow = await pipeline({
      source: async function* () {
        yield* numbers(5)
        throw thrown
      },
      sinks: [(messages) => void written.push(...messages)],
    })
    await expect(flow.finished).rejects.toBe(thrown)
    expect(written).toEqual(numbers(5))
  })

  it('has a sink tried again, from the messages that it did not take', async () => {
    const told: object[] = []
    const written: unknown[] = []
    let failures = 0
    await using flow = await pipeline({
      source: numbers(3),
      delivery: { retry: { first: '1ms' } },
      log: { ...quiet, warn: (fields) => void told.push(fields) },
      sinks: [
        async (messages) => {
          failures += 1
          if (failures < 3) throw new Error('away')
          written.push(...messages)
        },
      ],
    })
    await flow.finished
    expect(written).toEqual(numbers(3))
    expect(flow.stats.sinks).toMatchObject({ code: { written: 3, failures: 2 } })
    expect(told).toEqual([
      { pipeline: 'pipeline', sink: 'code', code: 'connector_unavailable', error: 'away' },
      { pipeline: 'pipeline', sink: 'code', code: 'connector_unavailable', error: 'away' },
    ])
  })

  it('has nothing delivered by a sink that answers what is no answer', async () => {
    const wrong = [() => [{ id: 1 }], () => 5, () => [{ index: 7, reason: 'there is none' }]] as const
    for (const code of wrong) {
      const flow = await pipeline({
        source: numbers(2),
        sinks: [code as unknown as () => void],
        delivery: { drain: '1ms' },
        log: false,
      })
      await until(() => (flow.stats.sinks['code']?.failures ?? 0) > 0)
      expect(flow.stats.sinks['code']).toMatchObject({
        written: 0,
        error: { message: expect.stringContaining('rejected') },
      })
      await expect(flow.stop()).rejects.toMatchObject({ code: 'not_drained' })
    }
  })

  it.each<[string, unknown, string]>([
    ['a bigint', { order: { id: 1n } }, 'a bigint at .order.id'],
    ['nothing', undefined, 'undefined'],
    ['not a number', [1, Number.NaN], 'NaN at [1]'],
    ['a map', { a: new Map() }, 'a Map at .a'],
    ['bytes', new Uint8Array(2), 'a Uint8Array'],
    ['a promise', Promise.resolve(1), 'a Promise'],
  ])('ends a pipeline whose source gives %s', async (_, message, fault) => {
    await using flow = await pipeline({ source: [1, message], sinks: [{ drop: {} }] })
    await expect(flow.finished).rejects.toMatchObject({
      code: 'message_invalid',
      message: expect.stringContaining(fault),
    })
  })

  it('ends one whose source gives what holds itself', async () => {
    const circle: { self?: unknown } = {}
    circle.self = circle
    await using flow = await pipeline({ source: [circle], sinks: [{ drop: {} }] })
    await expect(flow.finished).rejects.toThrow('a value that holds itself')
  })

  it('rejects the message for which a step returns a promise', async () => {
    await using flow = await pipeline({ source: [1], steps: [async () => 2], sinks: [{ drop: {} }] })
    await expect(flow.finished).rejects.toThrow('a step waits for nothing')
  })

  it('ends one whose source breaks off at its place, which a next one goes on from', async () => {
    const positions = memory()
    const broken = numbered(5)
    const read = broken.read.bind(broken)
    let left = 1
    const source: OwnSource = {
      async *read(from, stop, signal) {
        yield* read(from, stop, signal)
        if (left-- > 0) throw new Error('broke off')
      },
    }
    await using first = await pipeline({ source, positions, sinks: [{ drop: {} }] })
    await expect(first.finished).rejects.toThrow('broke off')
    await using second = await pipeline({ source, positions, sinks: [{ drop: {} }] })
    await second.finished
    expect(broken.begun).toEqual([undefined, 5])
    expect(second.stats.read).toBe(0)
  })
})

describe('a connector that fails for good', () => {
  it('ends the pipeline; what came before is written, and its position stays', async () => {
    using place = scratch()
    place.write('a.jsonl', [{ id: 1 }, { id: 2 }, { text: 'x'.repeat(200) }, { id: 3 }])
    const written: unknown[] = []
    const positions = memory()
    await using flow = await pipeline({
      root: place.root,
      positions,
      source: { file: { path: 'a.jsonl', follow: false, maxLineBytes: 100 } },
      sinks: [(messages) => void written.push(...messages)],
    })
    await expect(flow.finished).rejects.toMatchObject({ fix: expect.stringContaining('maxLineBytes') })
    expect(written).toEqual([{ id: 1 }, { id: 2 }])
    expect(positions.saved).toHaveLength(1)
    expect(flow.stats.phase).toBe('failed')
  })
})

describe('a failure that may pass', () => {
  it('has the pipeline start again at its position', async () => {
    using place = scratch()
    place.write('a.jsonl', [{ id: 1 }])
    const told: string[] = []
    let asked = 0
    const load = (): unknown => {
      asked += 1
      if (asked === 1) throw new Error('not now')
      return undefined
    }
    await using flow = await pipeline({
      root: place.root,
      positions: { load, save: () => {} },
      source: { file: { path: 'a.jsonl', follow: false } },
      sinks: [{ file: { path: 'b.jsonl' } }],
      log: { ...quiet, warn: (_, message) => void told.push(message) },
    })
    await until(() => flow.stats.phase === 'failed')
    expect(flow.stats.error?.message).toBe('not now')
    await flow.finished
    expect(told).toEqual(['workflow failed'])
    expect(place.lines('b.jsonl')).toEqual([{ id: 1 }])
    expect(flow.stats).not.toHaveProperty('error')
  })
})

describe('a source or sink that does not answer', () => {
  it('is told before anything starts', async () => {
    const refused = { read: async function* () {}, ping: () => Promise.reject(new Error('nobody is there')) }
    await expect(pipeline({ source: refused, sinks: [{ drop: {} }] })).rejects.toThrow('nobody is there')
    const redis = { redis: { url: 'redis://127.0.0.1:1', publish: 'a', timeout: '200ms' } }
    await expect(pipeline({ source: [1], sinks: [redis], log: false })).rejects.toMatchObject({
      code: 'connector_unavailable',
    })
  })
})

const quiet: PipelineLog = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
