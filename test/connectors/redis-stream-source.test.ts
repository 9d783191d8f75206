import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { redisSource } from '../../src/connectors/sources/redis.ts'
import { onRedis } from './brokers.ts'
import { faultProxy } from './fault-proxy.ts'
import { never } from './opened.ts'
import { eventually, opened, reading, thrown } from './opened-stream.ts'
import { type OwnServer, ownRedis, uniqueName } from './servers.ts'

let server: OwnServer
let witness: Redis

beforeAll(async () => {
  server = await ownRedis('--appendonly', 'yes', '--appendfsync', 'always')
  witness = new Redis({ port: server.port, protocol: 2 })
})
afterAll(async () => {
  witness.disconnect()
  await server[Symbol.asyncDispose]()
})

const urlOf = (port: number): string => `redis://127.0.0.1:${port}`
const group = 'workers'
const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, n) => `${from + n}`)

function open(key: string, stream: object = {}, url = urlOf(server.port), more: object = {}) {
  return opened(redisSource, { url, stream: { key, group, consumer: 'me', ...stream }, ...more })
}

async function add(key: string, payloads: readonly (string | Buffer)[]): Promise<void> {
  const pipeline = witness.pipeline()
  for (const each of payloads) pipeline.xadd(key, '*', 'payload', each)
  await pipeline.exec()
}

/** What the group holds as not acknowledged, by the server's own account. */
async function owed(key: string): Promise<number> {
  const [count] = (await witness.xpending(key, group)) as [number]
  return count
}

onRedis('the redis source reading a stream', () => {
  it('makes stream and group, and gives everything in order, as it came, with an id for each', async () => {
    const key = uniqueName('stream')
    const binary = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    await using source = await open(key, { batch: 300 })
    await using read = reading(source)
    await eventually(async () => expect(await witness.exists(key)).toBe(1))
    await add(key, [binary, ...numbers(1, 1_000)])
    await read.until(1_000)
    expect(read.got.slice(1)).toEqual(numbers(1, 1_000))
    expect(Buffer.from(read.batches[0]?.bytes(0) ?? []).equals(binary)).toBe(true)
    const ids = read.batches.flatMap((batch) => Array.from({ length: batch.size }, (_, n) => batch.meta(n).id))
    expect(new Set(ids).size).toBe(1_000)
    expect(ids[0]).toMatch(/^\d+-\d+$/)
    expect(Math.max(...read.batches.map(({ size }) => size))).toBeLessThanOrEqual(300)
  })

  it('begins with what the stream holds, or with what comes', async () => {
    const key = uniqueName('stream')
    await add(key, ['before'])
    await using fresh = await open(key, { group: 'fresh', from: 'new' })
    await using onlyNew = reading(fresh)
    await eventually(async () => expect(await witness.xinfo('GROUPS', key)).toHaveLength(1))
    await add(key, ['after'])
    await onlyNew.until(1)
    await using whole = await open(key)
    await using all = reading(whole)
    await all.until(2)
    expect(onlyNew.got).toEqual(['after'])
    expect(all.got).toEqual(['before', 'after'])
  })

  it('makes an object of entries that others wrote, or takes one field', async () => {
    const key = uniqueName('stream')
    await witness.xadd(key, '*', 'symbol', 'AAPL', 'price', '1.5')
    await witness.xadd(key, '*', 'symbol', 'MSFT')
    await using whole = await open(key)
    await using all = reading(whole)
    await using part = await open(key, { group: 'other', field: 'price' })
    await using prices = reading(part)
    await all.until(2)
    await prices.until(2)
    expect(all.batches.flatMap((batch) => batch.values())).toEqual([
      { symbol: 'AAPL', price: '1.5' },
      { symbol: 'MSFT' },
    ])
    expect(prices.got).toEqual(['1.5', ''])
  })

  it('acknowledges up to a batch and no further; the rest comes again after a restart', async () => {
    const key = uniqueName('stream')
    await add(key, numbers(0, 500))
    let behind = 0
    {
      await using source = await open(key, { batch: 100 })
      await using read = reading(source)
      await read.until(500)
      const [, second] = read.batches
      behind = (read.batches[0]?.size ?? 0) + (second?.size ?? 0)
      source.ack?.(second?.position)
      await eventually(async () => expect(await owed(key)).toBe(500 - behind))
    }
    await add(key, ['new'])
    await using source = await open(key, { batch: 100 })
    await using read = reading(source, true)
    await read.until(501 - behind)
    expect(read.got).toEqual([...numbers(behind, 500), 'new'])
    await eventually(async () => expect(await owed(key)).toBe(0))
  })

  it('tells its last acknowledgements when it is disposed', async () => {
    const key = uniqueName('stream')
    await add(key, numbers(0, 50))
    const source = await open(key)
    const read = reading(source)
    await read.until(50)
    read.stop()
    await read.ended
    source.ack?.(read.batches.at(-1)?.position)
    await source[Symbol.asyncDispose]()
    await source[Symbol.asyncDispose]()
    expect(await owed(key)).toBe(0)
  })

  it('takes over what a dead consumer held, and leaves a living one its own', async () => {
    const key = uniqueName('stream')
    await witness.xgroup('CREATE', key, group, '0', 'MKSTREAM')
    await add(key, numbers(0, 20))
    await witness.xreadgroup('GROUP', group, 'dead', 'COUNT', 10, 'STREAMS', key, '>')
    await using living = await open(key, { consumer: 'living', claimAfter: '1s' })
    await using held = reading(living)
    await held.until(10)
    await using heir = await open(key, { consumer: 'heir', claimAfter: '1s' })
    await using taken = reading(heir)
    await eventually(() => expect(held.got.length + taken.got.length).toBe(20))
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    expect([...held.got, ...taken.got].toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(0, 20))
    expect(held.got.slice(0, 10)).toEqual(numbers(10, 20))
  })

  it('frees the group of entries that the stream lost before they were read again', async () => {
    const key = uniqueName('stream')
    await add(key, numbers(0, 10))
    await using first = await open(key)
    {
      await using read = reading(first)
      await read.until(10)
    }
    await witness.xtrim(key, 'MAXLEN', 4)
    await using again = await open(key)
    await using read = reading(again, true)
    await read.until(4)
    expect(read.got).toEqual(numbers(6, 10))
    await eventually(async () => expect(await owed(key)).toBe(0))
  })

  it('ends when it is to stop, though it waits for entries, and throws the reason when it is aborted', async () => {
    const key = uniqueName('stream')
    await using source = await open(key)
    const read = reading(source)
    await eventually(async () => expect(await witness.exists(key)).toBe(1))
    const began = performance.now()
    read.stop()
    expect(await read.ended).toBeUndefined()
    expect(performance.now() - began).toBeLessThan(1_000)
    expect(await Array.fromAsync(source.read(undefined, AbortSignal.abort(), never))).toEqual([])
    const abort = new AbortController()
    const reason = new Error('enough')
    const aborted = Array.fromAsync(source.read(undefined, never, abort.signal))
    setTimeout(() => abort.abort(reason), 50)
    await expect(aborted).rejects.toBe(reason)
  })

  it('reads large entries in small batches', async () => {
    const key = uniqueName('stream')
    const large = 'x'.repeat(600_000)
    await add(
      key,
      numbers(0, 60).map((n) => n + large),
    )
    await using source = await open(key)
    await using read = reading(source, true)
    await read.until(60)
    expect(read.got.map((each) => each.replaceAll('x', ''))).toEqual(numbers(0, 60))
    expect(read.batches.length).toBeGreaterThan(1)
    await witness.del(key)
  })

  it('refuses a key of another type', async () => {
    const key = uniqueName('string')
    await witness.set(key, 'text')
    await using source = await open(key)
    const error = await thrown(Array.fromAsync(source.read(undefined, never, never)))
    expect([error.code, error.message]).toEqual(['connector_refused', expect.stringContaining('WRONGTYPE')])
  })
})

onRedis('the redis source when the server fails', () => {
  it('goes on behind a cut connection, without loss and without giving anything twice', async () => {
    const key = uniqueName('stream')
    await using proxy = await faultProxy(server.port)
    await using source = await open(key, { batch: 50 }, urlOf(proxy.port))
    await using read = reading(source)
    const writing = (async () => {
      for (let n = 0; n < 40; n++) {
        await add(key, numbers(n * 25, n * 25 + 25))
        if (n % 8 === 4) proxy.reset()
        if (n % 8 === 7) proxy.cutAfter(700)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    })()
    await writing
    await read.until(1_000, 15_000)
    expect(read.got.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(0, 1_000))
    source.ack?.(read.batches.at(-1)?.position)
    await eventually(async () => expect(await owed(key)).toBe(0), 10_000)
  })

  it('keeps acknowledgements until the server is back', async () => {
    const key = uniqueName('stream')
    await using own = await ownRedis('--appendonly', 'yes', '--appendfsync', 'always')
    const admin = new Redis({ port: own.port, protocol: 2 })
    admin.on('error', () => {})
    await admin.xadd(key, '*', 'payload', '0')
    await using source = await open(key, { claimAfter: '1s' }, urlOf(own.port))
    await using read = reading(source)
    await read.until(1)
    await own.kill()
    source.ack?.(read.batches[0]?.position)
    await new Promise((resolve) => setTimeout(resolve, 300))
    await own.start()
    await eventually(async () => {
      expect(((await admin.xpending(key, group)) as [number])[0]).toBe(0)
    }, 10_000)
    await admin.xadd(key, '*', 'payload', '1')
    await read.until(2, 10_000)
    expect(read.got).toEqual(['0', '1'])
    admin.disconnect()
  })

  it('makes the group again when somebody removed the stream', async () => {
    const key = uniqueName('stream')
    await add(key, ['0'])
    await using source = await open(key)
    await using read = reading(source, true)
    await read.until(1)
    await witness.del(key)
    await eventually(async () => expect(await witness.exists(key)).toBe(1))
    await add(key, ['1'])
    await read.until(2)
    expect(read.got).toEqual(['0', '1'])
  })

  it('gives up on a server that stays away, by its code', async () => {
    const key = uniqueName('stream')
    await using proxy = await faultProxy(server.port)
    let now = 0
    const clock = { now: () => now, sleep: async (ms: number) => void (now += ms) }
    const config = { url: urlOf(proxy.port), stream: { key, group, consumer: 'me' } }
    await using source = await opened(redisSource, config, {
      clock: {
        now: clock.now,
        sleep: (ms, signal) => (signal?.aborted ? Promise.reject(signal.reason as Error) : pause(ms)),
      },
    })
    function pause(ms: number): Promise<void> {
      now += ms
      return new Promise((resolve) => setTimeout(resolve, 1))
    }
    await proxy.become('refuse')
    const error = await thrown(Array.fromAsync(source.read(undefined, never, never)))
    expect([error.code, error.next]).toEqual(['connector_unavailable', 'retry'])
    expect(now).toBeGreaterThan(30_000)
  })

  it('has a timeout for a server that says nothing', async () => {
    await using own = await ownRedis()
    await using source = await open(uniqueName('stream'), {}, urlOf(own.port), { timeout: '200ms' })
    own.freeze(true)
    expect((await thrown(source.ping(never))).code).toBe('connector_unavailable')
    own.freeze(false)
  })
})
