import { expect, test } from 'vitest'
import { rawNumber } from '../../src/lossless-json.ts'
import { formatColumnType } from '../../src/store/column-type.ts'
import type { Store } from '../../src/store/store.ts'
import { eachDatabase } from './databases.ts'
import { fetchPages, never, targetOf } from './fetches.ts'
import { sharedStore } from './shared-store.ts'

async function columnsOf(store: Store, table = 'quotes'): Promise<Record<string, string>> {
  const shape = (await store.tables.shapes([table])).get(table)
  return Object.fromEntries((shape?.columns ?? []).map(({ name, type }) => [name, formatColumnType(type)]))
}

/** Integers, then fractions, then words in a field that all sources have; one of its own from the third page on. */
function pageOf(source: string, number: number): Record<string, unknown>[] {
  return Array.from({ length: 20 }, (_, index) => ({
    id: number * 20 + index,
    shared: number === 0 ? index : number === 3 ? 'text' : index + 0.5,
    [`own_${source}`]: number < 2 ? null : index,
  }))
}

eachDatabase('evolution', ({ home: newHome, dialect }) => {
  const shared = sharedStore(newHome)

  test.each(['append', 'merge', 'replace'] as const)(
    'columns grow and widen in the middle of a run: %s',
    async (write) => {
      const target = targetOf({ key: write === 'merge' ? ['id'] : [], write })
      const pages = [
        [{ id: 1, n: 1, day: '2024-01-02', flag: true, word: 'a', d: 0.5 }],
        [{ id: 2, n: 2, day: '2024-01-03', extra: { a: 1 } }],
        [
          {
            id: 3,
            n: 0.25,
            day: '2024-01-03T04:05:06Z',
            flag: 'maybe',
            word: { deep: true },
            d: rawNumber('0.1234567890123456789'),
          },
        ],
        [{ id: 4, n: rawNumber('12345678901234567890') }],
      ]
      const run = await fetchPages(shared.store, target, pages)
      expect(run).toMatchObject({ rows: 4, evolved: true })
      expect(await columnsOf(shared.store)).toStrictEqual({
        id: 'bigint',
        n: 'numeric',
        day: 'timestamptz',
        flag: 'text',
        word: 'text',
        d: 'numeric',
        extra: 'json',
      })
      const day = dialect === 'sqlite' ? 'day' : `to_char(day AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
      const rows = await shared.home.witness(`SELECT n, ${day} AS day, flag, word, d FROM quotes ORDER BY id`)
      expect(rows).toStrictEqual([
        { n: '1', day: '2024-01-02T00:00:00.000000Z', flag: 'true', word: 'a', d: '0.5' },
        { n: '2', day: '2024-01-03T00:00:00.000000Z', flag: null, word: null, d: null },
        {
          n: '0.25',
          day: '2024-01-03T04:05:06.000000Z',
          flag: 'maybe',
          word: '{"deep":true}',
          d: '0.1234567890123456789',
        },
        { n: '12345678901234567890', day: null, flag: null, word: null, d: null },
      ])
    },
  )

  test.each(['append', 'replace'] as const)(
    'an integer beyond 2^53 is not rounded when fractions turn up: %s',
    async (write) => {
      const pages = [[{ n: rawNumber('9007199254740993') }], [{ n: 0.5 }]]
      await fetchPages(shared.store, targetOf({ write }), pages)
      expect(await columnsOf(shared.store)).toStrictEqual({ n: 'numeric' })
      const rows = await shared.home.witness('SELECT n FROM quotes ORDER BY n')
      expect(rows).toStrictEqual([{ n: '0.5' }, { n: '9007199254740993' }])
    },
  )

  test('freeze leaves out what is not declared, and says what', async () => {
    const target = targetOf({ columns: { id: 'bigint' }, evolve: 'freeze' })
    const run = await fetchPages(shared.store, target, [[{ id: 1, a: 1, none: null }], [{ id: 2, b: { c: 1 } }]])
    expect([...run.ignored]).toStrictEqual(['a', 'b'])
    expect(await columnsOf(shared.store)).toStrictEqual({ id: 'bigint' })
  })

  test('a declared column is never widened by data', async () => {
    const target = targetOf({ columns: { id: 'bigint' } })
    await fetchPages(shared.store, target, [[{ id: 1 }]])
    await using run = await shared.store.runs.begin(target, 1_800_000_000_000)
    await expect(run.write([{ id: 'x', more: 1 }], 1, never)).rejects.toMatchObject({ code: 'value_mismatch' })
    expect(await columnsOf(shared.store)).toMatchObject({ id: 'bigint' })
  })

  test('a declared column that was dropped by hand comes back', async () => {
    const target = targetOf({ columns: { id: 'bigint', name: 'text' } })
    await fetchPages(shared.store, target, [[{ id: 1, name: 'a' }]])
    await shared.home.witness('ALTER TABLE quotes DROP COLUMN name')
    await fetchPages(shared.store, target, [[{ id: 2, name: 'b' }]], 1_800_000_000_000)
    expect(await shared.home.witness('SELECT name FROM quotes ORDER BY id')).toStrictEqual([
      { name: null },
      { name: 'b' },
    ])
  })

  test('records with ever new fields come to an end', async () => {
    await using run = await shared.store.runs.begin(targetOf(), 1)
    const record = Object.fromEntries(Array.from({ length: 1_501 }, (_, index) => [`f${index}`, 1]))
    await expect(run.write([record], 1, never)).rejects.toMatchObject({ code: 'too_many_columns' })
  })

  test('several sources grow one table at the same time', async () => {
    const sources = Array.from({ length: 6 }, (_, index) => `s${index}`)
    await Promise.all(
      sources.map((source) =>
        fetchPages(
          shared.store,
          targetOf({ source, key: ['id'], write: 'merge' }),
          [0, 1, 2, 3, 4].map((number) => pageOf(source, number)),
        ),
      ),
    )
    expect(await columnsOf(shared.store)).toMatchObject({
      id: 'bigint',
      shared: 'text',
      own_s0: 'bigint',
      own_s5: 'bigint',
    })
    for (const source of sources) {
      const [row] = await shared.home.witness(
        `SELECT CAST(count(*) AS TEXT) AS n, CAST(count(own_${source}) AS TEXT) AS own, CAST(count(DISTINCT shared) AS TEXT) AS shared FROM quotes WHERE source_name = '${source}'`,
      )
      // 0 to 19, 0.5 to 19.5 and a word: a number that one run took for a fraction is none.
      expect(row).toStrictEqual({ n: '100', own: '60', shared: '41' })
    }
  })

  test('a table that is somebody else’s is left alone', async () => {
    await shared.home.witness('CREATE TABLE quotes (id integer)')
    await expect(shared.store.runs.begin(targetOf(), 1)).rejects.toMatchObject({ code: 'table_foreign' })
    await shared.home.witness('DROP TABLE quotes')
    await fetchPages(shared.store, targetOf({ key: ['id'], write: 'merge' }), [[{ id: 1 }]])
    await expect(shared.store.runs.begin(targetOf(), 1)).rejects.toMatchObject({ code: 'not_converged' })
  })
})
