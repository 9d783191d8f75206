import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nextCron } from '../../src/manifest/cron.ts'
import type { SyncWindow } from '../../src/manifest/sync-window.ts'
import type { FetchReport, FetchSubject } from '../../src/resources/fetch.ts'
import { SourceRunner } from '../../src/resources/source-runner.ts'
import type { SourceSpec } from '../../src/resources/source-spec.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import type { Log } from '../../src/stream/connector.ts'
import { FakeClock } from '../fake-clock.ts'
import { manifest } from '../reconcile/manifests.ts'
import { type Home, sqliteHome } from '../store/homes.ts'

let home: Home
let store: Store
beforeAll(async () => {
  home = await sqliteHome()
  store = await openStore(home.url)
})
afterAll(async () => {
  await store[Symbol.asyncDispose]()
  await home[Symbol.asyncDispose]()
})

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silent }
const hour = 3_600_000
const noon: SyncWindow = { allow: [{ cron: '0 12 * * *', duration: '1h' }] }

/** A runner at midnight whose fetches take no time, or until `finish`. */
function runnerWith(concurrency = 4, secrets: () => string | undefined = () => undefined) {
  const clock = new FakeClock()
  const fetched: string[] = []
  const open = new Map<string, () => void>()
  const slow = new Set<string>()
  const failing = new Set<string>()
  const fetch = async ({ manifest: { name } }: FetchSubject): Promise<FetchReport> => {
    fetched.push(`${name} at ${new Date(clock.now()).toISOString().slice(11, 16)}`)
    if (slow.has(name)) await new Promise<void>((resolve) => open.set(name, resolve))
    const startedAt = clock.now()
    const outcome = failing.has(name) ? 'failed' : 'finished'
    return { outcome, startedAt, rows: 1, pages: 1, ms: 0, nextDueAt: startedAt + hour, evolved: false }
  }
  const runner = new SourceRunner({
    store,
    clock,
    log: silent,
    nextCron,
    concurrency,
    hasOtherSecrets: (_, mark) => mark !== secrets(),
    laneLimit: () => concurrency,
    fetch,
    onRun: () => undefined,
  })
  const put = (name: string, spec: Partial<SourceSpec>) =>
    runner.put([{ manifest: sourceOf(name, spec), registeredAt: clock.now() }])
  return { runner, clock, fetched, slow, failing, put, finish: (name: string) => open.get(name)?.() }
}

function sourceOf(name: string, spec: Partial<SourceSpec>): FetchSubject['manifest'] {
  const whole = {
    schedule: { every: '1h' },
    deletionPolicy: 'delete',
    suspend: false,
    file: { path: 'x.csv' },
    ...spec,
  }
  return manifest('SourceDefinition', name, whole) as FetchSubject['manifest']
}

describe('a window', () => {
  it('holds scheduled fetches back until it opens, and those after it closed to the next day', async () => {
    const { runner, clock, fetched, put } = runnerWith()
    runner.start()
    await put('a', { syncWindow: noon })
    expect(runner.dueAt('a')).toBe(clock.now() + 12 * hour)
    await clock.advance(36 * hour)
    expect(fetched).toEqual(['a at 12:00', 'a at 12:00'])
    await runner[Symbol.asyncDispose]()
  })

  it('lets a person fetch outside of it, but not while it denies', async () => {
    const { runner, clock, fetched, put } = runnerWith()
    runner.start()
    await put('a', { syncWindow: { ...noon, deny: [{ cron: '0 1 * * *', duration: '1h' }] } })
    expect((await runner.runNow('a')).outcome).toBe('finished')
    await clock.advance(hour)
    await expect(runner.runNow('a')).rejects.toMatchObject({
      code: 'sync_window_denied',
      message: 'a must not be fetched before 2026-01-01T02:00:00.000Z',
    })
    await expect(runner.runNow('b')).rejects.toMatchObject({
      code: 'not_in_force',
      fix: 'See what keeps it with `hermes-status SourceDefinition/b`.',
    })
    expect(fetched).toEqual(['a at 00:00'])
    await runner[Symbol.asyncDispose]()
  })

  it('that closes while a source waits for a worker puts it off', async () => {
    const { runner, clock, fetched, slow, put, finish } = runnerWith(1)
    slow.add('long')
    runner.start()
    await put('long', {})
    await put('a', { syncWindow: { deny: [{ cron: '0 1 * * *', duration: '1h' }] } })
    expect(runner.backlog).toBe(1)
    await clock.advance(hour)
    slow.delete('long')
    finish('long')
    await clock.advance(hour)
    expect(fetched.filter((each) => each.startsWith('a'))).toEqual(['a at 02:00'])
    await runner[Symbol.asyncDispose]()
  })

  it('that is taken away lets what was held back run at once', async () => {
    const { runner, clock, fetched, put } = runnerWith()
    runner.start()
    await put('a', { syncWindow: noon })
    await put('a', {})
    await clock.advance(1)
    expect(fetched).toEqual(['a at 00:00'])
    await runner[Symbol.asyncDispose]()
  })
})

it('starts the higher priority first', async () => {
  const { runner, clock, fetched, put } = runnerWith(1)
  await put('low', { priority: -1 })
  await put('plain', {})
  await put('high', { priority: 7 })
  runner.start()
  await clock.advance(1)
  expect(fetched).toEqual(['high at 00:00', 'plain at 00:00', 'low at 00:00'])
  await runner[Symbol.asyncDispose]()
})

describe('a retry, when something changed that sources need', () => {
  it('tries at once those that failed, and only them', async () => {
    const { runner, clock, fetched, put } = runnerWith()
    const hold = { schedule: { cron: '0 12 * * *' } }
    for (const name of ['sound', 'broken', 'other']) await put(name, hold)
    for (const name of ['broken', 'other']) await fail(name, clock.now())
    runner.start()
    await clock.advance(hour)
    expect(fetched).toEqual([])
    await runner.retry(['sound', 'broken', 'unknown'])
    await put('broken', hold)
    await clock.advance(hour)
    expect(fetched).toEqual(['broken at 01:00'])
    await runner[Symbol.asyncDispose]()
  })

  it('has a run under way tried again when it fails, once', async () => {
    const { runner, clock, fetched, slow, failing, put, finish } = runnerWith()
    failing.add('a')
    slow.add('a')
    runner.start()
    await put('a', {})
    await clock.advance(1)
    await runner.retry(['a'])
    slow.delete('a')
    finish('a')
    await clock.advance(hour / 2)
    expect(fetched).toEqual(['a at 00:00', 'a at 00:00'])
    await runner[Symbol.asyncDispose]()
  })
})

it('what failed with other secrets than there are now is tried at once when it is taken up', async () => {
  let mark: string | undefined = 'old'
  const { runner, clock, fetched, put } = runnerWith(4, () => mark)
  await fail('same', clock.now(), 'old')
  await fail('before', clock.now(), 'older')
  await fail('without', clock.now())
  runner.start()
  for (const name of ['same', 'before', 'without']) await put(name, { schedule: { cron: '0 12 * * *' } })
  await clock.advance(1)
  expect(fetched).toEqual(['before at 00:00'])
  mark = 'new'
  await runner.evaluate()
  await clock.advance(1)
  expect(fetched.toSorted()).toEqual(['before at 00:00', 'before at 00:00', 'same at 00:00'])
  await runner[Symbol.asyncDispose]()
})

/** A run of the source that failed, and is not to be repeated within the day. */
async function fail(name: string, now: number, secrets?: string): Promise<void> {
  const spec = sourceOf(name, { schedule: { cron: '0 12 * * *' } }).hash
  const shape = { columns: [], key: [], write: 'append', evolve: 'additive' } as const
  await using run = await store.runs.begin({ source: name, table: name, ...shape, spec }, now)
  await run.fail({ code: 'http_unauthorized', message: 'no' }, now + 24 * hour, {
    discard: true,
    ...(secrets && { secrets }),
  })
}
