import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Random } from '../random.ts'
import type { Home } from '../store/homes.ts'
import { compareTables, finishedSources, isSettled, storyOf } from './compare-tables.ts'
import { dataApi } from './data-api.ts'
import { ManifestWorld } from './manifest-world.ts'
import { Service } from './service.ts'

export type Phase = 'fetch' | 'reconcile' | 'removal'

export interface KillFigures {
  readonly rounds: number
  /** Rounds whose kill fell before everything was settled: the ones that mean something. */
  readonly interrupted: number
  readonly rows: number
  readonly seconds: number
}

export interface KillOptions {
  readonly home: Home
  readonly phase: Phase
  readonly rounds: number
  /** Rounds end at this time too, in milliseconds since the epoch. */
  readonly until?: number
  readonly seed: number
  readonly onRound?: (round: number) => void
}

/**
 * Changes manifests, kills the service with SIGKILL at a random moment after, starts it again, and compares the tables
 * with what an undisturbed run gives. Throws at the first difference, naming seed and round.
 */
export async function killRounds(options: KillOptions): Promise<KillFigures> {
  const started = Date.now()
  const random = new Random(options.seed)
  const directory = await mkdtemp(join(tmpdir(), 'hermes-kill-'))
  const refusals = new Random(options.seed + 1)
  await using api = await dataApi({ pageDelayMs: 4, refuses: () => refusals.next() < 0.004 })
  const world = new ManifestWorld(join(directory, 'manifests'), api.url, random)
  await world.start()
  const { until = Number.POSITIVE_INFINITY } = options
  let round = 0
  let interrupted = 0
  let rows = 0
  try {
    while (round < options.rounds && Date.now() < until) {
      round += 1
      const killed = await killRound({ options, directory, world, random })
      if (killed.interrupted) interrupted += 1
      const finished = await finishedSources(options.home)
      const before = await storyOf(options.home, world.sources)
      api.takeRequests()
      const service = new Service({ home: directory, database: options.home.url })
      try {
        await service.until((report) => isSettled(report, world.sources))
        rows = await compareTables(options.home, world.sources)
        refuseRepeats(finished, api.takeRequests(), world)
      } catch (error) {
        const story = await storyOf(options.home, world.sources)
        throw new Error(
          `seed ${options.seed}, round ${round}: ${String(error)}\nBEFORE\n${before}\n${killed.output}\nAFTER\n${story}\n${service.output}`,
          { cause: error },
        )
      } finally {
        await service.kill()
      }
      options.onRound?.(round)
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  return { rounds: round, interrupted, rows, seconds: (Date.now() - started) / 1_000 }
}

interface KillWorld {
  readonly options: KillOptions
  readonly directory: string
  readonly world: ManifestWorld
  readonly random: Random
}

interface Killed {
  /** Whether the kill came before the change was settled. */
  readonly interrupted: boolean
  /** What the service printed. */
  readonly output: string
}

/** One change and one end; a second kill follows during the next start now and then. */
async function killRound({ options, directory, world, random }: KillWorld): Promise<Killed> {
  const service = new Service({ home: directory, database: options.home.url })
  try {
    if (random.next() < 0.85) await service.until(() => true)
    await change(options.phase, world, random)
    await delay(random.between(0, 450))
    const report = await service.status()
    if (report !== undefined && random.next() < 0.2) await service.stop()
    const interrupted = report === undefined || !isSettled(report, world.sources)
    return { interrupted, output: service.output }
  } finally {
    await service.kill()
    if (random.next() < 0.25) await killedWhileStarting(directory, options.home.url, random.between(0, 900))
  }
}

async function killedWhileStarting(home: string, database: string, afterMs: number): Promise<void> {
  const service = new Service({ home, database })
  await delay(afterMs)
  await service.kill()
}

async function change(phase: Phase, world: ManifestWorld, random: Random): Promise<void> {
  const few = world.sources.size < 6
  if (phase === 'fetch' || few) {
    for (let count = random.between(1, 3); count > 0; count -= 1) await world.add()
  }
  if (phase === 'reconcile') for (let count = random.between(1, 3); count > 0; count -= 1) await world.change()
  if ((phase === 'removal' && !few) || world.sources.size > 12) {
    for (let count = random.between(1, 3); count > 0; count -= 1) await world.remove()
  }
}

/** No source is fetched again before it is due, except the one that was interrupted. */
function refuseRepeats(
  finished: ReadonlySet<string>,
  requests: ReadonlyMap<string, readonly number[]>,
  world: ManifestWorld,
): void {
  const repeated = [...finished].filter((name) => world.sources.has(name) && requests.has(name))
  if (repeated.length > 0) throw new Error(`fetched again before it was due: ${repeated.join(', ')}`)
}
