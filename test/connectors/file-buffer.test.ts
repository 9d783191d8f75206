import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { inspectBuffer, verifyBuffer } from '../../src/connectors/buffers/file-inspect.ts'
import { bytesBatch } from '../../src/stream/batches.ts'
import { FakeClock } from '../fake-clock.ts'
import { acknowledge, drain, idsOf, kilobytes, never, numbers, takeSome } from './buffers.ts'
import { BufferDirectory, pushDurably, pushOneByOne } from './file-buffer-world.ts'

const eachOf = (count: number, size = 1) => numbers(count).map((index) => kilobytes(size, index * size))

const megabytes = (count: number, fill: number): Uint8Array => new Uint8Array(count * 2 ** 20).fill(fill)

/** Ten batches of one message, in a buffer that is closed. */
async function tenFrames(directory: BufferDirectory): Promise<void> {
  await using buffer = await directory.open()
  await pushDurably(buffer, eachOf(10))
}

/** What a buffer gives, opened anew, with a batch pushed behind. */
async function given(directory: BufferDirectory, more = 100): Promise<unknown[]> {
  await using buffer = await directory.open()
  await pushDurably(buffer, [kilobytes(1, more)])
  buffer.end()
  return await drain(buffer)
}

describe('a file buffer that was closed', () => {
  it('gives again what was not acknowledged, and nothing else', async () => {
    using directory = new BufferDirectory()
    {
      await using buffer = await directory.open({ consumers: 2 })
      await pushDurably(buffer, eachOf(10))
      const [one, two] = [await takeSome(buffer.pull(never, 0), 10), await takeSome(buffer.pull(never, 1), 10)]
      acknowledge(one.slice(0, 4))
      one[6]?.ack()
      acknowledge(two)
    }
    await using buffer = await directory.open({ consumers: 2 })
    expect(buffer.depth()).toMatchObject({ messages: 6 })
    await buffer.push(kilobytes(1, 10), () => undefined, never)
    buffer.end()
    expect(await drain(buffer, 0)).toEqual([4, 5, 6, 7, 8, 9, 10])
    expect(await drain(buffer, 1)).toEqual([10])
    expect(directory.warnings).toEqual([])
  })

  it('has made durable what was pushed before', async () => {
    using directory = new BufferDirectory()
    const acked: number[] = []
    {
      await using buffer = await directory.open()
      for (const index of numbers(50)) await buffer.push(kilobytes(20, index * 20), () => acked.push(index), never)
    }
    expect(acked).toEqual(numbers(50))
    await using buffer = await directory.open()
    buffer.end()
    expect(await drain(buffer)).toEqual(numbers(1_000))
  })
})

describe('a batch that is larger than a frame', () => {
  it('comes in several, in order and with its position, and is acknowledged once', async () => {
    using directory = new BufferDirectory()
    const payloads = [...numbers(6).map((index) => megabytes(9, index)), megabytes(40, 6)]
    const acked: string[] = []
    {
      await using buffer = await directory.open()
      await buffer.push(bytesBatch(payloads, { position: 'p' }), () => acked.push('large'), never)
      await buffer.push(kilobytes(1), () => acked.push('small'), never)
    }
    expect(acked).toEqual(['large', 'small'])
    await using buffer = await directory.open()
    buffer.end()
    const seen: unknown[] = []
    for await (const { batch } of buffer.pull(never)) {
      for (const index of numbers(batch.size))
        seen.push([batch.position, batch.bytes(index)[0], batch.bytes(index).length])
    }
    const large = payloads.map((payload, index) => ['p', index, payload.length])
    expect(seen.slice(0, -1)).toEqual(large)
    expect(directory.frames().length).toBeGreaterThan(3)
  })
})

describe('the consumers of a file buffer', () => {
  it('begin with what is pushed from then on when they are new, and are forgotten when they are gone', async () => {
    using directory = new BufferDirectory()
    {
      await using buffer = await directory.open({ consumers: ['old', 'gone'] })
      await pushDurably(buffer, eachOf(3))
    }
    {
      await using buffer = await directory.open({ consumers: ['new', 'old'] })
      await pushDurably(buffer, [kilobytes(1, 3)])
      buffer.end()
      expect(await drain(buffer, 0)).toEqual([3])
      expect(await drain(buffer, 1)).toEqual([0, 1, 2, 3])
    }
    await using buffer = await directory.open({ consumers: ['gone', 'old'] })
    expect(buffer.depth().messages).toBe(0)
    buffer.end()
    expect(await drain(buffer, 0)).toEqual([])
  })

  it('have what they acknowledged kept a quarter of a second later', async () => {
    using directory = new BufferDirectory()
    const clock = new FakeClock()
    await using buffer = await directory.open({ clock })
    await pushDurably(buffer, eachOf(6))
    const taken = await takeSome(buffer.pull(never), 4)
    acknowledge(taken.slice(0, 2))
    using before = directory.copy()
    await clock.advance(250)
    await expect
      .poll(async () => (await inspectBuffer(directory.path)).consumers[0]?.frames, { timeout: 10_000 })
      .toBe(4)
    acknowledge(taken.slice(2))
    using after = directory.copy()
    expect(await given(before)).toEqual([0, 1, 2, 3, 4, 5, 100])
    expect(await given(after)).toEqual([2, 3, 4, 5, 100])
  })

  it('read from files what they are far behind of, and from memory when they have caught up', async () => {
    using directory = new BufferDirectory()
    await using buffer = await directory.open({ consumers: 2, segmentBytes: 700_000 })
    const iterators = [0, 1].map((consumer) => buffer.pull(never, consumer)[Symbol.asyncIterator]())
    const seen: unknown[][] = [[], []]
    const take = async (consumer: number, count: number): Promise<void> => {
      for (const _ of numbers(count)) {
        const next = await iterators[consumer]?.next()
        if (next?.done !== false) throw new Error('it ended')
        seen[consumer]?.push(...idsOf(next.value.batch))
        next.value.ack()
      }
    }
    let pushed = 0
    for (const count of [20, 150, 5, 80]) {
      await pushDurably(
        buffer,
        eachOf(count, 50).map((_, index) => kilobytes(50, (pushed + index) * 50)),
      )
      pushed += count
      await take(0, count)
      if (count < 100) await take(1, count)
    }
    await take(1, 150)
    expect(seen).toEqual([numbers(pushed * 50), numbers(pushed * 50)])
    expect(directory.warnings).toEqual([])
  })

  it('make room in the files once all of them are past', async () => {
    using directory = new BufferDirectory()
    await using buffer = await directory.open({ consumers: 2, bytes: 400_000, segmentBytes: 50_000 })
    await pushDurably(buffer, eachOf(30, 10))
    const stored = (): number => directory.files().reduce((sum, file) => sum + statSync(file).size, 0)
    expect(stored()).toBeGreaterThan(300_000)
    const [one, two] = [await takeSome(buffer.pull(never, 0), 30), await takeSome(buffer.pull(never, 1), 30)]
    acknowledge(one)
    expect(stored()).toBeGreaterThan(300_000)
    acknowledge(two.slice(0, 20))
    await expect.poll(stored, { timeout: 10_000 }).toBeLessThan(150_000)
    acknowledge(two.slice(20))
    await expect.poll(stored, { timeout: 10_000 }).toBeLessThan(51_000)
  })

  it('leave no large file behind when they have everything', async () => {
    using directory = new BufferDirectory()
    await using buffer = await directory.open()
    for (const round of [0, 1]) {
      await pushDurably(
        buffer,
        eachOf(30, 100).map((_, index) => kilobytes(100, (round * 30 + index) * 100)),
      )
      const taken = await takeSome(buffer.pull(never), 30)
      expect(taken.flatMap(({ batch }) => idsOf(batch))).toEqual(numbers(3_000).map((id) => round * 3_000 + id))
      acknowledge(taken)
      await expect.poll(() => directory.files(), { timeout: 10_000 }).toEqual([])
    }
    await buffer[Symbol.asyncDispose]()
    expect(await given(directory)).toEqual([100])
  })
})

describe('a damaged file buffer', () => {
  const parts = { magic: 1, 'header CRC': 5, 'body CRC': 9, length: 12, count: 16, notes: 21, number: 24, bytes: 44 }
  const body = { 'first length': 48, position: 55, payload: 400, 'last byte': -1 }

  it.each(Object.entries({ ...parts, ...body }))('loses one frame to a turned bit in its %s', async (_, at) => {
    for (const index of [0, 4, 9]) {
      using directory = new BufferDirectory()
      await tenFrames(directory)
      const frame = directory.frames()[index]
      if (frame === undefined) throw new Error('there are ten frames')
      directory.flip(frame.file, frame.offset + (at < 0 ? frame.length + at : at), index % 8)
      const isInBody = at < 0 || at >= 48
      const verified = await verifyBuffer(directory.path)
      const isEnd = index === 9 && !isInBody
      expect(verified).toMatchObject({ damagedFrames: isEnd ? 0 : 1, frames: isInBody ? 10 : 9 })
      expect(verified.segments[0]?.unfinishedBytes).toBe(isEnd ? frame.length : 0)
      expect((await inspectBuffer(directory.path)).damagedFrames).toBe(isInBody || isEnd ? 0 : 1)
      expect(await given(directory)).toEqual([...numbers(10).filter((id) => id !== index), 100])
      expect(directory.warnings).toContainEqual(
        isEnd
          ? {
              message: 'The unfinished end of a buffer was cut off',
              fields: expect.objectContaining({ bytes: frame.length }),
            }
          : {
              message: 'Damaged frames of a buffer are left out',
              fields: expect.objectContaining({ consumer: 'c0', frame: index, frames: 1, messages: 1 }),
            },
      )
      directory.warnings.length = 0
      expect(await given(directory, 200)).toEqual([200])
      expect(directory.warnings.filter(({ message }) => message.includes('left out'))).toEqual([])
    }
  })

  it('has what was half written cut off, wherever that ended', async () => {
    using directory = new BufferDirectory()
    await tenFrames(directory)
    const last = directory.frames().at(-1)
    if (last === undefined) throw new Error('there are ten frames')
    for (const length of [1, 3, 47, 48, 49, 500, last.length - 1]) {
      using copy = directory.copy()
      truncateSync(join(copy.path, last.file.slice(directory.path.length)), last.offset + length)
      expect((await inspectBuffer(copy.path)).segments[0]).toMatchObject({ frames: 9, unfinishedBytes: length })
      await (await copy.open())[Symbol.asyncDispose]()
      expect(statSync(copy.files()[0] ?? '').size).toBe(last.offset)
      expect(await given(copy)).toEqual([...numbers(9), 100])
      expect((await verifyBuffer(copy.path)).damagedFrames).toBe(0)
    }
  })

  it('does not take for frames what payloads make look like them', async () => {
    using other = new BufferDirectory()
    await tenFrames(other)
    const [foreign = ''] = other.files()
    using directory = new BufferDirectory()
    {
      await using buffer = await directory.open()
      const payloads = [readFileSync(foreign), Buffer.from('HBF1'.repeat(1_000_000))]
      await pushDurably(buffer, [kilobytes(1, 0), bytesBatch(payloads), kilobytes(1, 2)])
    }
    const [, hostile] = directory.frames()
    if (hostile === undefined) throw new Error('there are three frames')
    directory.flip(hostile.file, hostile.offset + 6)
    const began = performance.now()
    expect(await given(directory)).toEqual([0, 2, 100])
    expect(performance.now() - began).toBeLessThan(15_000)
  })

  it('goes on where a file is missing, in the middle or at the end, and gives what is pushed afterwards', async () => {
    using directory = new BufferDirectory()
    {
      await using buffer = await directory.open({ consumers: ['fast', 'slow'], segmentBytes: 5_000 })
      await pushOneByOne(buffer, eachOf(20))
      acknowledge(await takeSome(buffer.pull(never, 0), 20))
    }
    const files = directory.files()
    expect(files.length).toBeGreaterThan(3)
    const perFile = 4
    for (const gone of [1, files.length - 1]) {
      using copy = directory.copy()
      rmSync(copy.files()[gone] ?? '')
      await using buffer = await copy.open({ consumers: ['fast', 'slow'], segmentBytes: 5_000 })
      await pushDurably(buffer, [kilobytes(1, 100)])
      buffer.end()
      expect(await drain(buffer, 0)).toEqual([100])
      const lost = numbers(perFile).map((index) => gone * perFile + index)
      expect(await drain(buffer, 1)).toEqual([...numbers(20).filter((id) => !lost.includes(id)), 100])
      expect(copy.warnings).toContainEqual(expect.objectContaining({ message: expect.stringContaining('left out') }))
      expect(buffer.depth().messages).toBe(0)
    }
  })

  it('knows its consumers by either half of their file, and without both gives them everything that is left', async () => {
    using directory = new BufferDirectory()
    {
      await using buffer = await directory.open()
      await pushDurably(buffer, eachOf(4))
      acknowledge(await takeSome(buffer.pull(never), 2))
    }
    const cursors = 'cursors'
    const half = statSync(join(directory.path, cursors)).size / 2
    using first = directory.copy()
    using second = directory.copy()
    using both = directory.copy()
    first.flip(join(first.path, cursors), 20)
    second.flip(join(second.path, cursors), half + 20)
    both.flip(join(both.path, cursors), 20)
    both.flip(join(both.path, cursors), half + 20)
    const [one, two] = [await given(first), await given(second)]
    expect(new Set([one.length, two.length])).toEqual(new Set([3, 5]))
    expect((await inspectBuffer(both.path)).areConsumersLost).toBe(true)
    expect(await given(both)).toEqual([0, 1, 2, 3, 100])
    expect(both.warnings).toContainEqual(expect.objectContaining({ message: expect.stringContaining('unknown') }))
    expect(await given(both, 200)).toEqual([200])
  })

  it('is not touched when a newer version wrote it, nor when it is no directory', async () => {
    using directory = new BufferDirectory()
    await tenFrames(directory)
    const path = join(directory.path, 'cursors')
    const text = Buffer.from('{"version":2}')
    const bytes = Buffer.alloc(8_192)
    bytes.writeUInt32LE(crc32(text), 0)
    bytes.writeUInt32LE(text.length, 4)
    text.copy(bytes, 8)
    writeFileSync(path, bytes)
    await expect(directory.open()).rejects.toMatchObject({ code: 'buffer_damaged', next: 'stalled' })
    await expect(new BufferDirectory(path).open()).rejects.toMatchObject({ code: 'buffer_damaged' })
    await expect(inspectBuffer(directory.path)).rejects.toMatchObject({ code: 'buffer_damaged' })
    using empty = new BufferDirectory()
    for (const none of [path, join(directory.path, 'none'), empty.path]) {
      await expect(inspectBuffer(none)).rejects.toMatchObject({ code: 'buffer_absent', next: 'refused' })
    }
  })

  it('says so when its files are taken away while it runs, and acknowledges nothing more', async () => {
    using directory = new BufferDirectory()
    await using buffer = await directory.open()
    await pushDurably(buffer, eachOf(1))
    await buffer.ping(never)
    const pulling = drain(buffer)
    rmSync(directory.path, { recursive: true })
    const gone = expect.objectContaining({ code: 'buffer_damaged' })
    await expect(buffer.ping(never)).rejects.toEqual(gone)
    let isAcked = false
    await buffer.push(kilobytes(1, 1), () => (isAcked = true), never)
    await expect(pulling).rejects.toEqual(gone)
    await expect(buffer.push(kilobytes(1, 2), () => undefined, never)).rejects.toEqual(gone)
    expect(isAcked).toBe(false)
  })
})

describe('looking into a file buffer', () => {
  it('says what is there and how far each consumer is behind', async () => {
    using directory = new BufferDirectory()
    await using buffer = await directory.open({ consumers: ['warm', 'cold'], segmentBytes: 25_000 })
    await pushOneByOne(buffer, eachOf(8, 10))
    acknowledge(await takeSome(buffer.pull(never, 0), 2))
    await expect
      .poll(async () => (await inspectBuffer(directory.path)).consumers.map(({ name, frames }) => [name, frames]))
      .toEqual([
        ['warm', 6],
        ['cold', 8],
      ])
    const report = await verifyBuffer(directory.path)
    expect(report).toMatchObject({ frames: 8, messages: 80, damagedFrames: 0, areConsumersLost: false })
    expect(report.segments.map(({ frames }) => frames)).toEqual([2, 2, 2, 2])
    expect(report.consumers[1]).toMatchObject({ messages: 80, bytes: buffer.depth().bytes })
  })

  it('disturbs nobody and finds nothing wrong while the buffer is in use', async () => {
    using directory = new BufferDirectory()
    await using buffer = await directory.open({ bytes: 1_000_000, segmentBytes: 60_000 })
    const over = new AbortController()
    const looking = (async () => {
      let looks = 0
      for (; !over.signal.aborted; looks += 1) {
        const { damagedFrames, areConsumersLost } = await (looks % 2 === 0 ? verifyBuffer : inspectBuffer)(
          directory.path,
        )
        expect([damagedFrames, areConsumersLost]).toEqual([0, false])
      }
      return looks
    })()
    const draining = drain(buffer)
    for (const index of numbers(1_000)) await buffer.push(kilobytes(10, index * 10), () => undefined, never)
    buffer.end()
    expect(await draining).toEqual(numbers(10_000))
    over.abort()
    expect(await looking).toBeGreaterThan(2)
  })
})
