import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { redisSource } from '../../src/connectors/sources/redis.ts'
import { memoryInUse } from '../memory.ts'
import { onRedis, redisUrl } from './brokers.ts'
import { faultProxy } from './fault-proxy.ts'
import { never } from './opened.ts'
import { eventually, opened, reading, texts } from './opened-stream.ts'
import { ownRedis, uniqueName } from './servers.ts'

const url = redisUrl
let publisher: Redis
beforeAll(() => {
  publisher = new Redis({ host: '127.0.0.1', protocol: 2 })
})
afterAll(() => publisher.disconnect())

const listeners = async (channel: string): Promise<unknown> => (await publisher.pubsub('NUMSUB', channel))[1]

onRedis('the redis source listening to channels', () => {
  it('gives what comes, in order and as it is', async () => {
    const channel = uniqueName('channel')
    await using source = await opened(redisSource, { url, channels: [channel, `${channel}-2`] })
    await using read = reading(source)
    await eventually(async () => expect(await listeners(`${channel}-2`)).toBe(1))
    const binary = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    await publisher.publish(channel, binary)
    const pipeline = publisher.pipeline()
    for (let n = 0; n < 5_000; n++) pipeline.publish(channel, `${n}`)
    await pipeline.exec()
    await publisher.publish(`${channel}-2`, 'end')
    await read.until(5_002)
    expect(Buffer.from(read.batches[0]?.bytes(0) ?? []).equals(binary)).toBe(true)
    expect(read.got.slice(1)).toEqual([...Array.from({ length: 5_000 }, (_, n) => `${n}`), 'end'])
    expect(read.batches[0]?.position).toBeUndefined()
    expect('ack' in source).toBe(false)
  })

  it('listens to patterns', async () => {
    const channel = uniqueName('pattern')
    await using source = await opened(redisSource, { url, patterns: [`${channel}:*`] })
    await using read = reading(source)
    await eventually(async () => {
      await publisher.publish(`${channel}:a`, 'x')
      expect(read.got).toContain('x')
    })
  })

  it('ends when it is to stop, and throws the reason when it is aborted', async () => {
    const channel = uniqueName('channel')
    await using source = await opened(redisSource, { url, channels: [channel] })
    const read = reading(source)
    await eventually(async () => expect(await listeners(channel)).toBe(1))
    read.stop()
    expect(await read.ended).toBeUndefined()
    const abort = new AbortController()
    const reason = new Error('enough')
    const aborted = Array.fromAsync(source.read(undefined, never, abort.signal))
    setTimeout(() => abort.abort(reason), 50)
    await expect(aborted).rejects.toBe(reason)
  })

  it('holds a server back that is faster than the reader, and loses nothing', async () => {
    const channel = uniqueName('channel')
    await using source = await opened(redisSource, { url, channels: [channel] })
    const iterator = source.read(undefined, never, never)[Symbol.asyncIterator]()
    const payload = 'x'.repeat(10_000)
    const first = iterator.next()
    await eventually(async () => expect(await listeners(channel)).toBe(1))
    const { arrayBuffers: before } = await memoryInUse()
    const count = 6_000
    for (let n = 0; n < count; n += 100) {
      const pipeline = publisher.pipeline()
      for (let m = 0; m < 100; m++) pipeline.publish(channel, payload)
      await pipeline.exec()
    }
    let got = (await first).value?.size ?? 0
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(55_000_000)
    while (got < count) got += (await iterator.next()).value?.size ?? 0
    expect(got).toBe(count)
    await iterator.return?.(undefined)
  })

  it('listens again after the connection was cut, and gives what it had', async () => {
    await using own = await ownRedis()
    await using proxy = await faultProxy(own.port)
    const admin = new Redis({ port: own.port, protocol: 2 })
    await using source = await opened(redisSource, { url: `redis://127.0.0.1:${proxy.port}`, channels: ['c'] })
    await using read = reading(source)
    const listening = () => eventually(async () => expect((await admin.pubsub('NUMSUB', 'c'))[1]).toBe(1))
    await listening()
    await admin.publish('c', '1')
    await read.until(1)
    for (let n = 0; n < 30; n++) {
      proxy.reset()
      await new Promise((resolve) => setTimeout(resolve, n * 3))
    }
    await eventually(async () => {
      await admin.publish('c', '2')
      expect(read.got).toContain('2')
    })
    expect(read.batches.flatMap(texts).slice(0, 2)).toEqual(['1', '2'])
    admin.disconnect()
  })
})
