import { Redis } from 'ioredis'
import { redisSink } from '../../src/connectors/sinks/redis.ts'
import { redisSource } from '../../src/connectors/sources/redis.ts'
import { onRedis, redisUrl } from './brokers.ts'
import { faultProxy } from './fault-proxy.ts'
import { opened } from './opened-stream.ts'
import { uniqueName } from './servers.ts'
import { sinkContract } from './sink-contract.ts'
import { streamSourceContract } from './stream-source-contract.ts'

const url = redisUrl

onRedis('redis', () => {
  sinkContract('redis, adding to a stream', async () => {
    const key = uniqueName('contract')
    const admin = new Redis({ host: '127.0.0.1', protocol: 2 })
    const proxy = await faultProxy(6_379)
    return {
      open: () =>
        opened(redisSink, { url: `redis://127.0.0.1:${proxy.port}`, stream: { key }, maxMessageBytes: 1_000 }),
      written: async () =>
        (await admin.xrange(key, '-', '+')).map(([, fields]) => JSON.parse(fields[1] ?? '') as unknown),
      refused: 'x'.repeat(1_000),
      several: true,
      stall: () => proxy.become('stall'),
      [Symbol.asyncDispose]: async () => {
        await proxy[Symbol.asyncDispose]()
        await admin.del(key)
        admin.disconnect()
      },
    }
  })
})

onRedis('redis', () => {
  sinkContract('redis, setting keys once', async () => {
    const key = uniqueName('contract')
    const admin = new Redis({ host: '127.0.0.1', protocol: 2 })
    return {
      open: () =>
        opened(redisSink, { url, stream: { key }, idempotent: { prefix: `${key}:` }, maxMessageBytes: 1_000 }),
      written: async () =>
        (await admin.xrange(key, '-', '+')).map(([, fields]) => JSON.parse(fields[1] ?? '') as unknown),
      refused: 'x'.repeat(1_000),
      several: true,
      once: true,
      [Symbol.asyncDispose]: async () => {
        await admin.del(key, ...(await admin.keys(`${key}:*`)))
        admin.disconnect()
      },
    }
  })
})

onRedis('redis', () => {
  sinkContract('redis, publishing', async () => {
    const channel = uniqueName('contract')
    return {
      open: () => opened(redisSink, { url, publish: channel, maxMessageBytes: 1_000 }),
      refused: 'x'.repeat(1_000),
      several: true,
      [Symbol.asyncDispose]: async () => {},
    }
  })
})

onRedis('redis', () => {
  streamSourceContract('redis, listening to a channel', async () => {
    const channel = uniqueName('contract')
    const admin = new Redis({ host: '127.0.0.1', protocol: 2 })
    return {
      open: () => opened(redisSource, { url, channels: [channel] }),
      give: async (from, to) => {
        const pipeline = admin.pipeline()
        for (let id = from; id < to; id++) pipeline.publish(channel, JSON.stringify({ id }))
        await pipeline.exec()
      },
      resumes: false,
      [Symbol.asyncDispose]: async () => admin.disconnect(),
    }
  })
})
