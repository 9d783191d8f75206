import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { inspectBuffer } from '../../src/connectors/buffers/file-inspect.ts'
import { memoryBuffer } from '../../src/connectors/buffers/memory.ts'
import { type OverflowLimits, openOverflowBuffer } from '../../src/connectors/buffers/overflow-buffer.ts'
import { valueBatch } from '../../src/stream/batches.ts'
import type { Buffer, Delivery } from '../../src/stream/buffer.ts'
import { directBranch } from '../../src/stream/direct-branch.ts'
import { runPipeline } from '../../src/stream/pipeline.ts'
import type { Sink } from '../../src/stream/sink.ts'
import type { Source } from '../../src/stream/source.ts'
import { heldBytes } from '../memory.ts'
import { Random } from '../random.ts'
import { acknowledge, drain, idsOf, kilobytes, never, numbers, placeOf, takeSome, type Warning } from './buffers.ts'
import { BufferDirectory } from './file-buffer-world.ts'

let directory: BufferDirectory
beforeEach(() => {
  directory = new BufferDirectory()
})
afterEach(() => directory[Symbol.dispose]())

const limits = { memory: { messages: 20 }, file: { bytes: 50_000_000, segmentBytes: 1_000_000 } }

function open(consumers = 1, changed: Partial<OverflowLimits> = {}): Promise<Buffer> {
  return openOverflowBuffer({ ...limits, ...changed }, placeOf(directory.path, consumers, directory.warnings))
}

/** Pushes so many batches of ten; says which of them were acknowledged, by the first of their ids. */
async function pushTens(buffer: Buffer, first: number, count: number, acked: number[] = []): Promise<number[]> {
  for (let id = first; id < first + count * 10; id += 10) {
    await buffer.push(kilobytes(10, id), () => void acked.push(id), never)
  }
  return acked
}

/** So many messages are in the files for the consumer that is furthest behind. */
async function inFiles(): Promise<number> {
  const { consumers } = await inspectBuffer(directory.path)
  return Math.max(...consumers.map(({ messages }) => messages))
}

/** What a consumer is given next, up to so many; acknowledged as it comes. */
async function take(pulled: AsyncIterable<Delivery>, count: number): Promise<unknown[]> {
  const taken = await takeSome(pulled, count)
  acknowledge(taken)
  return taken.flatMap(({ batch }) => idsOf(batch))
}

it('writes nothing while memory has room', async () => {
  await using buffer = await open()
  for (const round of numbers(20)) {
    await pushTens(buffer, round * 20, 2)
    expect(await take(buffer.pull(never), 2)).toEqual(numbers(20).map((id) => round * 20 + id))
  }
  expect(await inspectBuffer(directory.path)).toMatchObject({ frames: 0 })
})

it('goes into the files when one consumer is behind, and back to memory once each was given everything', async () => {
  await using buffer = await open(2)
  const [fast, slow] = [buffer.pull(never, 0), buffer.pull(never, 1)]
  await pushTens(buffer, 0, 10)
  expect(await take(fast, 10)).toEqual(numbers(100))
  expect(await inFiles()).toBe(80)
  expect(buffer.depth().messages).toBe(100)
  expect(await take(slow, 9)).toEqual(numbers(90))
  await pushTens(buffer, 100, 1)
  const held = await takeSome(slow, 2)
  expect(held.flatMap(({ batch }) => idsOf(batch))).toEqual(numbers(20).map((id) => 90 + id))
  expect(await take(fast, 1)).toEqual(numbers(10).map((id) => 100 + id))
  // Given is enough: what the slow one has in hand is on the disk for it.
  await pushTens(buffer, 110, 2)
  expect(buffer.depth().messages).toBe(40)
  expect(await inspectBuffer(directory.path)).toMatchObject({ messages: 90 })
  await pushTens(buffer, 130, 1)
  acknowledge(held)
  buffer.end()
  expect(await drain(buffer, 0)).toEqual(numbers(30).map((id) => 110 + id))
  expect(await drain(buffer, 1)).toEqual(numbers(30).map((id) => 110 + id))
  expect(await inspectBuffer(directory.path)).toMatchObject({ messages: 100 })
})

it('wakes consumers that wait at the end of the files when it goes back to memory, and the other way round', async () => {
  await using buffer = await open()
  const pulled = buffer.pull(never)
  for (const round of numbers(5)) {
    await pushTens(buffer, round * 60, 5)
    expect(await take(pulled, 5)).toEqual(numbers(50).map((id) => round * 60 + id))
    const waiting = take(pulled, 1)
    await delay(5)
    await pushTens(buffer, round * 60 + 50, 1)
    expect(await waiting).toEqual(numbers(10).map((id) => round * 60 + 50 + id))
  }
  expect(buffer.depth().messages).toBe(0)
})

it('acknowledges what is in the files once memory is empty before it, and all in order', async () => {
  await using buffer = await open(2)
  const acked = await pushTens(buffer, 0, 6)
  const [fast, slow] = [buffer.pull(never, 0), buffer.pull(never, 1)]
  await take(fast, 6)
  const taken = await takeSome(slow, 6)
  acknowledge(taken.slice(1))
  await delay(50)
  expect(acked).toEqual([])
  acknowledge(taken.slice(0, 1))
  expect(acked).toEqual([0, 10, 20, 30, 40, 50])
  // By itself from now on, as nothing is before it in memory.
  await pushTens(buffer, 60, 3, acked)
  acknowledge(await takeSome(fast, 2))
  acknowledge(await takeSome(slow, 2))
  await expect.poll(() => acked.slice(6)).toEqual([60, 70, 80])
})

it('uses no memory that becomes free before everything in the files is acknowledged', async () => {
  await using buffer = await open()
  const acked = await pushTens(buffer, 0, 4)
  const taken = await takeSome(buffer.pull(never), 4)
  acknowledge(taken.slice(0, 1))
  await pushTens(buffer, 40, 1, acked)
  taken.push(...(await takeSome(buffer.pull(never), 1)))
  expect(taken.flatMap(({ batch }) => idsOf(batch))).toEqual(numbers(50))
  expect(acked).toEqual([0])
  acknowledge(taken.slice(1))
  expect(acked).toEqual([0, 10, 20, 30, 40])
})

it('holds the source back when too many acknowledgements wait, which take memory', async () => {
  await using buffer = await open(1, { waiting: 3 })
  const acked = await pushTens(buffer, 0, 2)
  await pushTens(buffer, 20, 3, acked)
  const [first, second] = await takeSome(buffer.pull(never), 2)
  const { messages } = buffer.depth()
  const stop = new AbortController()
  await expect.poll(() => inFiles()).toBe(30)
  setTimeout(() => stop.abort(new Error('enough')), 50)
  await expect(buffer.push(kilobytes(10, 50), () => undefined, stop.signal)).rejects.toThrow('enough')
  expect(buffer.depth().messages).toBe(messages)
  const waiting = pushTens(buffer, 50, 1, acked)
  first?.ack()
  second?.ack()
  await waiting
  await expect.poll(() => acked).toEqual([0, 10, 20, 30, 40, 50])
  expect(buffer.depth().messages).toBe(messages - 20 + 10)
})

it('is followed by a buffer in files, and one in memory says what it leaves there', async () => {
  {
    await using buffer = await open()
    await pushTens(buffer, 0, 5)
  }
  const warnings: Warning[] = []
  const place = placeOf(directory.path, 1, warnings)
  await using memory = await memoryBuffer.open({ messages: 10, bytes: 100_000, whenFull: 'block' }, place)
  expect(memory.depth().messages).toBe(0)
  expect(warnings).toEqual([
    { message: expect.stringContaining('not delivered'), fields: { dir: directory.path, messages: 30 } },
  ])
  {
    await using file = await directory.open()
    file.end()
    expect(await drain(file)).toEqual(numbers(30).map((id) => 20 + id))
  }
  warnings.length = 0
  await using _ = await memoryBuffer.open({ messages: 10, bytes: 100_000, whenFull: 'block' }, place)
  expect(warnings).toEqual([])
})

it('says nothing of what only memory held when it is closed, nor of what is behind that; the files come first then', async () => {
  const acked: number[] = []
  {
    await using buffer = await open(2)
    await pushTens(buffer, 0, 5, acked)
    await take(buffer.pull(never, 0), 5)
  }
  expect(acked).toEqual([])
  await using buffer = await open(2)
  expect(buffer.depth().messages).toBe(30)
  // As the source does, from its last position on.
  await pushTens(buffer, 0, 6, acked)
  await expect.poll(() => acked).toEqual([0, 10, 20, 30, 40, 50])
  buffer.end()
  expect(await drain(buffer, 0)).toEqual(numbers(60))
  expect(await drain(buffer, 1)).toEqual([...numbers(30).map((id) => 20 + id), ...numbers(60)])
})

it('holds the source back when the files are full too, and throws for a push that is given up meanwhile', async () => {
  await using buffer = await open(1, { file: { bytes: 100_000, segmentBytes: 12_500 } })
  const stop = new AbortController()
  const acked: number[] = []
  const pushing = (async () => {
    for (let id = 0; ; id += 10) await buffer.push(kilobytes(10, id), () => void acked.push(id), stop.signal)
  })()
  setTimeout(() => stop.abort(new Error('enough')), 200)
  await expect(pushing).rejects.toThrow('enough')
  const { messages } = buffer.depth()
  expect(messages).toBeGreaterThan(20)
  expect(messages).toBeLessThan(150)
  expect(await take(buffer.pull(never), messages / 10)).toEqual(numbers(messages))
  await expect.poll(() => acked.length).toBe(messages / 10)
  // What was given up does not keep it from going back to memory.
  await pushTens(buffer, messages, 1, acked)
  await delay(30)
  expect(acked.length).toBe(messages / 10)
  expect(await take(buffer.pull(never), 1)).toEqual(numbers(10).map((id) => messages + id))
  expect(acked.length).toBe(messages / 10 + 1)
})

it('keeps the order for consumers of every pace, whatever is in memory and whatever is in files', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  const random = new Random(seed)
  await using buffer = await open(3, { memory: { messages: 8 } })
  const pause = (): Promise<unknown> =>
    random.next() < 0.05
      ? delay(random.between(0, 3))
      : random.next() < 0.5
        ? Promise.resolve()
        : new Promise(setImmediate)
  const consume = async (consumer: number): Promise<unknown[]> => {
    const ids: unknown[] = []
    const flying: Delivery[] = []
    for await (const delivery of buffer.pull(never, consumer)) {
      ids.push(...idsOf(delivery.batch))
      flying.push(delivery)
      if (random.next() < 0.7) acknowledge(flying.splice(0))
      await pause()
    }
    acknowledge(flying)
    return ids
  }
  const consuming = [0, 1, 2].map(consume)
  const acked: number[] = []
  let next = 0
  for (const index of numbers(3_000)) {
    const values = numbers(random.between(1, 4)).map((offset) => ({ id: next + offset }))
    next += values.length
    await buffer.push(valueBatch(values), () => void acked.push(index), never)
    await pause()
    if (random.next() < 0.01) await delay(5)
  }
  buffer.end()
  for (const ids of await Promise.all(consuming)) expect(ids, `seed ${seed}`).toEqual(numbers(next))
  await expect.poll(() => acked.length).toBe(3_000)
  expect(acked, `seed ${seed}`).toEqual(numbers(3_000))
})

it('lets a sink go on far beyond memory while another one is away, which catches up in order', async () => {
  await using buffer = await open(2, { memory: { messages: 1_000 } })
  const messages = 30_000
  const nothing = { ping: async () => {}, [Symbol.asyncDispose]: async () => {} }
  const source: Source = {
    ...nothing,
    async *read(from) {
      for (let first = Number(from ?? 0); first < messages; first += 100) yield kilobytes(100, first)
    },
  }
  const back = Promise.withResolvers<void>()
  const written: [number[], number[]] = [[], []]
  const sink = (index: 0 | 1, ready: Promise<void>): Sink => ({
    ...nothing,
    write: async (batch) => {
      await ready
      written[index].push(...idsOf(batch).map(Number))
      return []
    },
  })
  const positions: unknown[] = []
  const branches = [directBranch(sink(0, Promise.resolve())), directBranch(sink(1, back.promise))]
  const onAck = (position: unknown): void => void positions.push(position)
  const before = await heldBytes()
  const moving = runPipeline({ source, buffer, branches, stop: never, signal: never, onAck })
  await expect.poll(() => written[0].length, { timeout: 30_000 }).toBe(messages)
  expect([written[1], positions]).toEqual([[], []])
  expect(buffer.depth().messages).toBe(messages)
  expect(await inFiles()).toBe(messages - 1_000)
  // Of 30 MB, the bound of one, and the newest that the files keep at hand.
  await expect.poll(async () => (await heldBytes()) - before, { timeout: 10_000 }).toBeLessThan(8_000_000)
  back.resolve()
  expect(await moving).toEqual({ messages, batches: messages / 100 })
  expect(written).toEqual([numbers(messages), numbers(messages)])
  expect(positions).toEqual(numbers(messages / 100).map((index) => (index + 1) * 100))
}, 60_000)
