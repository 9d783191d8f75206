import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { natsSink } from '../../src/connectors/sinks/nats.ts'
import { natsUrl, onNats } from './brokers.ts'
import { faultProxy } from './fault-proxy.ts'
import { never } from './opened.ts'
import { eventually, messages, opened, thrown } from './opened-stream.ts'
import { freePort, ownNats, tlsWorld, uniqueName } from './servers.ts'

const url = natsUrl
const binary = Uint8Array.from({ length: 256 }, (_, byte) => byte)
const made: string[] = []
let witness: NatsConnection

beforeAll(async () => {
  witness = await connect({ servers: natsUrl })
})
afterAll(async () => {
  const manager = await jetstreamManager(witness)
  for (const stream of made) await manager.streams.delete(stream)
  await witness.close()
})

function streamName(): string {
  const name = uniqueName('stream')
  made.push(name)
  return name
}

const open = (config: object) => opened(natsSink, { url, ...config })

/** What the stream holds, by the server's own account. */
async function stored(stream: string, connection = witness): Promise<string[]> {
  const { state } = await (await jetstreamManager(connection)).streams.info(stream)
  const reader = await jetstream(connection).streams.get(stream)
  const payloads: string[] = []
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message = await reader.getMessage({ seq })
    payloads.push(Buffer.from(message?.data ?? []).toString('latin1'))
  }
  return payloads
}

onNats('the nats sink', () => {
  it('publishes payloads as they are, in order, to subjects made of the message', async () => {
    const subject = uniqueName('ticks')
    const got: [string, string][] = []
    const subscription = witness.subscribe(`${subject}.>`, {
      callback: (_error, message) => {
        got.push([message.subject, Buffer.from(message.data).toString('latin1')])
      },
    })
    await witness.flush()
    await using sink = await open({ subject: `${subject}.\${message.s}` })
    const batch = messages([
      '{"s":"a"}',
      '{"s":"b","n":1}',
      'no json',
      '{"s":"x y"}',
      '{"s":"x\\r\\nPUB y 0"}',
      '{"s":">"}',
    ])
    const rejections = await sink.write(batch, never)
    expect(rejections.map(({ index, retryable }) => [index, retryable])).toEqual([
      [2, undefined],
      [3, undefined],
      [4, undefined],
      [5, undefined],
    ])
    await using plain = await open({ subject: `${subject}.plain` })
    expect(await plain.write(messages([binary, '']), never)).toEqual([])
    await eventually(() => expect(got).toHaveLength(4))
    expect(got).toEqual([
      [`${subject}.a`, '{"s":"a"}'],
      [`${subject}.b`, '{"s":"b","n":1}'],
      [`${subject}.plain`, Buffer.from(binary).toString('latin1')],
      [`${subject}.plain`, ''],
    ])
    subscription.unsubscribe()
  })

  it('rejects what is larger than the server takes, and writes the others', async () => {
    await using sink = await open({ subject: uniqueName('large') })
    const rejections = await sink.write(messages(['a', Buffer.alloc(1_048_577), Buffer.alloc(1_048_576)]), never)
    expect(rejections).toEqual([{ index: 1, reason: expect.stringContaining('1048577 bytes') as string }])
  })
})

const to = (subject: string, more = ''): string => JSON.stringify({ to: subject, more })

onNats('the nats sink with JetStream', () => {
  it('makes the stream, and stores a message that comes twice once', async () => {
    const stream = streamName()
    await using sink = await open({ subject: `${stream}.in`, jetstream: { stream, subjects: [`${stream}.>`] } })
    const ids = Array.from({ length: 2_500 }, (_, n) => `${n}`)
    const batch = messages(ids, ids)
    expect(await sink.write(batch, never)).toEqual([])
    expect(await sink.write(batch, never)).toEqual([])
    expect((await (await jetstreamManager(witness)).streams.info(stream)).state.messages).toBe(2_500)
    expect(await sink.write(messages([binary, binary]), never)).toEqual([])
    expect((await stored(stream)).slice(-2)).toEqual(Array(2).fill(Buffer.from(binary).toString('latin1')))
  })

  it('keeps the order of a batch', async () => {
    const stream = streamName()
    await using sink = await open({ subject: `${stream}.in`, jetstream: { stream, subjects: [`${stream}.>`] } })
    const all = Array.from({ length: 300 }, (_, n) => `${n}`)
    await sink.write(messages(all), never)
    expect(await stored(stream)).toEqual(all)
  })

  it('refuses a stream that is not there', async () => {
    const stream = uniqueName('absent')
    const error = await thrown(open({ subject: 'x', jetstream: { stream } }))
    expect([error.code, error.message]).toEqual(['connector_refused', expect.stringContaining(`no stream ${stream}`)])
  })

  it('has messages tried again that no stream takes, or that a full stream refuses, and rejects what is too large for it', async () => {
    const stream = streamName()
    const manager = await jetstreamManager(witness)
    const limits = { max_msgs: 2, discard: 'new', max_msg_size: 100 } as const
    await manager.streams.add({ name: stream, subjects: [`${stream}.>`], ...limits })
    await using sink = await open({ subject: `\${message.to}`, jetstream: { stream } })
    const batch = messages([
      to(`${stream}.a`),
      to(`${stream}.b`, 'x'.repeat(100)),
      to('hermes-test-nowhere'),
      to(`${stream}.c`),
      to(`${stream}.d`),
    ])
    const rejections = await sink.write(batch, never)
    expect(rejections.map(({ index, retryable }) => [index, retryable])).toEqual([
      [1, undefined],
      [2, true],
      [4, true],
    ])
    expect(await stored(stream)).toHaveLength(2)
  })
})

onNats('the nats sink with a full stream', () => {
  it('is away until there is room: that says nothing of the messages', async () => {
    const stream = streamName()
    const manager = await jetstreamManager(witness)
    await manager.streams.add({ name: stream, subjects: [stream], max_msgs: 1, discard: 'new' })
    await using sink = await open({ subject: stream, jetstream: { stream } })
    expect(await sink.write(messages(['1']), never)).toEqual([])
    const error = await thrown(sink.write(messages(['2', '3']), never))
    expect([error.code, error.message]).toEqual(['connector_unavailable', expect.stringContaining('maximum messages')])
  })
})

onNats('the nats sink when the server fails', () => {
  it('says at opening that nobody is there, and not with which password', async () => {
    const port = await freePort()
    const error = await thrown(open({ url: `nats://me:secret-1@127.0.0.1:${port}`, subject: 'x' }))
    expect([error.code, error.next]).toEqual(['connector_unavailable', 'retry'])
    expect(error.message).toContain(`127.0.0.1:${port}`)
    expect(`${error.message} ${String(error.cause)}`).not.toContain('secret-1')
  })

  it('says that credentials are wrong, or the address', async () => {
    await using server = await ownNats('--user', 'me', '--pass', 'right')
    const at = `127.0.0.1:${server.port}`
    const wrong = await thrown(open({ url: `nats://me:secret-1@${at}`, subject: 'x' }))
    expect(wrong.code).toBe('connector_refused')
    expect(wrong.message).not.toContain('secret-1')
    expect((await thrown(open({ url: `nats://${at}`, subject: 'x' }))).code).toBe('connector_refused')
    await using sink = await open({ url: `nats://me:right@${at}`, subject: 'x' })
    await sink.ping(never)
    expect((await thrown(open({ url: `tls://me:right@${at}`, subject: 'x' }))).message).toMatch(/tls/i)
  })

  it('refuses when the user may not publish, and rejects when it is one subject only', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'hermes-nats-'))
    const users = 'authorization { users = [ { user: me, password: pw, permissions: { publish: ["ok.>"] } } ] }'
    await writeFile(`${dir}/nats.conf`, users)
    await using server = await ownNats('-c', `${dir}/nats.conf`)
    await using sink = await open({ url: `nats://me:pw@127.0.0.1:${server.port}`, subject: '${message.to}' })
    const error = await thrown(sink.write(messages(['{"to":"no.1"}', '{"to":"no.2"}']), never))
    expect([error.code, error.message]).toEqual(['connector_refused', expect.stringContaining('no.1')])
    const rejections = await sink.write(messages(['{"to":"no.1"}', '{"to":"ok.2"}']), never)
    expect(rejections).toEqual([{ index: 0, reason: expect.stringContaining('may not publish') as string }])
    await rm(dir, { recursive: true })
  })

  it('throws while the server is away, and writes again when it is back; what it said it had is there', async () => {
    await using server = await ownNats()
    const stream = 'ORDERS'
    const config = { subject: 'orders.in', jetstream: { stream, subjects: ['orders.>'] }, timeout: '1s' }
    await using sink = await open({ url: `nats://127.0.0.1:${server.port}`, ...config })
    expect(await sink.write(messages(['1', '2'], ['1', '2']), never)).toEqual([])
    await server.kill()
    expect((await thrown(sink.write(messages(['3'], ['3']), never))).code).toBe('connector_unavailable')
    expect((await thrown(sink.ping(never))).code).toBe('connector_unavailable')
    await server.start()
    await eventually(async () => expect(await sink.write(messages(['3'], ['3']), never)).toEqual([]), 15_000)
    await using own = await connect({ servers: `127.0.0.1:${server.port}` })
    expect(await stored(stream, own)).toEqual(['1', '2', '3'])
  })

  it('tells what was answered for before the connection was cut from what was not', async () => {
    await using server = await ownNats()
    await using proxy = await faultProxy(server.port)
    const config = { subject: 'orders.in', jetstream: { stream: 'ORDERS', subjects: ['orders.>'] } }
    await using sink = await open({ url: `nats://127.0.0.1:${proxy.port}`, ...config })
    const ids = Array.from({ length: 2_000 }, (_, n) => `${n}`)
    proxy.cutAfter(20_000)
    const rejections = await sink.write(messages(ids, ids), never)
    expect(rejections.length).toBeGreaterThan(100)
    expect(rejections.length).toBeLessThan(2_000)
    expect(rejections.every(({ retryable }) => retryable === true)).toBe(true)
    await eventually(async () => expect(await sink.write(messages(ids, ids), never)).toEqual([]))
    await using own = await connect({ servers: `127.0.0.1:${server.port}` })
    expect((await (await jetstreamManager(own)).streams.info('ORDERS')).state.messages).toBe(2_000)
  })

  it('does not count a core publish as written that the server did not take', async () => {
    await using server = await ownNats()
    await using proxy = await faultProxy(server.port)
    await using sink = await open({ url: `nats://127.0.0.1:${proxy.port}`, subject: 'x', timeout: '300ms' })
    expect(await sink.write(messages(['1']), never)).toEqual([])
    await proxy.become('stall')
    expect((await thrown(sink.write(messages(['2']), never))).message).toContain('300 ms')
    const gaveUp = new AbortController()
    const reason = new Error('enough')
    const writing = sink.write(messages(['3']), gaveUp.signal)
    gaveUp.abort(reason)
    await expect(writing).rejects.toBe(reason)
    await proxy.become('pass')
    proxy.reset()
    await eventually(async () => expect(await sink.write(messages(['4']), never)).toEqual([]))
  })

  it('takes another connection behind one whose server went without a word', async () => {
    await using server = await ownNats()
    await using proxy = await faultProxy(server.port)
    await using sink = await open({ url: `nats://127.0.0.1:${proxy.port}`, subject: 'x', timeout: '300ms' })
    expect(await sink.write(messages(['1']), never)).toEqual([])
    await proxy.become('half_open')
    // More than the system takes from a client whose server reads nothing.
    const large = messages(Array.from({ length: 40 }, () => 'x'.repeat(500_000)))
    await thrown(sink.write(large, never))
    await proxy.become('pass')
    await eventually(async () => expect(await sink.write(messages(['2']), never)).toEqual([]))
  })

  it('does not wait at opening for a server that says nothing', async () => {
    await using server = await ownNats()
    server.freeze(true)
    const error = await thrown(open({ url: `nats://127.0.0.1:${server.port}`, subject: 'x', timeout: '300ms' }))
    expect(error.code).toBe('connector_unavailable')
    server.freeze(false)
  })

  it('speaks TLS with a server that it can trust, and with no other', async () => {
    await using world = await tlsWorld()
    await using server = await ownNats('--tls', '--tlscert', world.files.cert, '--tlskey', world.files.key)
    const at = { url: `tls://127.0.0.1:${server.port}`, subject: 'x' }
    expect((await thrown(open(at))).code).toBe('connector_unavailable')
    await using sink = await open({ ...at, tls: { ca: world.ca } })
    expect(await sink.write(messages(['1']), never)).toEqual([])
  })

  it('is disposed twice, while the server is away too', async () => {
    await using server = await ownNats()
    const sink = await open({ url: `nats://127.0.0.1:${server.port}`, subject: 'x', timeout: '200ms' })
    await server.kill()
    await thrown(sink.write(messages(['1']), never))
    await sink[Symbol.asyncDispose]()
    await sink[Symbol.asyncDispose]()
  })
})
