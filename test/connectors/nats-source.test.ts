import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { natsSource } from '../../src/connectors/sources/nats.ts'
import type { Log } from '../../src/stream/connector.ts'
import { natsUrl, onNats } from './brokers.ts'
import { faultProxy } from './fault-proxy.ts'
import { never } from './opened.ts'
import { eventually, opened, reading, thrown } from './opened-stream.ts'
import { ownNats, uniqueName } from './servers.ts'

const url = natsUrl
const made: string[] = []
let witness: NatsConnection

beforeAll(async () => {
  witness = await connect({ servers: natsUrl })
})
afterAll(async () => {
  const manager = await jetstreamManager(witness)
  for (const stream of made) await manager.streams.delete(stream).catch(() => false)
  await witness.close()
})

const consumer = 'workers'
const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, n) => `${from + n}`)
const sorted = (texts: readonly string[]): string[] => texts.toSorted((a, b) => Number(a) - Number(b))

async function newStream(): Promise<string> {
  const stream = uniqueName('stream')
  made.push(stream)
  await (await jetstreamManager(witness)).streams.add({ name: stream, subjects: [`${stream}.>`] })
  return stream
}

const open = (stream: string, more: object = {}, at = url) =>
  opened(natsSource, { url: at, jetstream: { stream, consumer, ...more }, timeout: '2s' })

async function add(stream: string, payloads: readonly (string | Uint8Array)[], connection = witness): Promise<void> {
  const client = jetstream(connection)
  for (const each of payloads) await client.publish(`${stream}.in`, each)
}

/** Messages that are on their way, and those that were not delivered yet, by the server's own account. */
async function owed(stream: string): Promise<readonly [number, number]> {
  const { num_ack_pending: pending, num_pending: left } = await (await jetstreamManager(witness)).consumers.info(
    stream,
    consumer,
  )
  return [pending, left]
}

onNats('the nats source reading a stream', () => {
  it('makes stream and consumer, and gives everything in order, as it came, with an id for each', async () => {
    const stream = uniqueName('stream')
    made.push(stream)
    const binary = Uint8Array.from({ length: 256 }, (_, byte) => byte)
    await using source = await open(stream, { subjects: [`${stream}.>`], batch: 300 })
    await using read = reading(source)
    await add(stream, [binary, ...numbers(1, 1_000)])
    await read.until(1_000)
    expect(read.got.slice(1)).toEqual(numbers(1, 1_000))
    expect(Buffer.from(read.batches[0]?.bytes(0) ?? []).equals(binary)).toBe(true)
    const ids = read.batches.flatMap((batch) => Array.from({ length: batch.size }, (_, n) => batch.meta(n).id))
    expect(ids).toEqual(numbers(1, 1_001).map((n) => `${stream}:${n}`))
  })

  it('begins with what comes when it should, and takes the subjects that it should', async () => {
    const stream = await newStream()
    await add(stream, ['before'])
    await using source = await open(stream, { from: 'new', filter: `${stream}.in` })
    await using read = reading(source)
    await jetstream(witness).publish(`${stream}.other`, 'other')
    await add(stream, ['after'])
    await read.until(1)
    expect(read.got).toEqual(['after'])
  })

  it('acknowledges up to a batch and no further; the rest comes again at once after a restart', async () => {
    const stream = await newStream()
    await add(stream, numbers(0, 200))
    let behind = 0
    {
      await using source = await open(stream, { batch: 50 })
      await using read = reading(source)
      await read.until(200)
      const [first, second] = read.batches
      behind = (first?.size ?? 0) + (second?.size ?? 0)
      source.ack?.(second?.position)
      await eventually(async () => expect((await owed(stream))[0]).toBe(200 - behind))
    }
    await using source = await open(stream, { batch: 50 })
    await using read = reading(source, true)
    await read.until(200 - behind)
    expect(sorted(read.got)).toEqual(numbers(behind, 200))
    await eventually(async () => expect(await owed(stream)).toEqual([0, 0]))
  })

  it('keeps what is on its way longer than the server would wait, and gives nothing twice', async () => {
    const stream = await newStream()
    await add(stream, numbers(0, 50))
    await using source = await open(stream, { ackWait: '600ms' })
    await using read = reading(source)
    await read.until(50)
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(read.got).toEqual(numbers(0, 50))
    const { num_redelivered: again } = await (await jetstreamManager(witness)).consumers.info(stream, consumer)
    expect(again).toBe(0)
    source.ack?.(read.batches.at(-1)?.position)
    await eventually(async () => expect(await owed(stream)).toEqual([0, 0]))
  })

  it('shares a consumer between instances; what one of them dies with comes to the other', async () => {
    const stream = await newStream()
    const first = await open(stream, { ackWait: '1s' })
    await using second = await open(stream, { ackWait: '1s' })
    const one = reading(first)
    await using two = reading(second, true)
    await add(stream, numbers(0, 300))
    await eventually(() => expect(new Set([...one.got, ...two.got]).size).toBe(300))
    expect(one.got.length).toBeGreaterThan(0)
    expect(two.got.length).toBeGreaterThan(0)
    one.stop()
    await one.ended
    await first[Symbol.asyncDispose]()
    await eventually(() => expect(sorted([...new Set(two.got)])).toEqual(numbers(0, 300)), 10_000)
  })

  it('ends when it is to stop, and throws the reason when it is aborted', async () => {
    const stream = await newStream()
    await using source = await open(stream)
    const read = reading(source)
    await new Promise((resolve) => setTimeout(resolve, 100))
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
    await source.ping(never)
  })

  it('refuses a stream that is not there, and a consumer that acknowledges in another way', async () => {
    const absent = await thrown(open(uniqueName('absent')))
    expect([absent.code, absent.message]).toEqual(['connector_refused', expect.stringContaining('there is no stream')])
    const stream = await newStream()
    const manager = await jetstreamManager(witness)
    await manager.consumers.add(stream, { durable_name: consumer, ack_policy: 'none' })
    expect((await thrown(open(stream))).message).toContain(`the consumer ${consumer}`)
  })

  it('makes the consumer again when somebody removed it', async () => {
    const stream = await newStream()
    await add(stream, ['0'])
    await using source = await open(stream)
    await using read = reading(source, true)
    await read.until(1)
    await (await jetstreamManager(witness)).consumers.delete(stream, consumer)
    await add(stream, ['1'])
    await eventually(() => expect(read.got).toContain('1'), 10_000)
  })
})

onNats('the nats source when the server fails', () => {
  it('goes on behind a cut connection, without loss and without giving anything twice', async () => {
    const stream = await newStream()
    await using proxy = await faultProxy(4_222)
    await using source = await open(stream, { batch: 50, ackWait: '1s' }, `nats://127.0.0.1:${proxy.port}`)
    await using read = reading(source)
    for (let n = 0; n < 20; n++) {
      await add(stream, numbers(n * 25, n * 25 + 25))
      if (n % 7 === 3) proxy.reset()
      if (n % 7 === 6) proxy.cutAfter(2_000)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    // For so long no sign of life gets through that the server delivers again what is on its way.
    await proxy.become('stall')
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    await proxy.become('pass')
    proxy.reset()
    await add(stream, ['500'])
    await read.until(501, 20_000)
    expect(sorted(read.got)).toEqual(numbers(0, 501))
    const { num_redelivered: again } = await (await jetstreamManager(witness)).consumers.info(stream, consumer)
    expect(again).toBeGreaterThan(0)
    source.ack?.(read.batches.at(-1)?.position)
    await eventually(async () => expect(await owed(stream)).toEqual([0, 0]), 10_000)
    expect(read.got).toHaveLength(501)
  })

  it('keeps acknowledgements until the server is back', async () => {
    await using own = await ownNats()
    const at = `nats://127.0.0.1:${own.port}`
    await using source = await open('S', { subjects: ['S.>'], ackWait: '2s' }, at)
    await using read = reading(source)
    await using admin = await connect({
      servers: `127.0.0.1:${own.port}`,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
    })
    await add('S', ['0'], admin)
    await read.until(1)
    await own.kill()
    source.ack?.(read.batches[0]?.position)
    await new Promise((resolve) => setTimeout(resolve, 300))
    await own.start()
    const manager = await eventuallyManager(admin)
    await eventually(async () => {
      expect((await manager.consumers.info('S', consumer)).num_ack_pending).toBe(0)
    }, 10_000)
    await add('S', ['1'], admin)
    await read.until(2, 10_000)
    expect(read.got).toEqual(['0', '1'])
  })
})

async function eventuallyManager(connection: NatsConnection) {
  for (;;) {
    try {
      return await jetstreamManager(connection)
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

const real = (texts: readonly string[]): string[] => texts.filter((each) => each !== 'warm')
const none = (): void => {}

onNats('the nats source listening to a subject', () => {
  it('gives what comes, in order; those of a queue share it', async () => {
    const subject = uniqueName('ticks')
    await using source = await opened(natsSource, { url, subject: `${subject}.>` })
    await using read = reading(source)
    const queue = { url, subject: `${subject}.>`, queue: 'q' }
    await using one = await opened(natsSource, queue)
    await using two = await opened(natsSource, queue)
    await using first = reading(one)
    await using second = reading(two)
    await eventually(async () => {
      witness.publish(`${subject}.warm`, 'warm')
      await witness.flush()
      expect(read.got.length * first.got.length * second.got.length).toBeGreaterThan(0)
    })
    for (const n of numbers(0, 3_000)) witness.publish(`${subject}.n`, n)
    await eventually(() => expect(real(read.got)).toHaveLength(3_000))
    expect(real(read.got)).toEqual(numbers(0, 3_000))
    await eventually(() => expect(real([...first.got, ...second.got])).toHaveLength(3_000))
    expect(sorted(real([...first.got, ...second.got]))).toEqual(numbers(0, 3_000))
    expect('ack' in source).toBe(false)
  })

  it('drops what comes too fast, keeps to its bound, and says how many', async () => {
    const subject = uniqueName('ticks')
    const warnings: { dropped: number }[] = []
    const warn = (fields: object): void => void warnings.push(fields as { dropped: number })
    const log: Log = { debug: none, info: none, warn, error: none, child: () => log }
    await using source = await opened(natsSource, { url, subject }, { log })
    let seen = 0
    witness.subscribe(subject, { callback: () => void (seen += 1) })
    const stop = new AbortController()
    const iterator = source.read(undefined, stop.signal, never)[Symbol.asyncIterator]()
    const first = iterator.next()
    await new Promise((resolve) => setTimeout(resolve, 300))
    const count = 200_000
    for (let n = 0; n < count; n++) witness.publish(subject, 'x')
    await eventually(() => expect(seen).toBe(count), 15_000)
    await new Promise((resolve) => setTimeout(resolve, 500))
    let got = (await first).value?.size ?? 0
    const rest = (async () => {
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) got += next.value.size
    })()
    const dropped = (): number => warnings.reduce((sum, each) => sum + each.dropped, 0)
    await eventually(() => expect(got + dropped()).toBe(count), 15_000)
    expect(dropped()).toBeGreaterThan(0)
    expect(got).toBeGreaterThanOrEqual(65_536)
    stop.abort()
    await rest
  })

  it('listens again after the connection was cut', async () => {
    const subject = uniqueName('ticks')
    await using proxy = await faultProxy(4_222)
    await using source = await opened(natsSource, { url: `nats://127.0.0.1:${proxy.port}`, subject })
    await using read = reading(source)
    const hears = (text: string) =>
      eventually(async () => {
        witness.publish(subject, text)
        await witness.flush()
        expect(read.got).toContain(text)
      })
    await hears('1')
    proxy.reset()
    await hears('2')
  })
})
