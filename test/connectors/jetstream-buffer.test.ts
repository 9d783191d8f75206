import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { expect, it } from 'vitest'
import { openJetStreamBuffer } from '../../src/connectors/buffers/jetstream-open.ts'
import { bytesBatch } from '../../src/stream/batches.ts'
import { natsUrl, onNats } from './brokers.ts'
import { bufferContract } from './buffer-contract.ts'
import { drain, idsOf, kilobytes, never, numbers, placeOf, takeSome } from './buffers.ts'
import { faultProxy } from './fault-proxy.ts'
import { eventually, thrown } from './opened-stream.ts'
import { ownNats, uniqueName } from './servers.ts'

const url = natsUrl
const limits = { bytes: 1_000_000, replicas: 1, ackWait: '1s', timeout: '2s' }

async function world() {
  const stream = uniqueName('buffer')
  const witness = await connect({ servers: natsUrl })
  const manager = await jetstreamManager(witness)
  return {
    stream,
    manager,
    open: (consumers: number | readonly string[], at = url) =>
      openJetStreamBuffer({ url: at, stream, ...limits }, placeOf('/nowhere', consumers)),
    [Symbol.asyncDispose]: async () => {
      await manager.streams.delete(stream).catch(() => false)
      await witness.close()
    },
  }
}

onNats('nats', () => {
  bufferContract('jetstream', { durable: true }, world)
})

onNats('the jetstream buffer', () => {
  it('gives again at the next start what was not acknowledged, and knows how much that is', async () => {
    await using subject = await world()
    {
      await using buffer = await subject.open(1)
      for (const first of [0, 10, 20]) await buffer.push(kilobytes(10, first), () => undefined, never)
      const [one] = await takeSome(buffer.pull(never), 2)
      one?.ack()
    }
    await using buffer = await subject.open(1)
    expect(buffer.depth().messages).toBe(20)
    const again = await takeSome(buffer.pull(never), 2)
    expect(again.flatMap(({ batch }) => idsOf(batch)).toSorted((a, b) => Number(a) - Number(b))).toEqual(
      numbers(30).slice(10),
    )
  })

  it('shares the work between instances; what one dies with comes to the other', async () => {
    await using subject = await world()
    const dying = await subject.open(['cold'])
    await using heir = await subject.open(['cold'])
    for (let first = 0; first < 50; first += 1) await dying.push(kilobytes(1, first), () => undefined, never)
    const taken = await takeSome(dying.pull(never), 5)
    const got: unknown[] = []
    const pulling = (async () => {
      for await (const delivery of heir.pull(never)) {
        got.push(...idsOf(delivery.batch))
        delivery.ack()
      }
    })()
    expect(taken).toHaveLength(5)
    await dying[Symbol.asyncDispose]()
    await eventually(() => expect(got.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(50)), 15_000)
    await eventually(() => expect(heir.depth().messages).toBe(0), 10_000)
    heir.end()
    await pulling
    expect((await subject.manager.streams.info(subject.stream)).state.messages).toBe(0)
  })

  it('keeps nothing for a sink that is no more', async () => {
    await using subject = await world()
    {
      await using buffer = await subject.open(['hot', 'c.öld'])
      await buffer.push(kilobytes(1), () => undefined, never)
    }
    await using buffer = await subject.open(['c.öld'])
    buffer.end()
    expect(await drain(buffer)).toEqual([0])
    await eventually(async () => expect((await subject.manager.streams.info(subject.stream)).state.messages).toBe(0))
  })

  it('goes on behind a cut connection, without loss and without storing anything twice', async () => {
    await using subject = await world()
    await using proxy = await faultProxy(4_222)
    await using buffer = await subject.open(1, `nats://127.0.0.1:${proxy.port}`)
    const acked: number[] = []
    const pulling = drain(buffer)
    for (const index of numbers(60)) {
      await buffer.push(kilobytes(2, index * 2), () => acked.push(index), never)
      if (index % 20 === 10) proxy.reset()
      if (index % 20 === 15) proxy.cutAfter(300)
    }
    buffer.end()
    const got = await pulling
    expect(acked).toEqual(numbers(60))
    expect(got.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(120))
  })

  it('keeps what it acknowledged when the server is killed', async () => {
    await using own = await ownNats()
    const open = () =>
      openJetStreamBuffer({ url: `nats://127.0.0.1:${own.port}`, stream: 'S', ...limits }, placeOf('/nowhere'))
    await using buffer = await open()
    await buffer.push(kilobytes(3), () => undefined, never)
    await own.kill()
    const pushing = buffer.push(kilobytes(3, 3), () => undefined, never)
    await own.start()
    await pushing
    buffer.end()
    expect((await drain(buffer)).toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(6))
  })

  it('takes batches of which more is known than they hold', async () => {
    await using subject = await world()
    await using buffer = await subject.open(1)
    const ids = numbers(5_000).map((n) => `${n}:${'\u0001'.repeat(200)}`)
    const payloads = ids.map(() => new Uint8Array([0x31]))
    const pushing = buffer
      .push(bytesBatch(payloads, { position: 'p', metas: ids.map((id) => ({ id })) }), () => undefined, never)
      .then(() => buffer.end())
    const got: (string | undefined)[] = []
    const positions: unknown[] = []
    for await (const { batch, ...delivery } of buffer.pull(never)) {
      got.push(...numbers(batch.size).map((index) => batch.meta(index).id))
      positions.push(batch.position)
      delivery.ack()
    }
    await pushing
    expect(got).toEqual(ids)
    expect(positions.filter((each) => each !== undefined)).toEqual(['p'])
    expect(positions.at(-1)).toBe('p')
  })

  it('refuses a message that the server never takes', async () => {
    await using subject = await world()
    await using buffer = await subject.open(1)
    const large = bytesBatch([Buffer.alloc(1_100_000)])
    expect((await thrown(buffer.push(large, () => undefined, never))).code).toBe('connector_refused')
  })
})
