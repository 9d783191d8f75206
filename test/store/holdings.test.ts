import { expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { eachDatabase, type Home } from './databases.ts'
import { converge, shapeOf } from './table-shapes.ts'

const instant = (day: number) => `2024-01-${String(day).padStart(2, '0')}T00:00:00.000000Z`

async function insert(home: Home, table: string, source: string, day: number, keys: readonly number[]): Promise<void> {
  const rows = keys.map((key) => `('${source}', '${instant(day)}', ${key}, 'v${key}')`)
  await home.witness(`INSERT INTO ${table} (source_name, created_at, k, v) VALUES ${rows.join(', ')}`)
}

async function execute(store: Awaited<ReturnType<typeof openStore>>, sql: string): Promise<void> {
  await store.tables.execute(sql, AbortSignal.timeout(5_000))
}

const shape = (name: string) => shapeOf(name, { k: 'integer', v: 'text' }, { key: ['k'] })

/** Milliseconds of the quickest of three. */
async function best(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < 3; round++) {
    const started = performance.now()
    await work()
    times.push(performance.now() - started)
  }
  return Math.min(...times)
}

eachDatabase('owners and counts', ({ home: newHome }) => {
  test('owners and counts of many tables, absent ones among them', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    for (const name of ['t1', 't2', 'empty']) await converge(store, shape(name))
    await insert(home, 't1', 'b', 1, [1, 2])
    await insert(home, 't1', 'a', 1, [1])
    await insert(home, 't2', 'b', 1, [7])
    expect(await store.tables.owners(['t1', 't2', 'empty', 'absent'])).toEqual(
      new Map([
        ['t1', ['a', 'b']],
        ['t2', ['b']],
        ['empty', []],
      ]),
    )
    const held = [
      { table: 't1', source: 'a' },
      { table: 't1', source: 'b' },
      { table: 't1', source: 'nobody' },
      { table: 't2', source: 'b' },
      { table: 'absent', source: 'b' },
    ]
    expect([...(await store.tables.counts(held)).values()]).toEqual([1, 2, 0, 1, 0])
    expect(await store.tables.counts([])).toEqual(new Map())
    expect(await store.tables.rows({ table: 't1', source: 'b' }, 1)).toEqual([
      { source_name: 'b', created_at: instant(1), k: 1, v: 'v1' },
    ])
  })

  test('a count follows what another process writes, run by run', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    await converge(store, shape('t'))
    const count = async () => [...(await store.tables.counts([{ table: 't', source: 's' }])).values()][0]
    await insert(home, 't', 's', 1, [1, 2])
    expect(await count()).toBe(2)
    // A run under way: all of its rows have one created_at, and still each page counts.
    await home.witness(`INSERT INTO hermes_retries (source_name, attempt, started_at, "rows") VALUES ('s', 1, 5, 0)`)
    await insert(home, 't', 's', 2, [3])
    expect(await count()).toBe(3)
    await insert(home, 't', 's', 2, [4])
    expect(await count()).toBe(4)
    await home.witness('DELETE FROM hermes_retries')
    expect(await count()).toBe(4)
    await insert(home, 't', 's', 3, [5])
    expect(await count()).toBe(5)
    await execute(store, store.tables.planDelete({ table: 't', source: 's' }, 5).sql)
    expect(await count()).toBe(0)
  })

  test('deleting one source leaves the others', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    await converge(store, shape('t'))
    await insert(home, 't', 'a', 1, [1, 2])
    await insert(home, 't', 'b', 1, [1])
    const step = store.tables.planDelete({ table: 't', source: 'a' }, 2)
    expect(step).toEqual({
      op: '-',
      summary: 'delete 2 rows of a from t',
      sql: `DELETE FROM "t" WHERE source_name = 'a'`,
      destroys: { what: 'rows of a in t', rows: 2 },
      code: 'rows_deleted',
    })
    await execute(store, step.sql)
    expect(await home.witness('SELECT source_name, k FROM t')).toEqual([{ source_name: 'b', k: 1 }])
  })

  test('a move hands rows and attempts over; keys that the target has stay', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    await converge(store, shapeOf('old', { k: 'integer', v: 'text', extra: 'text', n: 'text' }, { key: ['k'] }))
    await converge(store, shapeOf('next', { k: 'bigint', v: 'text', n: 'integer' }, { key: ['k'] }))
    await insert(home, 'old', 'a', 1, [1, 2])
    await insert(home, 'old', 'c', 1, [1])
    await insert(home, 'next', 'b', 2, [2])
    await home.witness(`UPDATE next SET v = 'theirs'`)
    await home.witness(`UPDATE old SET extra = 'kept'`)
    await home.witness(`INSERT INTO hermes_retries (source_name, attempt, "rows") VALUES ('a', 3, 0)`)
    const [from, to] = [
      { table: 'old', source: 'a' },
      { table: 'next', source: 'b' },
    ]
    const shapes = await store.tables.shapes(['old', 'next'])
    const [old, next] = [shapes.get('old'), shapes.get('next')]
    if (old === undefined || next === undefined) throw new Error('no tables')
    const step = store.tables.planMove(from, to, { from: old, to: next }, 2)
    expect(step).toMatchObject({ op: '~', summary: 'hand 2 rows of a over to b from old to next' })
    expect(step.destroys).toEqual({ what: 'values of n, which next has with another type', rows: 2 })
    await execute(store, step.sql)
    // A new look and the same once more, as after a crash.
    const grown = (await store.tables.shapes(['next'])).get('next') ?? next
    await execute(store, store.tables.planMove(from, to, { from: old, to: grown }, 0).sql)
    const rows = await home.witness('SELECT source_name, k, v, n, extra FROM next ORDER BY k')
    expect(rows.map((row) => Object.values(row).map(String))).toEqual([
      ['b', '1', 'v1', 'null', 'kept'],
      ['b', '2', 'theirs', 'null', 'null'],
    ])
    expect(await home.witness('SELECT source_name FROM old')).toEqual([{ source_name: 'c' }])
    expect(await home.witness('SELECT source_name, attempt FROM hermes_retries')).toEqual([
      { source_name: 'b', attempt: 3 },
    ])
  })

  test('a move within one table keeps all columns', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    await converge(store, shapeOf('t', { k: 'integer', v: 'text', extra: 'text' }))
    await insert(home, 't', 'a', 1, [1])
    await home.witness(`UPDATE t SET extra = 'kept'`)
    const actual = (await store.tables.shapes(['t'])).get('t')
    if (actual === undefined) throw new Error('no table')
    const [from, to] = [
      { table: 't', source: 'a' },
      { table: 't', source: 'b' },
    ]
    await execute(store, store.tables.planMove(from, to, { from: actual, to: shapeOf('t', { k: 'integer' }) }, 1).sql)
    expect(await home.witness('SELECT source_name, k, v, extra FROM t')).toEqual([
      { source_name: 'b', k: 1, v: 'v1', extra: 'kept' },
    ])
  })

  test('a move to a key that the rows do not have destroys them and says so', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    await converge(store, shape('t'))
    await converge(store, shapeOf('u', { id: 'uuid', v: 'text' }, { key: ['id'] }))
    await insert(home, 't', 'a', 1, [1])
    const shapes = await store.tables.shapes(['t', 'u'])
    const [t, u] = [shapes.get('t'), shapes.get('u')]
    if (t === undefined || u === undefined) throw new Error('no tables')
    const step = store.tables.planMove({ table: 't', source: 'a' }, { table: 'u', source: 'b' }, { from: t, to: u }, 1)
    expect(step.destroys).toEqual({ what: 'rows of a, which have no id', rows: 1 })
    await execute(store, step.sql)
    expect(await store.tables.owners(['t', 'u'])).toEqual(
      new Map([
        ['t', []],
        ['u', []],
      ]),
    )
  })

  test('500 tables: shapes, owners and counts in a handful of queries', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    const columns = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`c${index}`, 'bigint']))
    const names = Array.from({ length: 500 }, (_, index) => `t${index}`)
    const sql = names.map(
      (name) => store.tables.plan(shapeOf(name, columns), undefined, { retired: new Set() })[0]?.sql,
    )
    await store.tables.execute(sql.join(';\n'), AbortSignal.timeout(20_000))
    // Loose bounds: a query per table would be ten times slower still.
    expect(await best(() => store.tables.shapes(names))).toBeLessThan(400)
    expect(await best(() => store.tables.owners(names))).toBeLessThan(1_000)
    expect(await best(() => store.tables.counts(names.map((table) => ({ table, source: 's' }))))).toBeLessThan(1_000)
    expect((await store.tables.shapes(names)).size).toBe(500)
  })
})
