import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../src/clock.ts'
import { readConfig } from '../../src/config.ts'
import { HermesError } from '../../src/errors.ts'
import { openHermes } from '../../src/hermes.ts'
import type { Plan } from '../../src/reconcile/plan.ts'
import type { Api, Hermes, ResourceStatus } from '../../src/service/api.ts'
import type { Log } from '../../src/stream/connector.ts'

/** What keeps a resource from its work. */
export interface Failed {
  readonly key: string
  readonly code: string
  readonly message: string
}

/** Hermes over one directory and one database. */
export interface Station extends AsyncDisposable {
  /** Does everything that can be done and fetches all that is due; the answer is what failed and what a plan still has. */
  settle(): Promise<{ readonly failed: readonly Failed[]; readonly plan: Plan }>
  /** Approves the first, and the others unless that has changed what they stand for. */
  approve(hashes: Iterable<string>): Promise<void>
  run(sources: readonly string[]): Promise<void>
}

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silent }
const never = new AbortController().signal

function open(directory: string, database: string): Promise<Hermes> {
  const flags = { dataDir: join(directory, '.hermes'), database, logLevel: 'silent' }
  const config = readConfig({ manifests: join(directory, 'manifests'), ...flags }, {}, directory)
  return openHermes(config, { environment: {}, clock: systemClock, log: silent })
}

/** Commands: each is a Hermes of its own. */
export async function restStation(directory: string, database: string): Promise<Station> {
  return {
    settle: async () => {
      await using hermes = await open(directory, database)
      const { failed } = await hermes.apply({ run: true }, never)
      return { failed, plan: await hermes.api.plan() }
    },
    approve: async (hashes) => {
      await using hermes = await open(directory, database)
      await approveAll(hermes.api, hashes)
    },
    run: async (sources) => {
      await using hermes = await open(directory, database)
      for (const source of sources) await hermes.api.run(source, never)
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

/** A service that runs on. */
export async function liveStation(directory: string, database: string): Promise<Station> {
  const hermes = await open(directory, database)
  const stop = new AbortController()
  const { promise: ready, resolve } = Promise.withResolvers<void>()
  const served = hermes.serve({ stop: stop.signal, abort: never }, () => resolve())
  await Promise.race([ready, served])
  return {
    settle: async () => ({ failed: await settleLive(hermes.api), plan: await hermes.api.plan() }),
    approve: (hashes) => approveAll(hermes.api, hashes),
    run: async (sources) => {
      for (const source of sources) await hermes.api.run(source, never)
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await served
      await hermes[Symbol.asyncDispose]()
    },
  }
}

async function approveAll(api: Api, hashes: Iterable<string>): Promise<void> {
  for (const [place, hash] of [...hashes].entries()) {
    try {
      await api.approve(hash)
    } catch (error) {
      if (place === 0 || !(error instanceof HermesError) || error.code !== 'approval_stale') throw error
    }
  }
}

async function settleLive(api: Api): Promise<readonly Failed[]> {
  await api.reconcile()
  for (let quiet = false, end = Date.now() + 20_000; !quiet; await delay(10)) {
    const busy = (await api.status()).resources.filter(isBusy)
    if (Date.now() > end) throw new Error(`not settled after 20 s: ${JSON.stringify(busy, null, 1)}`)
    quiet = busy.length === 0
  }
  await api.reconcile()
  const { resources } = await api.status()
  return resources
    .filter(({ state }) => state === 'stalled' || state === 'retrying')
    .map(({ kind, name, reason, message }) => ({ key: `${kind}/${name}`, code: reason, message }))
}

/** Every source has a next time, but while it runs. */
function isBusy({ kind, state, nextRunAt }: ResourceStatus): boolean {
  if (state === 'progressing' || state === 'retrying') return true
  if (nextRunAt !== undefined) return Date.parse(nextRunAt) <= Date.now()
  return kind === 'SourceDefinition' && state === 'ready'
}
