import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Random } from '../random.ts'
import type { Home } from '../store/homes.ts'
import { compareTables, finishedSources, isSettled, storyOf } from './compare-tables.ts'
import { type DataApi, dataApi } from './data-api.ts'
import { isAnchor } from './git-tree.ts'
import { GitWorld } from './git-world.ts'
import type { KillFigures } from './kill-rounds.ts'
import { RowWatch } from './row-watch.ts'
import { Service } from './service.ts'
import { tellOfPush, WEBHOOK_SECRET } from './webhook.ts'

export interface GitFigures extends KillFigures {
  /** What people, the server and the Git host did. */
  readonly acts: number
}

export interface GitOptions {
  readonly home: Home
  /** For the last commit alone, to compare with. */
  readonly fresh: Home
  readonly rounds: number
  /** Rounds end at this time too, in milliseconds since the epoch. */
  readonly until?: number
  readonly seed: number
  readonly onRound?: (round: number) => void
}

/**
 * Commits, forces pushes, and has the Git server fail, while the service is killed with SIGKILL at random moments; then
 * everything is healed and the service started again, and the tables are compared with what the newest commit gives. In
 * the end a fresh service on that commit gives the same. Throws at the first difference, naming seed and round.
 */
export async function gitRounds(options: GitOptions): Promise<GitFigures> {
  const started = Date.now()
  const { home, fresh, rounds, until = Number.POSITIVE_INFINITY, seed } = options
  const random = new Random(seed)
  const refusals = new Random(seed + 1)
  await using api = await dataApi({ pageDelayMs: 4, refuses: () => refusals.next() < 0.004 })
  await using world = await GitWorld.create(api.url, random)
  await using directory = await ownDirectory()
  const soak: Soak = { home, directory: directory.path, world, api, random }
  let rows = await settle(soak)
  let round = 0
  let interrupted = 0
  while (round < rounds && Date.now() < until) {
    round += 1
    try {
      const figures = await gitRound(soak)
      rows = figures.rows
      if (figures.interrupted) interrupted += 1
    } catch (error) {
      const story = [...world.story, await storyOf(home, world.sources)].join('\n')
      throw new Error(`seed ${seed}, round ${round}: ${String(error)}\n${story}`, { cause: error })
    }
    options.onRound?.(round)
  }
  await using other = await ownDirectory()
  await settle({ ...soak, home: fresh, directory: other.path })
  return { rounds: round, interrupted, acts: world.acts, rows, seconds: (Date.now() - started) / 1_000 }
}

interface Soak {
  readonly home: Home
  readonly directory: string
  readonly world: GitWorld
  readonly api: DataApi
  readonly random: Random
}

interface RoundFigures {
  /** Whether the last kill came before the newest commit was settled. */
  readonly interrupted: boolean
  readonly rows: number
}

async function gitRound(soak: Soak): Promise<RoundFigures> {
  const { home, world, api, random } = soak
  world.beginRound()
  api.takeRequests()
  await using watch = new RowWatch(home, [...world.sources.values()].filter(isAnchor))
  let interrupted = await disturbed(soak)
  while (random.next() < 0.4) interrupted = await disturbed(soak)
  if (random.next() < 0.3) await world.act()
  const finished = await finishedSources(home)
  const early = api.takeRequests()
  const rows = await settle(soak)
  await watch.stop()
  const { lasting, unbroken } = world.seen
  refuseRepeats(lasting, early)
  refuseRepeats(lasting.union(finished.intersection(unbroken)), api.takeRequests())
  return { interrupted, rows }
}

/** A few acts under a running service, and its end at any moment, seldom an orderly one. */
async function disturbed(soak: Soak): Promise<boolean> {
  const { world, random } = soak
  const service = serve(soak)
  try {
    if (random.next() < 0.7) await service.until(() => true)
    for (let count = random.between(1, 4); count > 0; count -= 1) {
      await world.act()
      if (random.next() < 0.5) await tellOfPush(service.socket, world)
      await delay(random.between(0, 900))
    }
    const report = await service.status()
    const isWhole = report !== undefined && world.isNewest(report.revision) && isSettled(report, world.sources)
    if (report !== undefined && random.next() < 0.15) await service.stop()
    return !isWhole
  } catch (error) {
    throw new Error(`${String(error)}\n${service.output}`, { cause: error })
  } finally {
    await service.kill()
  }
}

/** Heals everything before the service starts or soon after, waits for the newest commit; answers with the rows compared. */
async function settle(soak: Soak): Promise<number> {
  const { home, world, random } = soak
  const isEarly = random.next() < 0.5
  if (isEarly) await world.heal()
  const service = serve(soak)
  try {
    if (!isEarly && !world.isWhole) await delay(random.between(0, 2_000))
    if (!isEarly) await world.heal()
    await service.until((report) => world.isNewest(report.revision) && isSettled(report, world.sources))
    return await compareTables(home, world.sources)
  } catch (error) {
    throw new Error(`${String(error)}\n${service.output}`, { cause: error })
  } finally {
    await service.kill()
  }
}

function serve({ home, directory, world }: Soak): Service {
  const env = { HERMES_SECRET_GIT_WEBHOOK_SECRET: WEBHOOK_SECRET }
  return new Service({ home: directory, database: home.url, origin: world.flags, env })
}

/** No source is fetched again before it is due, unless it was interrupted or removed in between. */
function refuseRepeats(kept: ReadonlySet<string>, requests: ReadonlyMap<string, readonly number[]>): void {
  const repeated = [...kept].filter((name) => requests.has(name))
  if (repeated.length > 0) throw new Error(`fetched again before it was due: ${repeated.join(', ')}`)
}

async function ownDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'hermes-kill-'))
  // What git runs for a service that was killed ends a moment later.
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 10 }) }
}
