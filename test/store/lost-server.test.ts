import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Run } from '../../src/store/store.ts'
import { type Home, onPostgres } from './databases.ts'
import { fetchPages, never, targetOf } from './fetches.ts'
import { sharedStore } from './shared-store.ts'

const page = (...numbers: number[]) => numbers.map((id) => ({ id }))

/** Holds the table, so that writers stop in the middle of their transaction; then does something to them. */
async function whileBlocked(home: Home, table: string, work: () => Promise<unknown>): Promise<void> {
  await home.witness('BEGIN')
  try {
    await home.witness(`LOCK TABLE ${table} IN EXCLUSIVE MODE`)
    const done = work()
    await done
  } finally {
    await home.witness('ROLLBACK')
  }
}

async function untilWaiting(home: Home): Promise<void> {
  const sql = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
  while ((await home.witness(sql)).length === 0) await delay(5)
}

async function terminate(home: Home): Promise<void> {
  await untilWaiting(home)
  await home.witness(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  )
}

onPostgres('a lost server', ({ home: newHome }) => {
  const shared = sharedStore(newHome)

  test('a connection that dies in the middle of a page fails the page alone', async () => {
    const target = targetOf({ write: 'merge', key: ['id'] })
    await fetchPages(shared.store, target, [page(1)], 1_000)
    const run: Run = await shared.store.runs.begin(target, 2_000)
    await run.write(page(2), 1, never)
    await whileBlocked(shared.home, 'quotes', async () => {
      const writing = expect(run.write(page(3), 2, never)).rejects.toMatchObject({ code: 'database_unavailable' })
      await terminate(shared.home)
      await writing
    })
    await run.fail({ code: 'database_unavailable', message: 'gone' }, 3_000, { discard: false })
    await run[Symbol.asyncDispose]()
    await using next = await shared.store.runs.begin(target, 4_000)
    expect(next).toMatchObject({ resumeFrom: 1, rows: 1, startedAt: 2_000 })
    await next.write(page(3), 2, never)
    await next.finish(5_000)
    expect(await shared.home.witness('SELECT id::int FROM quotes ORDER BY id')).toStrictEqual(page(1, 2, 3))
  })

  test('a connection that dies while rows are swapped leaves the old ones', async () => {
    const target = targetOf({ write: 'replace' })
    await fetchPages(shared.store, target, [page(1, 2)], 1_000)
    const run = await shared.store.runs.begin(target, 2_000)
    await run.write(page(7), undefined, never)
    await whileBlocked(shared.home, 'quotes', async () => {
      const finishing = expect(run.finish(3_000)).rejects.toMatchObject({ code: 'database_unavailable' })
      await terminate(shared.home)
      await finishing
    })
    await run[Symbol.asyncDispose]()
    expect(await shared.home.witness('SELECT id::int FROM quotes ORDER BY id')).toStrictEqual(page(1, 2))
    await fetchPages(shared.store, target, [page(7, 8)], 4_000)
    expect(await shared.home.witness('SELECT id::int FROM quotes ORDER BY id')).toStrictEqual(page(7, 8))
  })

  test('an abort cancels the page on the server', async () => {
    const target = targetOf({ write: 'merge', key: ['id'] })
    await fetchPages(shared.store, target, [page(1)], 1_000)
    await using run = await shared.store.runs.begin(target, 2_000)
    await whileBlocked(shared.home, 'quotes', async () => {
      const stop = new AbortController()
      const writing = expect(run.write(page(2), 1, stop.signal)).rejects.toThrow('enough')
      await untilWaiting(shared.home)
      stop.abort(new Error('enough'))
      await writing
    })
    expect(await shared.home.witness('SELECT id::int FROM quotes')).toStrictEqual(page(1))
  })

  test('more runs that collect rows than there are connections for take turns', async () => {
    const sources = Array.from({ length: 24 }, (_, index) => `s${index}`)
    await Promise.all(
      sources.map(async (source, index) => {
        const target = targetOf({ source, write: 'replace', columns: { id: 'integer' } })
        await using run = await shared.store.runs.begin(target, 1_000)
        await run.write(page(index), undefined, never)
        await delay(10)
        await run.finish(2_000)
      }),
    )
    const rows = await shared.home.witness('SELECT id FROM quotes ORDER BY id')
    expect(rows).toStrictEqual(sources.map((_source, id) => ({ id })))
  })

  test('no temporary table outlives its run', async () => {
    const target = targetOf({ write: 'replace', key: ['id'] })
    for (let round = 0; round < 3; round++) {
      await using run = await shared.store.runs.begin(target, 1_000)
      await run.write(page(round), undefined, never)
      if (round === 1) await run.finish(2_000)
    }
    const sql = `SELECT count(*)::int AS n FROM pg_class WHERE relpersistence = 't' AND relname LIKE 'hermes_stage%' AND relkind = 'r'`
    const [row] = await shared.home.witness(sql)
    // Each connection keeps a few to receive rows in.
    expect(Number(row?.['n'])).toBeLessThanOrEqual(4 * 3)
  })
})
