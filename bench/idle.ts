import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { rss } from './child.ts'
import { type Fleet, writeFleet } from './fleet.ts'
import { exactCpuMs, runHermes, serve } from './hermes.ts'
import { atMost, type Figure, megabytes } from './measure.ts'
import { markFetched } from './seed.ts'
import { workspace } from './workspace.ts'

const fleet: Fleet = { sources: 10_000, tables: 500 }
const WATCH_SECONDS = 30

/** A service with ten thousand sources, none of them due: what it holds and what it burns. */
export async function idle(): Promise<Figure[]> {
  using folder = workspace()
  const place = { manifests: join(folder.path, 'manifests'), dataDir: join(folder.path, 'data') }
  writeFleet(place.manifests, fleet)
  await runHermes(['apply', '--no-run'], place)
  markFetched(join(place.dataDir, 'hermes.db'), fleet)
  await using service = await serve(place)
  await service.post('/api/v1/reconcile')
  await delay(10_000)
  const before = exactCpuMs(service.pid)
  await delay(WATCH_SECONDS * 1000)
  const share = (exactCpuMs(service.pid) - before) / (WATCH_SECONDS * 1000)
  return [
    atMost('10,000 idle sources, RSS', rss(service.pid), 200e6, megabytes),
    atMost(`10,000 idle sources, CPU over ${WATCH_SECONDS} s`, share * 100, 2, (value) => `${value.toFixed(2)} %`),
  ]
}
