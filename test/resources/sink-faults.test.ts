import { describe, expect, it } from 'vitest'
import { onNats, onRedis } from '../connectors/brokers.ts'
import { Random } from '../random.ts'
import { reachable } from '../store/homes.ts'
import {
  type FaultySink,
  http,
  natsCore,
  natsJetstream,
  type OpenFaultySink,
  redisPublish,
  redisSet,
  redisStream,
  table,
} from './fault-sinks.ts'
import { FaultWorld, KEYS } from './fault-world.ts'

const outages = ['stall', 'reset', 'half_open', 'refuse'] as const
const SLOW = { bytesPerSecond: 20_000, latencyMs: 20 }

/** So many more messages at the healthy sink show that it goes on; a quarter of a second of the source. */
const PROGRESS = 100

onRedis('redis', () => {
  faults('redis publish', redisPublish)
  faults('redis stream', redisStream)
  faults('redis set', redisSet)
})
onNats('nats', () => {
  faults('nats', natsCore)
  faults('nats jetstream', natsJetstream)
})
faults('http', http)
describe.skipIf(!(await reachable()))('postgres', () => faults('table', table))

function faults(type: string, open: OpenFaultySink): void {
  describe.concurrent(`a ${type} sink that fails`, { timeout: 60_000 }, () => {
    it.each(outages)('by %s leaves the other sink running, and gets everything afterwards', async (fault) => {
      await using sink = await open()
      await using world = await running(sink)
      await sink.become(fault)
      await away(world)
      await progress(world)
      const { length } = await sink.received()
      await progress(world)
      expect((await sink.received()).length).toBe(length)
      expect(world.health).toMatchObject({ phase: 'running', failures: 0 })
      await sink.become('pass')
      await everythingArrives(world, sink)
    })

    it('by being slow leaves the other sink running, and gets everything afterwards', async () => {
      await using sink = await open()
      await using world = await running(sink)
      await sink.become(SLOW)
      await progress(world)
      await progress(world)
      await sink.become('pass')
      await everythingArrives(world, sink)
    })

    it('in one of a hundred messages leaves the other sink running, and gets everything afterwards', async () => {
      await using sink = await open()
      await using world = await running(sink)
      await sink.become({ share: 0.01, random: new Random(7) })
      await world.until('two errors', () => sink.resets() > 1)
      await progress(world)
      await sink.become('pass')
      await everythingArrives(world, sink)
    })

    it.each(['stall', 'half_open'] as const)(
      'by %s does not keep the workflow from stopping, nor the other sink from starting again',
      async (fault) => {
        await using sink = await open()
        await using world = await running(sink)
        await sink.become(fault)
        await away(world)
        // A second to drain, and what it takes to give up.
        expect(await world.stop()).toBeLessThan(4_000)
        world.start()
        if (sink.database === undefined) await progress(world)
        await sink.become('pass')
        await everythingArrives(world, sink, { restarted: true })
      },
    )
  })
}

async function running(sink: FaultySink): Promise<FaultWorld> {
  const { clause, database } = sink
  const world = await FaultWorld.open({ sink: clause, ...(database === undefined ? {} : { database }) })
  world.start()
  await world.until('both sinks have something', async () => {
    const received = await sink.received()
    return (await world.healthy()).length > 50 && received.length > (sink.lastOfKey ? KEYS - 1 : 50)
  })
  return world
}

/** Waits until the breaker is open, and the error says why. */
async function away(world: FaultWorld): Promise<void> {
  await world.until('the sink counts as away', () => (world.faulty?.breaker ?? 'closed') !== 'closed')
  expect(['connector_unavailable', 'http_network', 'http_timeout', 'database_unavailable']).toContain(
    world.faulty?.error?.code,
  )
}

async function progress(world: FaultWorld): Promise<void> {
  const before = (await world.healthy()).length
  await world.until('the healthy sink goes on', async () => (await world.healthy()).length > before + PROGRESS, 5_000)
}

async function everythingArrives(world: FaultWorld, sink: FaultySink, { restarted = false } = {}): Promise<void> {
  const [last = 0] = (await world.healthy()).slice(-1)
  await world.until('the sink catches up', async () => Math.max(...(await sink.received())) > last)
  await world.until('the breaker closes', () => world.faulty?.breaker === 'closed' && world.faulty.error === undefined)
  await world.until('the healthy sink goes on', async () => Math.max(...(await world.healthy())) > last)
  await world.until('the buffer empties', () => (world.health?.depth?.messages ?? 0) < 100)
  await world.stop()
  const healthy = await world.healthy()
  const all = Array.from(new Set(healthy).keys())
  expect(all).toEqual(all.map((_, index) => index))
  // What was read behind the last position that could be saved comes again after a restart.
  if (!restarted || sink.database === undefined) expect(healthy.length).toBe(all.length)
  const expected = sink.lastOfKey === true ? all.slice(-KEYS) : all
  await world.until('everything is there', async () => new Set(await sink.received()).size >= expected.length, 5_000)
  const received = await sink.received()
  expect(new Set(received)).toEqual(new Set(expected))
  expect(disorder([...new Set(received)])).toEqual([])
  if (sink.once === 'always' || (sink.once === 'by batch' && !restarted)) expect(received.length).toBe(expected.length)
  expect(await world.deadLetters()).toBe(0)
}

/** Those that came behind a later one of their key. */
function disorder(ids: readonly number[]): readonly number[] {
  const last = new Map<number, number>()
  return ids.filter((id) => {
    const before = last.get(id % KEYS) ?? -1
    last.set(id % KEYS, Math.max(id, before))
    return id < before
  })
}
