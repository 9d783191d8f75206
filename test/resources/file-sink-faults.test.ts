import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { FaultWorld } from './fault-world.ts'

const FILE = 'faulty.csv'

/** What happens to the directory of a file, and how that ends. */
interface Trouble {
  begin(directory: string): Promise<void>
  end(directory: string): Promise<void>
}

// A directory that somebody took away is made anew; one with a file in its place cannot be.
const fileInPlace: Trouble = {
  begin: async (directory) => {
    await rename(directory, `${directory}.away`)
    await writeFile(directory, '')
  },
  end: async (directory) => {
    await rm(directory)
    await rename(`${directory}.away`, directory)
  },
}

const fullDisk: Trouble = {
  begin: async (directory) => {
    const fill = spawnSync('dd', ['if=/dev/zero', `of=${directory}/filling`, 'bs=4096'])
    expect(fill.stderr.toString()).toContain('No space left')
  },
  end: (directory) => rm(join(directory, 'filling')),
}

/** A directory that is a small file system of its own, where this user may mount one. */
async function ownDirectory(): Promise<AsyncDisposable & { readonly directory: string; readonly isDisk: boolean }> {
  const parent = await mkdtemp(join(tmpdir(), 'hermes-disk-'))
  const directory = join(parent, 'out')
  await mkdir(directory)
  const isDisk = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'hermes-test', directory]).status === 0
  return {
    directory,
    isDisk,
    [Symbol.asyncDispose]: async () => {
      if (isDisk) spawnSync('umount', ['--lazy', directory])
      await rm(parent, { recursive: true, force: true })
    },
  }
}

async function mayMount(): Promise<boolean> {
  await using own = await ownDirectory()
  return own.isDisk
}

async function numbersIn(path: string): Promise<readonly number[]> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text.split('\n').slice(0, -1).map(Number)
}

async function goesOn(world: FaultWorld): Promise<void> {
  const before = (await world.healthy()).length
  await world.until('the healthy sink goes on', async () => (await world.healthy()).length > before + 100)
}

const canMount = await mayMount()

describe.concurrent('a file sink that fails', { timeout: 60_000 }, () => {
  it('by a file in the place of its directory leaves the other sink running, and gets everything afterwards', async () => {
    await using own = await ownDirectory()
    await outlives(fileInPlace, join(own.directory, 'lines'))
  })

  it.skipIf(!canMount)('by a full disk leaves the other sink running, and gets everything afterwards', async () => {
    await using own = await ownDirectory()
    await outlives(fullDisk, own.directory)
  })

  it('holds the other one back with a memory buffer that is full, and lets it go on afterwards', async () => {
    await using own = await ownDirectory()
    const place = join(own.directory, 'lines')
    await using world = await running(place, 'memory: { messages: 400 }')
    await fileInPlace.begin(place)
    await world.until('the buffer is full', () => (world.health?.depth?.messages ?? 0) > 350)
    const { length } = await world.healthy()
    await delay(500)
    expect((await world.healthy()).length - length).toBeLessThan(100)
    await fileInPlace.end(place)
    await world.until('the healthy sink goes on', async () => (await world.healthy()).length > length + 200)
    await everythingArrived(world, place)
  })
})

/** The sink fails, the workflow is stopped and started meanwhile, and the sink is back. */
async function outlives(trouble: Trouble, place: string): Promise<void> {
  await using world = await running(place)
  await trouble.begin(place)
  await world.until('the sink counts as away', () => (world.faulty?.breaker ?? 'closed') !== 'closed')
  expect(world.faulty?.error?.code).toBe('file_sink_failed')
  await goesOn(world)
  await world.stop()
  world.start()
  await goesOn(world)
  await trouble.end(place)
  await world.until('the sink is back', () => world.faulty?.breaker === 'closed' && world.faulty.error === undefined)
  await everythingArrived(world, place)
}

async function running(place: string, buffer = 'file: {}'): Promise<FaultWorld> {
  const path = join(place, FILE)
  const world = await FaultWorld.open({
    sink: `file: { path: "${path}", csv: { columns: [id], header: false } }`,
    buffer,
  })
  world.start()
  await world.until('both sinks have something', async () => (await numbersIn(path)).length > 50)
  return world
}

async function everythingArrived(world: FaultWorld, place: string): Promise<void> {
  await world.until('the buffer empties', () => (world.health?.depth?.messages ?? 0) < 100)
  await world.stop()
  const healthy = await world.healthy()
  expect(healthy).toEqual(healthy.map((_, index) => index))
  expect(await numbersIn(join(place, FILE))).toEqual(healthy)
  expect(await world.deadLetters()).toBe(0)
}
