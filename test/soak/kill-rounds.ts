import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { StatusReport } from '../../src/observe/status.ts'
import { Random } from '../random.ts'
import type { Home } from '../store/homes.ts'
import { dataApi, dataRecord } from './data-api.ts'
import { ManifestWorld, type WorldSource } from './manifest-world.ts'
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
  let interrupted = 0
  let rows = 0
  try {
    for (let round = 1; round <= options.rounds; round += 1) {
      const killed = await killRound({ options, directory, world, random })
      if (killed.interrupted) interrupted += 1
      const finished = await finishedSources(options.home)
      const before = await storyOf(options.home, world)
      api.takeRequests()
      const service = new Service({ home: directory, database: options.home.url })
      try {
        await service.until((report) => isSettled(report, world))
        rows = await compare(options.home, world)
        refuseRepeats(finished, api.takeRequests(), world)
      } catch (error) {
        const story = await storyOf(options.home, world)
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
  return { rounds: options.rounds, interrupted, rows, seconds: (Date.now() - started) / 1_000 }
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
    if (report !== undefined && random.next() < 0.2) await stopped(service)
    const interrupted = report === undefined || !isSettled(report, world)
    return { interrupted, output: service.output }
  } finally {
    await service.kill()
    if (random.next() < 0.25) await killedWhileStarting(directory, options.home.url, random.between(0, 900))
  }
}

/** SIGTERM drains and ends well, whatever is under way. */
async function stopped(service: Service): Promise<void> {
  const code = await service.stop()
  if (code !== 0) throw new Error(`SIGTERM ended hermes with ${code}:\n${service.output}`)
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

function isSettled(report: StatusReport, world: ManifestWorld): boolean {
  const sources = report.resources.filter(({ kind }) => kind === 'SourceDefinition')
  if (sources.length !== world.sources.size || report.problems.length > 0) return false
  if (report.resources.some(({ state }) => state !== 'ready')) return false
  return sources.every((source) => {
    const expected = world.sources.get(source.name)
    return expected !== undefined && source.table === expected.table && source.rows === expected.size
  })
}

/** The tables by the database's own word, against the manifests' word. */
async function compare(home: Home, world: ManifestWorld): Promise<number> {
  const expected = new Set([...world.sources.values()].map(({ table }) => table))
  const actual = new Set(await dataTables(home))
  const wrong = [...expected.symmetricDifference(actual)].filter(
    (table) => actual.has(table) || !mayBeAbsent(world, table),
  )
  if (wrong.length > 0) throw new Error(`tables that should not be there, or are missing: ${wrong.join(', ')}`)
  let rows = 0
  for (const table of actual) rows += await compareTable(home, world, table)
  return rows
}

/** A table whose key types only data can tell is not there before the first record. */
function mayBeAbsent(world: ManifestWorld, table: string): boolean {
  return [...world.sources.values()].every((source) => source.table !== table || source.size === 0)
}

async function compareTable(home: Home, world: ManifestWorld, table: string): Promise<number> {
  const sources = [...world.sources.values()].filter((source) => source.table === table)
  const hasData = sources.some(({ size }) => size > 0)
  const found = hasData
    ? await home.witness(`SELECT source_name, id, text, amount FROM ${table}`)
    : await home.witness(`SELECT * FROM ${table}`)
  const got = found
    .map((row) => [row['source_name'], Number(row['id']), row['text'], Number(row['amount'])].join('|'))
    .toSorted()
  const want = sources.flatMap(recordsOf).toSorted()
  if (got.length !== want.length || got.some((row, index) => row !== want[index])) {
    const missing = want.filter((row) => !got.includes(row)).slice(0, 3)
    const extra = got.filter((row, index) => !want.includes(row) || got[index - 1] === row).slice(0, 3)
    throw new Error(
      `${table}: ${got.length} rows for ${want.length}; missing ${missing.join(' ')}; extra ${extra.join(' ')}`,
    )
  }
  return got.length
}

function recordsOf(source: WorldSource): string[] {
  return Array.from({ length: source.size }, (_, index) => {
    const { id, text, amount } = dataRecord(source.name, index)
    return [source.name, id, text, amount].join('|')
  })
}

async function dataTables(home: Home): Promise<string[]> {
  const sql =
    home.dialect === 'sqlite'
      ? `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'hermes%'`
      : `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname NOT LIKE 'hermes%'`
  return (await home.witness(sql)).map(({ name }) => String(name))
}

/** Whether Hermes came as far as its own tables. */
async function isPrepared(home: Home): Promise<boolean> {
  const sql =
    home.dialect === 'sqlite'
      ? `SELECT 1 FROM sqlite_schema WHERE name = 'hermes_retries'`
      : `SELECT 1 FROM pg_class WHERE relname = 'hermes_retries' AND relnamespace = current_schema()::regnamespace`
  return (await home.witness(sql)).length > 0
}

/** Sources that had rows and no unfinished run when the service was killed. */
async function finishedSources(home: Home): Promise<Set<string>> {
  const finished = new Set<string>()
  if (!(await isPrepared(home))) return finished
  for (const table of await dataTables(home)) {
    for (const { source_name } of await home.witness(`SELECT DISTINCT source_name FROM ${table}`))
      finished.add(String(source_name))
  }
  for (const { source_name } of await home.witness('SELECT source_name FROM hermes_retries'))
    finished.delete(String(source_name))
  return finished
}

/** What was wanted and what the database holds, for a failing test's message. */
async function storyOf(home: Home, world: ManifestWorld): Promise<string> {
  if (!(await isPrepared(home))) return 'the database is empty'
  const wanted = [...world.sources.values()].map((source) => JSON.stringify(source))
  const runs: string[] = []
  for (const table of await dataTables(home)) {
    const found = await home.witness(
      `SELECT source_name, created_at, count(*) AS n FROM ${table} GROUP BY source_name, created_at`,
    )
    runs.push(...found.map((row) => `${table}: ${Object.values(row).join(' ')}`))
  }
  const retries = (await home.witness('SELECT * FROM hermes_retries')).map((row) => JSON.stringify(row))
  return ['wanted', ...wanted, 'in the tables', ...runs, 'unfinished', ...retries].join('\n')
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
