import { join } from 'node:path'
import { systemClock } from '../src/clock.ts'
import { SourceRunner } from '../src/resources/source-runner.ts'
import { openStore } from '../src/store/open.ts'
import { type Fleet, writeFleet } from './fleet.ts'
import { fleetSubjects } from './fleet-subjects.ts'
import { runHermes } from './hermes.ts'
import { addHistoryPostgres, addHistorySqlite, type Chunk } from './history.ts'
import { atMost, type Figure, median, milliseconds, ratio } from './measure.ts'
import { throwAwayDatabase, workspace } from './workspace.ts'

const fleet: Fleet = { sources: 10_000, tables: 500 }
const ROWS_PER_SOURCE = 1000
const TURNS = 9

/** The runner is never started: it only derives what is due. */
const never = (): never => {
  throw new Error('a source of the bench was fetched')
}

/** Milliseconds of each evaluation of all sources, as the service does it; the first ones warm up. */
async function evaluations(url: string): Promise<number[]> {
  await using store = await openStore(url)
  const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }
  await using runner = new SourceRunner({
    store,
    clock: systemClock,
    log: quiet,
    nextCron: never,
    concurrency: 4,
    hasOtherSecrets: () => false,
    laneLimit: () => 4,
    fetch: never,
    onRun: never,
  })
  await runner.put(fleetSubjects(fleet))
  const taken: number[] = []
  for (let turn = 0; turn < TURNS; turn += 1) {
    const started = performance.now()
    await runner.evaluate()
    taken.push(performance.now() - started)
  }
  return taken.slice(2)
}

interface Base extends AsyncDisposable {
  readonly url: string
  grow(chunk: Chunk): Promise<void>
}

async function base(database: 'sqlite' | 'postgres', folder: string): Promise<Base> {
  if (database === 'sqlite') {
    const file = join(folder, 'hermes.db')
    const grow = async (chunk: Chunk): Promise<void> => addHistorySqlite(file, fleet, chunk)
    return { url: `sqlite:${file}`, grow, [Symbol.asyncDispose]: async () => {} }
  }
  const own = await throwAwayDatabase()
  const dispose = (): PromiseLike<void> => own[Symbol.asyncDispose]()
  return { url: own.url, grow: (chunk) => addHistoryPostgres(own.url, fleet, chunk), [Symbol.asyncDispose]: dispose }
}

/** One evaluation of ten thousand sources over ten million rows, and over twice as many. */
export async function evaluate(database: 'sqlite' | 'postgres'): Promise<Figure[]> {
  using folder = workspace()
  await using data = await base(database, folder.path)
  const place = { manifests: join(folder.path, 'manifests'), dataDir: folder.path, database: data.url }
  writeFleet(place.manifests, fleet)
  await runHermes(['apply', '--no-run'], place)
  const rows: number[] = []
  for (const half of [0, 1]) {
    await data.grow({ rowsPerSource: ROWS_PER_SOURCE, from: half * ROWS_PER_SOURCE })
    rows.push(median(await evaluations(data.url)))
  }
  const [once = Number.NaN, twice = Number.NaN] = rows
  return [
    atMost(`evaluation of 10,000 sources over 10 million rows, ${database}`, once, 200, milliseconds),
    atMost(`the same over 20 million rows`, twice, 200, milliseconds),
    atMost(`growth when rows double`, twice / once, 1.25, ratio),
  ]
}
