import { expect, it } from 'vitest'
import { nextCron } from '../../src/manifest/cron.ts'
import type { FetchReport, FetchSubject } from '../../src/resources/fetch.ts'
import { SourceRunner } from '../../src/resources/source-runner.ts'
import { openStore } from '../../src/store/open.ts'
import type { Runs } from '../../src/store/store.ts'
import { FakeClock } from '../fake-clock.ts'
import { quiet } from '../quiet-log.ts'
import { manifest } from '../reconcile/manifests.ts'
import { sqliteHome } from '../store/homes.ts'

const never = new AbortController().signal

/** The very store, whose answer about runs takes as long as a test wants. */
function slowly(runs: Runs, gate: () => Promise<void>): Runs {
  const facts: Runs['facts'] = async (subjects) => {
    const found = await runs.facts(subjects)
    await gate()
    return found
  }
  return Object.create(runs, { facts: { value: facts } }) as Runs
}

it('a source is not fetched again for what was found out before its run ended', async () => {
  await using home = await sqliteHome()
  await using store = await openStore(home.url)
  const clock = new FakeClock()
  const running = Promise.withResolvers<void>()
  const ends = Promise.withResolvers<void>()
  let gate: Promise<void> = Promise.resolve()
  let fetches = 0
  const fetch = async ({ manifest: { name } }: FetchSubject): Promise<FetchReport> => {
    fetches += 1
    const target = { source: name, table: 'a', columns: [], key: [], write: 'append', evolve: 'additive' } as const
    await using run = await store.runs.begin({ ...target, othersColumns: [], spec: 'x' }, clock.now())
    await run.write([{ id: fetches }], undefined, never)
    running.resolve()
    await ends.promise
    await run.finish(clock.now())
    const { startedAt, rows } = run
    return { outcome: 'finished', startedAt, rows, pages: 1, ms: 0, nextDueAt: undefined, evolved: false }
  }
  await using runner = new SourceRunner({
    store: Object.create(store, { runs: { value: slowly(store.runs, () => gate) } }) as typeof store,
    clock,
    log: quiet,
    nextCron,
    concurrency: 2,
    hasOtherSecrets: () => false,
    laneLimit: () => 2,
    fetch,
    onRun: () => undefined,
  })
  runner.start()
  const spec = { deletionPolicy: 'delete', suspend: false, file: { path: 'x.csv' }, table: { write: 'append' } }
  const source = manifest('SourceDefinition', 'a', spec) as FetchSubject['manifest']
  await runner.put([{ manifest: source, registeredAt: clock.now() }])
  await running.promise
  const opened = Promise.withResolvers<void>()
  gate = opened.promise
  const evaluated = runner.evaluate(new Set(['a']))
  await expect.poll(() => runner.isRunning('a')).toBe(true)
  ends.resolve()
  await expect.poll(() => runner.isRunning('a')).toBe(false)
  gate = Promise.resolve()
  opened.resolve()
  await evaluated
  await clock.advance(1_000)
  expect([fetches, runner.dueAt('a'), runner.isRunning('a')]).toEqual([1, undefined, false])
})
