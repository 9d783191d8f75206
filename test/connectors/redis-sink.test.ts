import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { redisSink } from '../../src/connectors/sinks/redis.ts'
import { onRedis, redisUrl } from './brokers.ts'
import { faultProxy } from './fault-proxy.ts'
import { never } from './opened.ts'
import { eventually, messages, opened, thrown } from './opened-stream.ts'
import { freePort, ownRedis, ownTlsRedis, tlsWorld, uniqueName } from './servers.ts'

const url = redisUrl
const binary = Uint8Array.from({ length: 256 }, (_, byte) => byte)
let witness: Redis

beforeAll(() => {
  witness = new Redis({ host: '127.0.0.1', protocol: 2 })
})
afterAll(async () => {
  const keys = await witness.keys('*hermes-test-*')
  if (keys.length > 0) await witness.del(keys)
  witness.disconnect()
})

const open = (config: object) => opened(redisSink, { url, ...config })

async function entries(key: string): Promise<(readonly [Buffer, Buffer])[]> {
  const raw = (await witness.xrangeBuffer(key, '-', '+')) as unknown as [Buffer, [Buffer, Buffer]][]
  return raw.map(([, fields]) => fields)
}

onRedis('the redis sink', () => {
  it('publishes payloads as they are, in order', async () => {
    const channel = uniqueName('channel')
    const subscriber = witness.duplicate()
    const got: Buffer[] = []
    await subscriber.subscribe(channel)
    subscriber.on('messageBuffer', (_channel: Buffer, payload: Buffer) => got.push(payload))
    await using sink = await open({ publish: channel })
    expect(await sink.write(messages(['{"n":1}', binary, '']), never)).toEqual([])
    expect(await sink.write(messages(['last']), never)).toEqual([])
    await eventually(() => expect(got).toHaveLength(4))
    expect(got.map((each) => each.toString('latin1'))).toEqual([
      '{"n":1}',
      Buffer.from(binary).toString('latin1'),
      '',
      'last',
    ])
    subscriber.disconnect()
  })

  it('adds entries to a stream, and keeps about as many as it should', async () => {
    const key = uniqueName('stream')
    await using sink = await open({ stream: { key, maxLength: 100 } })
    for (let round = 0; round < 10; round++) {
      await sink.write(messages(Array.from({ length: 200 }, (_, n) => `${round * 200 + n}`)), never)
    }
    const kept = await entries(key)
    expect(kept.length).toBeGreaterThanOrEqual(100)
    expect(kept.length).toBeLessThan(500)
    expect(kept.at(-1)?.map(String)).toEqual(['payload', '1999'])
  })

  it('sets keys made of the message, with a life', async () => {
    const prefix = uniqueName('quote')
    await using sink = await open({ set: { key: `${prefix}:\${message.symbol}`, ttl: '1m' } })
    const batch = messages(['{"symbol":"AAPL","p":1}', '{"symbol":"MSFT"}', '{"symbol":"AAPL","p":2}'])
    expect(await sink.write(batch, never)).toEqual([])
    expect(await witness.get(`${prefix}:AAPL`)).toBe('{"symbol":"AAPL","p":2}')
    expect(await witness.pttl(`${prefix}:MSFT`)).toBeGreaterThan(50_000)
  })

  it('rejects a message of which the key cannot be made, and writes the others', async () => {
    const prefix = uniqueName('key')
    await using sink = await open({ set: { key: `${prefix}:\${message.symbol}` } })
    const rejections = await sink.write(messages(['not json', '{"symbol":"A"}', '{"other":1}']), never)
    expect(rejections.map(({ index, retryable }) => [index, retryable])).toEqual([
      [0, undefined],
      [2, undefined],
    ])
    expect(rejections[0]?.reason).toContain('not JSON')
    expect(await witness.get(`${prefix}:A`)).toBe('{"symbol":"A"}')
  })

  it('rejects what a key of another type will never take', async () => {
    const key = uniqueName('wrongtype')
    await witness.set(key, 'a string')
    await using sink = await open({ stream: { key: '${message.key}' } })
    const batch = messages([`{"key":"${key}"}`, `{"key":"${key}-ok"}`])
    const rejections = await sink.write(batch, never)
    expect(rejections).toEqual([{ index: 0, reason: expect.stringMatching(/^WRONGTYPE /) as string }])
    expect(await witness.xlen(`${key}-ok`)).toBe(1)
  })

  it('rejects what is larger than it may be', async () => {
    await using sink = await open({ publish: uniqueName('large'), maxMessageBytes: 10 })
    const rejections = await sink.write(messages(['0123456789', '01234567890']), never)
    expect(rejections).toEqual([{ index: 1, reason: '11 bytes are more than maxMessageBytes' }])
  })

  it('writes a message of 20 MB', async () => {
    const key = uniqueName('huge')
    await using sink = await open({ set: { key, ttl: '1m' } })
    expect(await sink.write(messages([Buffer.alloc(20_000_000, 'x')]), never)).toEqual([])
    expect(await witness.strlen(key)).toBe(20_000_000)
    await witness.del(key)
  })
})

onRedis('the idempotent redis sink', () => {
  it('does a repeat nothing, by the id of the message', async () => {
    const key = uniqueName('once')
    await using sink = await open({ stream: { key }, idempotent: {} })
    const batch = messages(['a', 'b', 'c', 'd'], [undefined, 'b', 'c', 'b'])
    expect(await sink.write(batch, never)).toEqual([])
    expect(await sink.write(batch, never)).toEqual([])
    expect((await entries(key)).map(([, payload]) => String(payload))).toEqual(['a', 'b', 'c', 'a'])
  })

  it('takes payloads as they are, and forgets after the time', async () => {
    const key = uniqueName('once')
    await using sink = await open({ stream: { key }, idempotent: { ttl: '100ms' } })
    await sink.write(messages([binary], ['x']), never)
    expect((await entries(key))[0]?.[1].equals(binary)).toBe(true)
    await eventually(async () => {
      await sink.write(messages(['again'], ['x']), never)
      expect(await witness.xlen(key)).toBe(2)
    })
  })

  it('takes the mark back when the write fails, so that it is not lost', async () => {
    const key = uniqueName('once')
    await witness.set(key, 'a string')
    await using sink = await open({ stream: { key }, idempotent: {} })
    const batch = messages(['a', 'b'], ['1', '2'])
    expect((await sink.write(batch, never)).map(({ reason }) => reason.slice(0, 9))).toEqual(['WRONGTYPE', 'WRONGTYPE'])
    await witness.del(key)
    expect(await sink.write(batch, never)).toEqual([])
    expect(await witness.xlen(key)).toBe(2)
  })

  it('goes on when the server forgot its scripts', async () => {
    const key = uniqueName('once')
    await using sink = await open({ stream: { key }, idempotent: {} })
    await sink.write(messages(['a', 'b'], ['1', '2']), never)
    await witness.script('FLUSH')
    expect(await sink.write(messages(['c', 'd'], ['3', '4']), never)).toEqual([])
    expect(await witness.xlen(key)).toBe(4)
  })

  it('publishes once', async () => {
    const channel = uniqueName('once')
    const subscriber = witness.duplicate()
    const got: string[] = []
    await subscriber.subscribe(channel)
    subscriber.on('message', (_channel: string, payload: string) => got.push(payload))
    await using sink = await open({ publish: channel, idempotent: {} })
    await sink.write(messages(['a', 'b'], ['1', '1']), never)
    await sink.write(messages(['c', 'end'], ['1', '2']), never)
    await eventually(() => expect(got).toContain('end'))
    expect(got).toEqual(['a', 'end'])
    subscriber.disconnect()
  })
})

onRedis('the redis sink when the server fails', () => {
  const password = 'pass/w ord'
  const withPassword = `:${encodeURIComponent(password)}@`

  it('says at opening that nobody is there, and not with which password', async () => {
    const port = await freePort()
    const error = await thrown(open({ url: `redis://${withPassword}127.0.0.1:${port}`, publish: 'x' }))
    expect([error.code, error.next]).toEqual(['connector_unavailable', 'retry'])
    expect(error.message).toContain(`127.0.0.1:${port}`)
    expect(`${error.message} ${String(error.cause)} ${error.stack}`).not.toContain('w ord')
  })

  it('says that the password, the database or the address is wrong', async () => {
    await using server = await ownRedis('--requirepass', password)
    const wrong = await thrown(open({ url: `redis://:secret-1@127.0.0.1:${server.port}`, publish: 'x' }))
    expect(wrong.code).toBe('connector_refused')
    expect(wrong.message).toMatch(/WRONGPASS/)
    expect(`${wrong.message} ${String(wrong.cause)}`).not.toContain('secret-1')
    expect((await thrown(open({ url: `redis://127.0.0.1:${server.port}`, publish: 'x' }))).code).toBe(
      'connector_refused',
    )
    const database = await thrown(open({ url: `redis://${withPassword}127.0.0.1:${server.port}/99`, publish: 'x' }))
    expect([database.code, database.message]).toEqual(['connector_refused', expect.stringContaining('DB index')])
    await using sink = await open({ url: `redis://${withPassword}127.0.0.1:${server.port}/3`, publish: 'x' })
    await sink.ping(never)
    expect((await thrown(open({ url: 'redis://127.0.0.1:6379/one', publish: 'x' }))).code).toBe('invalid_value')
  })

  it('refuses when the user may not write, and rejects when it is one key only', async () => {
    await using server = await ownRedis()
    const admin = new Redis({ port: server.port, protocol: 2 })
    await admin.call('ACL', 'SETUSER', 'writer', 'on', '>pw', '+set', '~ok:*')
    await using sink = await open({ url: `redis://writer:pw@127.0.0.1:${server.port}`, set: { key: '${message.k}' } })
    expect((await thrown(sink.write(messages(['{"k":"no:1"}', '{"k":"no:2"}']), never))).code).toBe('connector_refused')
    const rejections = await sink.write(messages(['{"k":"no:1"}', '{"k":"ok:2"}']), never)
    expect(rejections).toEqual([{ index: 0, reason: expect.stringContaining('NOPERM') as string }])
    admin.disconnect()
  })

  it('has a message tried again when the memory is full', async () => {
    await using server = await ownRedis('--maxmemory', '3mb', '--maxmemory-policy', 'noeviction')
    await using sink = await open({
      url: `redis://127.0.0.1:${server.port}`,
      set: { key: 'k:${meta.id}' },
      idempotent: {},
    })
    const large = Buffer.alloc(500_000, 'x')
    const ids = Array.from({ length: 12 }, (_, n) => `${n}`)
    const batch = messages(
      ids.map(() => large),
      ids,
    )
    const rejections = await sink.write(batch, never)
    expect(rejections.length).toBeGreaterThan(0)
    expect(rejections.length).toBeLessThan(12)
    for (const each of rejections)
      expect(each).toMatchObject({ retryable: true, reason: expect.stringMatching(/OOM/) as string })
    const admin = new Redis({ port: server.port, protocol: 2 })
    await admin.config('SET', 'maxmemory', '100mb')
    expect(await sink.write(batch, never)).toEqual([])
    expect(await admin.keys('k:*')).toHaveLength(12)
    admin.disconnect()
  })

  it('throws while the server is away, and writes again when it is back', async () => {
    await using server = await ownRedis('--appendonly', 'yes', '--appendfsync', 'always')
    await using sink = await open({ url: `redis://127.0.0.1:${server.port}`, stream: { key: 's' }, timeout: '2s' })
    expect(await sink.write(messages(['1', '2']), never)).toEqual([])
    await server.kill()
    expect((await thrown(sink.write(messages(['3']), never))).code).toBe('connector_unavailable')
    expect((await thrown(sink.ping(never))).code).toBe('connector_unavailable')
    await server.start()
    await eventually(async () => expect(await sink.write(messages(['3']), never)).toEqual([]))
    const admin = new Redis({ port: server.port, protocol: 2 })
    expect(await admin.xlen('s')).toBe(3)
    admin.disconnect()
  })

  it('tells what was answered for before the connection was cut from what was not', async () => {
    await using server = await ownRedis()
    await using proxy = await faultProxy(server.port)
    await using sink = await open({ url: `redis://127.0.0.1:${proxy.port}`, set: { key: 'k:${message.n}' } })
    const batch = messages(Array.from({ length: 1_000 }, (_, n) => `{"n":${n}}`))
    // Each answer is "+OK\r\n".
    proxy.cutAfter(100 * 5)
    const rejections = await sink.write(batch, never)
    expect(rejections.map(({ index }) => index)).toEqual(Array.from({ length: 900 }, (_, n) => n + 100))
    expect(rejections.every(({ retryable }) => retryable === true)).toBe(true)
    await eventually(async () => expect(await sink.write(batch, never)).toEqual([]))
  })

  it('rejects the message that the server ends the connection for, and no other for good', async () => {
    await using server = await ownRedis('--proto-max-bulk-len', '1048576')
    await using sink = await open({ url: `redis://127.0.0.1:${server.port}`, stream: { key: 's' } })
    // Now and then the end of the connection overtakes the server's word on it: then the batch is tried again.
    await eventually(async () => {
      const rejections = await sink.write(messages(['a', Buffer.alloc(2_000_000), 'c']), never)
      expect(rejections[0]).toEqual({ index: 1, reason: expect.stringContaining('invalid bulk length') as string })
      expect(rejections[1]).toMatchObject({ index: 2, retryable: true })
    })
    await eventually(async () => expect(await sink.write(messages(['c']), never)).toEqual([]))
  })

  it('does not wait for a server that says nothing', async () => {
    await using server = await ownRedis()
    await using sink = await open({ url: `redis://127.0.0.1:${server.port}`, publish: 'x', timeout: '300ms' })
    await sink.write(messages(['1']), never)
    server.freeze(true)
    const began = performance.now()
    const error = await thrown(sink.write(messages(['2']), never))
    expect([error.code, error.message]).toEqual(['connector_unavailable', expect.stringContaining('300 ms')])
    expect(performance.now() - began).toBeLessThan(1_500)
    const gaveUp = new AbortController()
    const reason = new Error('enough')
    const writing = sink.write(messages(['3']), gaveUp.signal)
    gaveUp.abort(reason)
    await expect(writing).rejects.toBe(reason)
    server.freeze(false)
    await eventually(async () => expect(await sink.write(messages(['4']), never)).toEqual([]))
  })

  it('does not wait at opening for a server that says nothing', async () => {
    await using server = await ownRedis()
    server.freeze(true)
    const error = await thrown(open({ url: `redis://127.0.0.1:${server.port}`, publish: 'x', timeout: '300ms' }))
    expect([error.code, error.message]).toEqual(['connector_unavailable', expect.stringContaining('300 ms')])
    server.freeze(false)
  })

  it('takes another connection behind one that swallowed what was written', async () => {
    await using server = await ownRedis()
    await using proxy = await faultProxy(server.port)
    const at = `redis://127.0.0.1:${proxy.port}`
    await using sink = await open({ url: at, stream: { key: 's' }, timeout: '300ms' })
    await proxy.become('stall')
    expect((await thrown(sink.write(messages(['1', '2']), never))).code).toBe('connector_unavailable')
    await proxy.become('pass')
    await eventually(async () => expect(await sink.write(messages(['1', '2']), never)).toEqual([]))
    expect(await sink.write(messages(['3', '4']), never)).toEqual([])
  })

  it('is away while its server is a replica: that says nothing of the messages', async () => {
    await using server = await ownRedis()
    await using sink = await open({ url: `redis://127.0.0.1:${server.port}`, stream: { key: 's' } })
    const admin = new Redis({ port: server.port, protocol: 2 })
    await admin.replicaof('127.0.0.1', 1)
    const error = await thrown(sink.write(messages(['1', '2']), never))
    expect([error.code, error.message]).toEqual(['connector_unavailable', expect.stringContaining('READONLY')])
    await admin.replicaof('NO', 'ONE')
    expect(await sink.write(messages(['1']), never)).toEqual([])
    admin.disconnect()
  })

  it('speaks TLS with a server that it can trust, and with no other', async () => {
    await using world = await tlsWorld()
    const { cert, key, ca } = world.files
    await using server = await ownTlsRedis(['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', ca])
    const at = { url: `rediss://127.0.0.1:${server.port}`, stream: { key: 's' } }
    expect((await thrown(open(at))).code).toBe('connector_unavailable')
    await using sink = await open({ ...at, tls: { ca: world.ca } })
    expect(await sink.write(messages(['1']), never)).toEqual([])
    const plain = { ...at, url: at.url.replace('rediss', 'redis'), timeout: '1s' }
    expect((await thrown(open(plain))).code).toBe('connector_unavailable')
  })

  it('is disposed twice, while the server is away too', async () => {
    await using server = await ownRedis()
    const sink = await open({ url: `redis://127.0.0.1:${server.port}`, publish: 'x' })
    await server.kill()
    await thrown(sink.write(messages(['1']), never))
    await sink[Symbol.asyncDispose]()
    await sink[Symbol.asyncDispose]()
  })
})
