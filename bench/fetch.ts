import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runScript, startScript } from './child.ts'
import { type DirectoryPlace, runHermes } from './hermes.ts'
import { atLeast, atMost, type Figure, interleave, median, megabytes, perSecond, ratio } from './measure.ts'
import { columns } from './records.ts'
import { workspace } from './workspace.ts'

const RECORDS = 1_000_000
const PAGE = 1000
const ROUNDS = 3

interface Taken {
  readonly seconds: number
  readonly peakRss: number
}

/** What differs between the two databases. */
export interface Destination {
  readonly name: string
  /** An empty database; `place.database` for Hermes, the same for the floor's script. */
  prepare(folder: string): Promise<{ database: string; floorArgument: string } & AsyncDisposable>
  /** Statements that give the floor the table that Hermes made, read from the database's catalogue. */
  tables(floorArgument: string): Promise<readonly string[]>
  /** Rows and distinct keys, counted with the bare driver. */
  count(floorArgument: string): Promise<number>
}

const manifest = (url: string): string => `apiVersion: hermes/v1
kind: Connection
metadata: { name: bench }
spec:
  http: { url: "${url}" }
---
apiVersion: hermes/v1
kind: SourceDefinition
metadata: { name: bench }
spec:
  connection: bench
  http:
    path: /records
    records: records
    pagination: { page: { parameter: page, start: 1 } }
    maxPages: 100000
  table:
    name: trades
    primaryKey: [id]
    columns: ${JSON.stringify(columns)}
    write: merge
`

async function expectRows(destination: Destination, argument: string): Promise<void> {
  const rows = await destination.count(argument)
  if (rows !== RECORDS) throw new Error(`${destination.name} holds ${rows} rows of ${RECORDS}`)
}

/** One fetch by the real program: from its first request to the end of its last commit. */
async function hermesSide(
  destination: Destination,
  api: string,
  layout: { tables: readonly string[] },
): Promise<Taken> {
  using folder = workspace()
  await using prepared = await destination.prepare(folder.path)
  const place: DirectoryPlace = {
    manifests: join(folder.path, 'manifests'),
    dataDir: folder.path,
    database: prepared.database,
  }
  mkdirSync(place.manifests)
  writeFileSync(join(place.manifests, 'bench.yaml'), manifest(api))
  await runHermes(['apply', '--no-run'], place)
  await fetch(`${api}/reset`, { method: 'POST' })
  const { endedAt, peakRss } = await runHermes(['run', 'bench'], place)
  const { first } = (await (await fetch(`${api}/first`)).json()) as { first: number }
  await expectRows(destination, prepared.floorArgument)
  layout.tables = await destination.tables(prepared.floorArgument)
  return { seconds: (endedAt - first) / 1000, peakRss }
}

async function floorSide(destination: Destination, api: string, tables: readonly string[]): Promise<Taken> {
  using folder = workspace()
  await using prepared = await destination.prepare(folder.path)
  const script = `bench/floor/${destination.name}.ts`
  const taken = await runScript<Taken>(script, [api, prepared.floorArgument, JSON.stringify(tables)])
  await expectRows(destination, prepared.floorArgument)
  return taken
}

/** A million records over loopback into a database, against the same bytes moved by the bare drivers. */
export async function fetchBench(destination: Destination): Promise<Figure[]> {
  const api = await startScript<{ url: string; bytesPerRecord: number }>('bench/api.ts', [
    String(RECORDS),
    String(PAGE),
  ])
  try {
    const layout: { tables: readonly string[] } = { tables: [] }
    const { a, b } = await interleave(
      ROUNDS,
      () => hermesSide(destination, api.told.url, layout),
      () => floorSide(destination, api.told.url, layout.tables),
    )
    const hermes = median(a.map(({ seconds }) => seconds))
    const floor = median(b.map(({ seconds }) => seconds))
    const speeds = `Hermes ${perSecond(RECORDS / hermes)}, floor ${perSecond(RECORDS / floor)}`
    return [
      atLeast(`1,000,000 records into ${destination.name}, share of the floor (${speeds})`, floor / hermes, 0.6, ratio),
      atMost(`the same, peak RSS`, Math.max(...a.map(({ peakRss }) => peakRss)), 250e6, megabytes),
    ]
  } finally {
    api.child.kill()
  }
}
