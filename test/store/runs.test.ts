import { expect, test } from 'vitest'
import { rawNumber } from '../../src/lossless-json.ts'
import type { Run, RunTarget, Store } from '../../src/store/store.ts'
import { eachDatabase, type Home } from './databases.ts'
import { factsOf, fetchPages, never, targetOf } from './fetches.ts'
import { sharedStore } from './shared-store.ts'

const day = 86_400_000
const first = Date.UTC(2024, 0, 1)
const at = (number: number): number => first + (number - 1) * day

async function ids(home: Home, table = 'quotes', source = 'quotes'): Promise<number[]> {
  const rows = await home.witness(`SELECT id FROM ${table} WHERE source_name = '${source}'`)
  return rows.map(({ id }) => Number(id)).toSorted((a, b) => a - b)
}

async function retries(home: Home): Promise<Record<string, unknown>[]> {
  return await home.witness('SELECT * FROM hermes_retries')
}

const page = (...numbers: number[]) => numbers.map((id) => ({ id, v: `v${id}` }))
const merge: Partial<RunTarget> = { write: 'merge', key: ['id'] }
const failure = { code: 'http_server_error', message: 'the server answered 500' }

/** Begins and writes, and then nothing more: as a process that was killed. */
async function interrupted(
  store: Store,
  target: RunTarget,
  now: number,
  ...pages: [unknown[], unknown][]
): Promise<Run> {
  const run = await store.runs.begin(target, now)
  for (const [records, position] of pages) await run.write(records, position, never)
  await run[Symbol.asyncDispose]()
  return run
}

eachDatabase('runs', ({ home: newHome }) => {
  const shared = sharedStore(newHome)

  test('a run that finished leaves rows of one moment and nothing else', async () => {
    const run = await fetchPages(shared.store, targetOf(), [page(1, 2), page(3)], at(1))
    expect(run).toMatchObject({ startedAt: at(1), attempt: 1, rows: 3 })
    expect(run.resumeFrom).toBeUndefined()
    expect(run.cursor).toBeUndefined()
    expect(await ids(shared.home)).toStrictEqual([1, 2, 3])
    expect(
      await shared.home.witness('SELECT count(DISTINCT created_at) AS n, count(*) AS rows FROM quotes'),
    ).toHaveLength(1)
    expect(await retries(shared.home)).toStrictEqual([])
    expect(await factsOf(shared.store, targetOf())).toStrictEqual({ lastRunAt: at(1), attempt: 0 })
  })

  test('the intent is written before anything else, and a run under way is none', async () => {
    await fetchPages(shared.store, targetOf(), [page(1)], at(1))
    await using run = await shared.store.runs.begin(targetOf(), at(2))
    expect(await retries(shared.home)).toMatchObject([{ source_name: 'quotes', attempt: 1, spec: 'spec 1' }])
    await run.write(page(2), 'behind 2', never)
    expect(await factsOf(shared.store, targetOf())).toMatchObject({ lastRunAt: at(1), attempt: 1, startedAt: at(2) })
  })

  test('a run begins after all there is of its source, whatever the clock says', async () => {
    await fetchPages(shared.store, targetOf(), [page(1)], at(5))
    expect((await fetchPages(shared.store, targetOf(), [page(2)], at(2))).startedAt).toBe(at(5) + 1)
    expect((await fetchPages(shared.store, targetOf(), [], at(2))).startedAt).toBe(at(5) + 2)
    expect((await fetchPages(shared.store, targetOf(), [page(3)], at(2))).startedAt).toBe(at(5) + 3)
  })

  test.each(['append', 'merge'] as const)('an interrupted %s goes on behind its last page', async (write) => {
    const target = targetOf({ write, key: write === 'merge' ? ['id'] : [] })
    await interrupted(shared.store, target, at(1), [page(1, 2), { next: 'b' }], [page(3), { next: 'c' }])
    await using run = await shared.store.runs.begin(target, at(2))
    expect(run).toMatchObject({ startedAt: at(1), attempt: 2, rows: 3, resumeFrom: { next: 'c' } })
    await run.write(page(4), { next: 'd' }, never)
    expect(run.rows).toBe(4)
    await run.finish(at(3))
    expect(await ids(shared.home)).toStrictEqual([1, 2, 3, 4])
    expect(await factsOf(shared.store, target)).toStrictEqual({ lastRunAt: at(1), attempt: 0 })
  })

  test.each<readonly [string, Partial<RunTarget>, unknown]>([
    ['without a position', {}, undefined],
    ['under another spec', { spec: 'spec 2' }, 'b'],
  ])('an append that cannot go on starts anew without its rows: %s', async (_why, change, position) => {
    await fetchPages(shared.store, targetOf(), [page(1)], at(1))
    await interrupted(shared.store, targetOf(), at(2), [page(2, 3), position])
    await using run = await shared.store.runs.begin(targetOf(change), at(3))
    expect(run).toMatchObject({ startedAt: at(3), attempt: 2, rows: 0 })
    expect(run.resumeFrom).toBeUndefined()
    expect(await ids(shared.home)).toStrictEqual([1])
    await run.write(page(2, 3, 4), 'c', never)
    await run.finish(at(4))
    expect(await ids(shared.home)).toStrictEqual([1, 2, 3, 4])
  })

  test.each([
    ['append', 'positions'],
    ['append', 'no positions'],
    ['merge', 'positions'],
    ['merge', 'no positions'],
    ['replace', 'positions'],
  ] as const)('cut off after any step, %s with %s comes to the same table', async (write, kind) => {
    const pages = [page(1, 2), page(2, 3), page(4)]
    const expected = write === 'append' ? [1, 2, 2, 3, 4] : [1, 2, 3, 4]
    for (let steps = 0; steps <= pages.length; steps++) {
      const name = `cut ${steps}`
      const target = targetOf({ table: name, source: name, write, key: write === 'append' ? [] : ['id'] })
      for (const moment of [at(1), at(2)]) {
        const run = await shared.store.runs.begin(target, moment)
        const from = Number(run.resumeFrom ?? 0)
        for (const [index, records] of pages.entries()) {
          if (index < from || index - from >= steps) continue
          await run.write(records, kind === 'positions' ? index + 1 : undefined, never)
        }
        await run[Symbol.asyncDispose]()
      }
      await fetchPages(shared.store, target, pages, at(3))
      expect(await ids(shared.home, `"${name}"`, name), name).toStrictEqual(expected)
      expect(await factsOf(shared.store, target)).toStrictEqual({ lastRunAt: expect.any(Number), attempt: 0 })
    }
  })

  test('replace shows the old rows until it finishes, and leaves nothing behind when it does not', async () => {
    const target = targetOf({ write: 'replace', key: ['id'] })
    const other = targetOf({ write: 'replace', key: ['id'], source: 'other' })
    await fetchPages(shared.store, other, [page(100)], at(1))
    await fetchPages(shared.store, target, [page(1, 2), page(2, 3)], at(1))
    await interrupted(shared.store, target, at(2), [page(7), 'p'])
    expect(await ids(shared.home)).toStrictEqual([1, 2, 3])
    await using run = await shared.store.runs.begin(target, at(3))
    expect(run).toMatchObject({ startedAt: at(3), attempt: 2, rows: 0 })
    expect(run.resumeFrom).toBeUndefined()
    await run.write([...page(4, 5), { id: 4, v: 'last' }], 'p', never)
    await run.write([{ id: 5, v: 'later page' }], 'q', never)
    expect(await ids(shared.home)).toStrictEqual([1, 2, 3])
    await run.finish(at(4))
    expect(
      await shared.home.witness(`SELECT id, v FROM quotes WHERE source_name = 'quotes' ORDER BY id`),
    ).toMatchObject([{ v: 'last' }, { v: 'later page' }])
    expect(await ids(shared.home, 'quotes', 'other')).toStrictEqual([100])
    expect(await factsOf(shared.store, target)).toStrictEqual({ lastRunAt: at(3), attempt: 0 })
  })

  test('an empty run is remembered, and one that replaces empties the source', async () => {
    const target = targetOf({ write: 'replace' })
    await fetchPages(shared.store, target, [], at(1))
    expect(await factsOf(shared.store, target)).toStrictEqual({
      lastRunAt: at(1),
      attempt: 0,
      notBefore: at(1) + 60_000,
    })
    await fetchPages(shared.store, target, [page(1)], at(2))
    await fetchPages(shared.store, targetOf({ source: 'other' }), [page(9)], at(2))
    await fetchPages(shared.store, target, [[]], at(3))
    expect(await ids(shared.home)).toStrictEqual([])
    expect(await ids(shared.home, 'quotes', 'other')).toStrictEqual([9])
    expect(await factsOf(shared.store, target)).toStrictEqual({
      lastRunAt: at(3),
      attempt: 0,
      notBefore: at(3) + 60_000,
    })
    await fetchPages(shared.store, target, [page(2)], at(4))
    expect(await retries(shared.home)).toStrictEqual([])
  })

  test('an empty run after full ones counts as the last', async () => {
    await fetchPages(shared.store, targetOf(merge), [page(1)], at(1))
    await fetchPages(shared.store, targetOf(merge), [], at(2))
    expect(await factsOf(shared.store, targetOf(merge))).toMatchObject({ lastRunAt: at(2), attempt: 0 })
    await interrupted(shared.store, targetOf(merge), at(3), [page(2), 'p'])
    expect(await factsOf(shared.store, targetOf(merge))).toMatchObject({
      lastRunAt: at(2),
      attempt: 1,
      startedAt: at(3),
    })
  })

  test('an append that brings only keys which are there is an empty run', async () => {
    const target = targetOf({ key: ['id'] })
    await fetchPages(shared.store, target, [[{ id: 1, v: 'old' }]], at(1))
    await fetchPages(shared.store, target, [[{ id: 1, v: 'new' }]], at(2))
    expect(await shared.home.witness('SELECT v FROM quotes')).toStrictEqual([{ v: 'old' }])
    expect(await factsOf(shared.store, target)).toStrictEqual({
      lastRunAt: at(2),
      attempt: 0,
      notBefore: at(2) + 60_000,
    })
  })

  test('of a key that comes twice the last record stays; on append the first', async () => {
    const twice = [
      { id: 1, day: '2024-01-01', v: 'a' },
      { id: 1, day: '2024-01-02', v: 'b' },
      { id: 1, day: '2024-01-01', v: 'c' },
    ]
    for (const [table, write] of [
      ['m', 'merge'],
      ['a', 'append'],
      ['r', 'replace'],
    ] as const) {
      await fetchPages(shared.store, targetOf({ table, source: table, write, key: ['id', 'day'] }), [twice], at(1))
      const rows = await shared.home.witness(`SELECT v FROM ${table} ORDER BY v`)
      expect(rows, write).toStrictEqual(write === 'append' ? [{ v: 'a' }, { v: 'b' }] : [{ v: 'b' }, { v: 'c' }])
    }
  })

  test('merge updates what is there and moves it to the new run', async () => {
    await fetchPages(shared.store, targetOf(merge), [page(1, 2)], at(1))
    await fetchPages(shared.store, targetOf(merge), [[{ id: 2, v: 'new' }, { id: 3 }]], at(2))
    const rows = await shared.home.witness('SELECT id, v, created_at FROM quotes ORDER BY id')
    expect(rows.map(({ v }) => v)).toStrictEqual(['v1', 'new', null])
    expect(rows.map(({ created_at }) => String(created_at).slice(0, 10))).toStrictEqual([
      '2024-01-01',
      '2024-01-02',
      '2024-01-02',
    ])
  })

  test('a key without a value names the record', async () => {
    await using run = await shared.store.runs.begin(targetOf(merge), at(1))
    await run.write(page(1, 2), 'a', never)
    const failing = run.write([...page(3), { id: null, v: 'x' }], 'b', never)
    await expect(failing).rejects.toMatchObject({ code: 'key_missing', message: 'record 4 has no value in id' })
  })

  test('a failure is told, and the position stays unless it is given up', async () => {
    const target = targetOf()
    {
      await using run = await shared.store.runs.begin(target, at(1))
      await run.write(page(1), 'a', never)
      await run.fail(failure, at(2), { discard: false })
    }
    const lastError = failure
    expect(await factsOf(shared.store, target)).toStrictEqual({
      attempt: 1,
      notBefore: at(2),
      startedAt: at(1),
      spec: 'spec 1',
      lastError,
    })
    {
      await using run = await shared.store.runs.begin(target, at(2))
      expect(run).toMatchObject({ resumeFrom: 'a', attempt: 2, rows: 1, startedAt: at(1) })
      await run.write(page(2), 'b', never)
      await run.fail({ code: 'page_repeated', message: `x\0${'y'.repeat(5_000)}` }, at(3), { discard: true })
    }
    expect(await ids(shared.home)).toStrictEqual([])
    const facts = await factsOf(shared.store, target)
    expect(facts).toMatchObject({ attempt: 2, notBefore: at(3), lastError: { code: 'page_repeated' } })
    expect(facts?.startedAt).toBeUndefined()
    expect(facts?.lastError?.message).toHaveLength(2_000)
    await fetchPages(shared.store, target, [page(1, 2)], at(4))
    expect(await factsOf(shared.store, target)).toStrictEqual({ lastRunAt: at(4), attempt: 0 })
  })

  test('a failure tells what secrets it had, as long as it is the last, and a position outlives other secrets', async () => {
    const target = targetOf()
    {
      await using run = await shared.store.runs.begin(target, at(1))
      await run.write(page(1), 'a', never)
      await run.fail(failure, at(2), { discard: false, secrets: 'mark-1' })
    }
    expect(await factsOf(shared.store, target)).toMatchObject({ spec: 'spec 1', secrets: 'mark-1', attempt: 1 })
    {
      await using run = await shared.store.runs.begin(target, at(2))
      expect(run).toMatchObject({ resumeFrom: 'a', attempt: 2, rows: 1, startedAt: at(1) })
      expect(await factsOf(shared.store, target)).not.toHaveProperty('secrets')
      await run.fail(failure, at(3), { discard: true, secrets: 'mark-2' })
    }
    expect(await factsOf(shared.store, target)).toMatchObject({ spec: 'spec 1', secrets: 'mark-2', attempt: 2 })
    await fetchPages(shared.store, target, [page(1, 2)], at(4))
    expect(await factsOf(shared.store, target)).toStrictEqual({ lastRunAt: at(4), attempt: 0 })
  })

  test('rows of a merge that failed for good do not pass for a run, nor for its cursor', async () => {
    const target = targetOf({ ...merge, cursor: 'id' })
    await fetchPages(shared.store, target, [page(10)], at(1))
    {
      // Newest first: what lies between 10 and 50 has not come yet.
      await using run = await shared.store.runs.begin(target, at(2))
      await run.write(page(50, 10), undefined, never)
      await run.fail(failure, at(3), { discard: true })
    }
    // The row of the first run was moved to the one that failed.
    expect((await factsOf(shared.store, target))?.lastRunAt).toBeUndefined()
    await interrupted(shared.store, target, at(3), [page(40), undefined])
    expect((await factsOf(shared.store, target))?.lastRunAt).toBeUndefined()
    await using run = await shared.store.runs.begin(target, at(4))
    expect(run).toMatchObject({ cursor: '10', startedAt: at(4), attempt: 3 })
    await run.write(page(50, 40, 20, 10), undefined, never)
    await run.finish(at(5))
    expect(await ids(shared.home)).toStrictEqual([10, 20, 40, 50])
    expect(await factsOf(shared.store, target)).toStrictEqual({ lastRunAt: at(4), attempt: 0 })
    expect((await shared.store.runs.begin(target, at(5))).cursor).toBe('50')
  })

  test('an interrupted run goes on with the cursor it was begun with', async () => {
    const target = targetOf({ cursor: 'id' })
    await fetchPages(shared.store, target, [page(1, 2)], at(1))
    expect((await interrupted(shared.store, target, at(2), [page(3), 'a'])).cursor).toBe('2')
    expect((await interrupted(shared.store, target, at(3), [page(4), 'b'])).cursor).toBe('2')
    expect(await shared.store.runs.cursors([{ ...target }])).toStrictEqual(new Map([['quotes', '2']]))
    const other = await interrupted(shared.store, { ...target, spec: 'spec 2' }, at(4), [page(3), undefined])
    expect(other.cursor).toBe('2')
    await fetchPages(shared.store, { ...target, spec: 'spec 2' }, [page(3, 4, 5)], at(5))
    expect(await shared.store.runs.cursors([target])).toStrictEqual(new Map([['quotes', '5']]))
  })

  test.each<readonly [type: string, values: readonly unknown[], greatest: string]>([
    ['bigint', [9, 10, -100], '10'],
    ['bigint', [rawNumber('9223372036854775806'), rawNumber('9223372036854775807'), 5], '9223372036854775807'],
    ['numeric', [9, 10, -100], '10'],
    ['numeric', [rawNumber('-0.5'), -7, rawNumber('-0.25')], '-0.25'],
    [
      'numeric',
      [rawNumber('12345678901234567890.1'), rawNumber('12345678901234567890.2'), 9],
      '12345678901234567890.2',
    ],
    ['numeric', [0, rawNumber('0.00001'), rawNumber('0.000009')], '0.00001'],
    ['numeric(10,2)', ['9.5', '10.25'], '10.25'],
    ['double', [0.25, 9.5, 10.125], '10.125'],
    ['date', ['2024-01-02', '2023-12-31'], '2024-01-02'],
    ['timestamptz', ['2024-01-02T03:04:05.5Z', '2024-01-02T03:04:05.45+00:00'], '2024-01-02T03:04:05.500000Z'],
    ['text', ['a', 'B', 'ä', 'Z'], 'ä'],
    [
      'uuid',
      ['01890a5d-ac96-774b-bcce-b302099a8057', 'f1890a5d-ac96-774b-bcce-b302099a8057'],
      'f1890a5d-ac96-774b-bcce-b302099a8057',
    ],
    ['boolean', [true, false], 'true'],
    ['boolean', [null, null], ''],
  ])('the greatest %s of %j is %s', async (type, values, greatest) => {
    const target = targetOf({ columns: { c: type }, cursor: 'c' })
    expect(await shared.store.runs.cursors([target])).toStrictEqual(new Map())
    await fetchPages(shared.store, target, [values.map((c) => ({ c }))])
    await fetchPages(shared.store, targetOf({ columns: { c: type }, source: 'other' }), [[{ c: null }]])
    const expected = greatest === '' ? new Map() : new Map([['quotes', greatest]])
    expect(await shared.store.runs.cursors([target, { ...target, source: 'other' }])).toStrictEqual(expected)
    await using run = await shared.store.runs.begin(target, at(9))
    expect(run.cursor).toBe(greatest === '' ? undefined : greatest)
  })

  test('a page that fails keeps everything behind it from being written', async () => {
    const target = targetOf({ columns: { id: 'integer' } })
    const run = await shared.store.runs.begin(target, at(1))
    await run.write(page(1), 'a', never)
    const writes = [run.write([{ id: 'x' }], 'b', never), run.write(page(3), 'c', never)]
    expect((await Promise.allSettled(writes)).map(({ status }) => status)).toStrictEqual(['rejected', 'rejected'])
    await run[Symbol.asyncDispose]()
    await run[Symbol.asyncDispose]()
    expect(await ids(shared.home)).toStrictEqual([1])
    expect((await shared.store.runs.begin(target, at(2))).resumeFrom).toBe('a')
  })

  test('overlapping writes keep their order', async () => {
    await using run = await shared.store.runs.begin(targetOf(merge), at(1))
    await Promise.all([1, 2, 3, 4, 5].map((n) => run.write([{ id: 1, v: `v${n}`, [`c${n}`]: n }], n, never)))
    await run.finish(at(2))
    expect(await shared.home.witness('SELECT v, c1, c5 FROM quotes')).toMatchObject([{ v: 'v5', c1: null }])
  })

  test('a run whose source was removed meanwhile writes nothing any more', async () => {
    await using run = await shared.store.runs.begin(targetOf(), at(1))
    await run.write(page(1), 'a', never)
    await shared.store.runs.forget(['quotes'])
    await shared.store.tables.execute(shared.store.tables.planDelete(targetOf(), 1).sql, never)
    await expect(run.write(page(2), 'b', never)).rejects.toMatchObject({ code: 'run_displaced' })
    expect(await ids(shared.home)).toStrictEqual([])
    expect(await retries(shared.home)).toStrictEqual([])
  })

  test('an aborted write is given up, and the run can be taken up again', async () => {
    const run = await shared.store.runs.begin(targetOf(), at(1))
    await run.write(page(1), 'a', never)
    await expect(run.write(page(2), 'b', AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
    await run[Symbol.asyncDispose]()
    await using next = await shared.store.runs.begin(targetOf(), at(2))
    expect(next.resumeFrom).toBe('a')
  })

  test('facts of tables that do not exist, and of thousands of sources at once', async () => {
    const tables = Array.from({ length: 150 }, (_, index) => ({ table: `missing ${index}`, source: `m${index}` }))
    await fetchPages(shared.store, targetOf({ source: 'it\'s "so" \\ {x},é' }), [page(1)], at(1))
    const odd = targetOf({ source: 'it\'s "so" \\ {x},é' })
    const facts = await shared.store.runs.facts([...tables, odd, { table: 'quotes', source: 'nobody' }])
    expect(facts.size).toBe(152)
    expect(facts.get('m7')).toStrictEqual({ attempt: 0 })
    expect(facts.get('nobody')).toStrictEqual({ attempt: 0 })
    expect(facts.get(odd.source)).toStrictEqual({ lastRunAt: at(1), attempt: 0 })
    expect(await shared.store.runs.facts([])).toStrictEqual(new Map())
  })
})
