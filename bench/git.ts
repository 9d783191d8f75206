import { createHmac } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { rss } from './child.ts'
import { connectionManifest, type Fleet, sourceFile, sourceManifest, sourceName, tableName } from './fleet.ts'
import { bareClone, openUpstream, type Upstream } from './git-upstream.ts'
import { type Place, type Service, serve } from './hermes.ts'
import { atMost, type Figure, median, megabytes, milliseconds, quantile, seconds } from './measure.ts'
import { markFetched } from './seed.ts'
import { query, throwAwayDatabase, workspace } from './workspace.ts'

const SECRET = 'a secret of the bench'
const CHANGES = 24
const BURST = 200

/** Tells the service of a push, as a Git host does. */
async function push(service: Service, upstream: Upstream): Promise<void> {
  const body = JSON.stringify({ repository: `file://${upstream.path}`, ref: 'refs/heads/main' })
  const signature = `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`
  await service.send('/hooks/git', body, { 'x-hermes-signature': signature })
}

function* fleetFiles(fleet: Fleet, schedule?: string): Generator<readonly [string, string]> {
  yield ['manifests/connection.yaml', connectionManifest]
  for (let index = 0; index < fleet.sources; index += 1) {
    const text = sourceManifest(fleet, index)
    yield [`manifests/${sourceFile(index)}`, schedule === undefined ? text : text.replace('{ every: 1d }', schedule)]
  }
}

/** What else lies in the repository. */
function* otherFiles(count: number): Generator<readonly [string, string]> {
  for (let index = 0; index < count; index += 1) {
    yield [
      `code/part-${Math.floor(index / 500)}/module-${Math.floor(index / 20) % 25}/file-${index}.txt`,
      `content ${index}\n`,
    ]
  }
}

const env = { HERMES_SECRET_GIT_WEBHOOK_SECRET: SECRET }
const flags = (upstream: Upstream): string[] => [
  '--git',
  `file://${upstream.path}`,
  '--branch',
  'main',
  '--path',
  'manifests',
  '--interval',
  '1h',
]

async function until(what: string, done: () => boolean | Promise<boolean>, everyMs = 5): Promise<number> {
  const started = performance.now()
  while (!(await done())) {
    if (performance.now() - started > 60_000) throw new Error(`${what}: not within a minute`)
    await delay(everyMs)
  }
  return performance.now() - started
}

const tableCount = `name like 'table\\_%' escape '\\'`

/** An empty repository is followed; its first push brings a thousand sources, each with a table of its own. */
async function firstPush(kind: 'sqlite' | 'postgres'): Promise<number> {
  using folder = workspace()
  await using own = kind === 'postgres' ? await throwAwayDatabase() : undefined
  const fleet: Fleet = { sources: 1_000, tables: 1_000 }
  const upstream = openUpstream(join(folder.path, 'upstream.git'))
  const place: Place = { dataDir: join(folder.path, 'data'), ...(own === undefined ? {} : { database: own.url }) }
  await using service = await serve(place, flags(upstream), env)
  upstream.commit(fleetFiles(fleet, '{ cron: "0 0 1 1 *" }'))
  const started = performance.now()
  await push(service, upstream)
  using database =
    own === undefined ? new DatabaseSync(join(place.dataDir, 'hermes.db'), { readOnly: true }) : undefined
  const tables = async (): Promise<number> => {
    if (database !== undefined) return countTables(database)
    const sql = `select count(*) as tables from information_schema.tables where table_schema = 'public' and table_${tableCount}`
    return Number((await query<{ tables: string }>(own?.url ?? '', sql))[0]?.tables)
  }
  await until('the first push', async () => (await tables()) === fleet.tables, 50)
  await service.post('/api/v1/reconcile')
  return (performance.now() - started) / 1_000
}

/** Ten thousand manifests among a hundred thousand files: one of them changes, again and again. */
async function largeRepository(): Promise<Figure[]> {
  using folder = workspace()
  const fleet: Fleet = { sources: 10_000, tables: 500 }
  const upstream = openUpstream(join(folder.path, 'upstream.git'))
  upstream.commit([...fleetFiles(fleet), ...otherFiles(90_000)])
  const place: Place = { dataDir: join(folder.path, 'data') }
  const file = join(place.dataDir, 'hermes.db')
  {
    await using first = await serve(place, [...flags(upstream), '--concurrency', '1'], env)
    using database = await opened(file)
    await until('ten thousand manifests', () => countTables(database) === fleet.tables, 200)
    await first.post('/api/v1/reconcile')
  }
  markFetched(file, fleet)
  await using service = await serve(place, flags(upstream), env)
  await service.post('/api/v1/reconcile')
  await delay(10_000)
  const held = rss(service.pid)
  const { changes, floor } = await timeChanges(service, upstream, { fleet, file, clone: join(folder.path, 'bare.git') })
  const laps = await burst(service, upstream, fleet)
  return [
    atMost(
      '10,000 manifests among 100,000 files: one changed, from webhook, p95',
      quantile(changes, 0.95),
      1_000,
      milliseconds,
    ),
    atMost(
      `the same, median, in times of a bare fetch and one diff (${milliseconds(median(floor))})`,
      median(changes) / median(floor),
      2,
      (value) => value.toFixed(2),
    ),
    atMost(`${BURST} commits in a burst, most laps with steps of a changed resource`, laps, 3, (value) =>
      value.toFixed(0),
    ),
    atMost('the same repository, RSS', held, 300e6, megabytes),
  ]
}

async function opened(file: string): Promise<DatabaseSync> {
  for (;;) {
    try {
      return new DatabaseSync(file, { readOnly: true })
    } catch {
      await delay(50)
    }
  }
}

/** In a transaction: a schema that changes all the time would not let a lone statement through. */
function countTables(database: DatabaseSync): number {
  database.exec('begin')
  const row = database
    .prepare(`select count(*) as tables from sqlite_master where type = 'table' and ${tableCount}`)
    .get()
  database.exec('commit')
  return Number(row?.['tables'])
}

async function timeChanges(
  service: Service,
  upstream: Upstream,
  { fleet, file, clone }: { fleet: Fleet; file: string; clone: string },
): Promise<{ changes: number[]; floor: number[] }> {
  const bare = bareClone(upstream, clone)
  using database = new DatabaseSync(file, { readOnly: true })
  const catalogue = database.prepare('select 1 from pragma_table_info(?) where name = ?')
  const [changes, floor]: [number[], number[]] = [[], []]
  for (let round = 0; round < CHANGES; round += 1) {
    const index = (round * 211 + 7) % fleet.sources
    const column = `added_${round}`
    upstream.commit([[`manifests/${sourceFile(index)}`, sourceManifest(fleet, index, column)]])
    const started = performance.now()
    await push(service, upstream)
    await until(column, () => catalogue.get(tableName(fleet, index), column) !== undefined, 1)
    changes.push(performance.now() - started)
    await delay(1_200)
    floor.push(bare.update())
  }
  return { changes, floor }
}

/** Commits as fast as they can be made, each with its webhook, each to one of ten sources. */
async function burst(service: Service, upstream: Upstream, fleet: Fleet): Promise<number> {
  const changed = Array.from({ length: 10 }, (_, index) => 9_000 + index)
  for (let count = 0; count < BURST; count += 1) {
    const index = changed[count % changed.length] ?? 0
    const text = sourceManifest(fleet, index).replace('every: 1d', `every: ${1_000 + count}h`)
    upstream.commit([[`manifests/${sourceFile(index)}`, text]])
    await push(service, upstream)
  }
  await until(
    'the last commit',
    async () => (await service.get<Revision>('/api/v1/status')).revision.endsWith(upstream.head()),
    500,
  )
  await service.post('/api/v1/reconcile')
  const stepsOf = async (index: number): Promise<readonly StepEvent[]> => {
    const events = await service.get<StepEvent[]>(`/api/v1/events?for=SourceDefinition/${sourceName(index)}`)
    return events.filter(({ reason }) => reason === 'StepApplied')
  }
  const counts = await Promise.all(
    changed.map(async (index) => (await stepsOf(index)).reduce((sum, { count }) => sum + count, 0)),
  )
  return Math.max(...counts)
}

interface Revision {
  readonly revision: string
}

interface StepEvent {
  readonly reason: string
  readonly count: number
}

/** Git as the origin: from a push to tables. */
export async function git(): Promise<Figure[]> {
  const sqlite = await firstPush('sqlite')
  const postgres = await firstPush('postgres')
  return [
    atMost('repository of 1,000 sources, first push → all applied with their tables, SQLite', sqlite, 5, seconds),
    atMost('the same, PostgreSQL', postgres, 5, seconds),
    ...(await largeRepository()),
  ]
}
