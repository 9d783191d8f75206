import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { type Fleet, sourceFile, sourceManifest, tableName, writeFleet } from './fleet.ts'
import { type DirectoryPlace, exactCpuMs, runHermes, type Service, serve } from './hermes.ts'
import { atMost, type Figure, milliseconds, quantile, seconds } from './measure.ts'
import { markFetched } from './seed.ts'
import { workspace } from './workspace.ts'

const fleet: Fleet = { sources: 10_000, tables: 500 }
const CHANGES = 48
const PACE_SECONDS = 15

function countTables(file: string): number {
  const database = new DatabaseSync(file, { readOnly: true })
  const row = database
    .prepare("select count(*) as tables from sqlite_master where type = 'table' and name like 'table\\_%' escape '\\'")
    .get()
  database.close()
  return Number(row?.tables)
}

/** What has been started has come to rest: its first laps, its status, and the garbage of both. */
async function atRest(service: Service): Promise<void> {
  await service.post('/api/v1/reconcile')
  await delay(10_000)
}

/** Milliseconds of processor time, and laps, per second of a service that nobody asks for anything. */
async function pace(service: Service): Promise<{ cpuMs: number; laps: number }> {
  const laps = async (): Promise<number> =>
    Number(/^hermes_lap_duration_seconds_count (\d+)/m.exec(await service.text('/metrics'))?.[1])
  const [firstLaps, counted] = [await laps(), performance.now()]
  await delay(2_000)
  const [firstCpu, began] = [exactCpuMs(service.pid), performance.now()]
  await delay(PACE_SECONDS * 1_000)
  const cpuMs = (exactCpuMs(service.pid) - firstCpu) / (performance.now() - began)
  return { cpuMs: cpuMs * 1_000, laps: ((await laps()) - firstLaps) / ((performance.now() - counted) / 1_000) }
}

/** Processor time of one lap over everything: what a service that laps every second burns more than an idle one. */
async function lapCpu(place: DirectoryPlace, idleCpuMs: number): Promise<number> {
  await using service = await serve(place, ['--resync', '1s'])
  await atRest(service)
  const { cpuMs, laps } = await pace(service)
  return (cpuMs - idleCpuMs) / laps
}

/** Milliseconds from the end of writing a file until the database's own catalogue has its new column. */
async function timeChange(place: DirectoryPlace, database: DatabaseSync, round: number): Promise<number> {
  const index = (round * 211 + 7) % fleet.sources
  const column = `added_${round}`
  const catalogue = database.prepare('select 1 from pragma_table_info(?) where name = ?')
  writeFileSync(join(place.manifests, sourceFile(index)), sourceManifest(fleet, index, column))
  const written = performance.now()
  while (catalogue.get(tableName(fleet, index), column) === undefined) {
    if (performance.now() - written > 30_000) throw new Error(`${sourceFile(index)} was not applied in 30 s`)
    await delay(1)
  }
  return performance.now() - written
}

/** One running service: what it burns by itself, and how long each of many changed files takes. */
async function watched(
  place: DirectoryPlace,
  file: string,
): Promise<{ idleCpuMs: number; changes: readonly number[] }> {
  await using service = await serve(place)
  await atRest(service)
  const { cpuMs: idleCpuMs } = await pace(service)
  using database = new DatabaseSync(file, { readOnly: true })
  const changes: number[] = []
  for (let round = 0; round < CHANGES; round += 1) {
    changes.push(await timeChange(place, database, round))
    await delay(200)
  }
  return { idleCpuMs, changes }
}

/** Ten thousand manifests: applied to an empty database, a lap over them, one of them changed. */
export async function manifests(): Promise<Figure[]> {
  using folder = workspace()
  const place = { manifests: join(folder.path, 'manifests'), dataDir: join(folder.path, 'data') }
  const file = join(place.dataDir, 'hermes.db')
  writeFleet(place.manifests, fleet)
  const applied = await runHermes(['apply', '--no-run'], place)
  if (countTables(file) !== fleet.tables) throw new Error(`${countTables(file)} tables of ${fleet.tables}`)
  markFetched(file, fleet)
  const { idleCpuMs, changes } = await watched(place, file)
  const lap = await lapCpu(place, idleCpuMs)
  return [
    atMost('10,000 manifests (500 tables), empty SQLite → all applied', applied.seconds, 15, seconds),
    atMost('no-op lap over them, CPU of all threads', lap, 200, milliseconds),
    atMost(`one file changed → applied, p95 of ${CHANGES}`, quantile(changes, 0.95), 250, milliseconds),
  ]
}
