import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { eachDatabase, sqliteHome } from './databases.ts'
import { declared, fetchPages, never, targetOf } from './fetches.ts'
import { catalogueColumns } from './table-shapes.ts'

/** Lists within lists, around a text with brackets and a quote. */
function nested(depth: number): unknown {
  return JSON.parse(`${'['.repeat(depth)}"a]\\"]"${']'.repeat(depth)}`)
}

/** What `Table` does when a manifest widens a column while others write. */
async function widen(store: Store, columns: Readonly<Record<string, string>>, key: readonly string[]): Promise<void> {
  await store.tables.alone('quotes', async () => {
    const actual = (await store.tables.shapes(['quotes'])).get('quotes')
    const desired = { name: 'quotes', columns: declared(columns), key, indexes: actual?.indexes ?? [] }
    for (const { sql } of store.tables.plan(desired, actual, { retired: new Set() })) {
      await store.tables.execute(sql, never)
    }
  })
}

eachDatabase('runs and what comes between', ({ home: newHome, dialect }) => {
  test.each(['append', 'merge', 'replace'] as const)('a table that changes during a run: %s', async (write) => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    const key = write === 'append' ? [] : ['id']
    const target = targetOf({ columns: { id: 'integer', amount: 'bigint' }, write, key })
    await using run = await store.runs.begin(target, Date.now())
    await run.write([{ id: 1, amount: 1 }], 1, never)
    await Promise.all([
      run.write([{ id: 2, amount: 2 }], 2, never),
      widen(store, { id: 'integer', amount: 'text', more: 'text' }, key),
      run.write([{ id: 3, amount: '3', more: 'm' }], 3, never),
    ])
    await run.finish(0)
    const rows = await home.witness('SELECT id, amount, more FROM quotes ORDER BY id')
    expect(rows.map((row) => [Number(row['id']), row['amount'], row['more']])).toEqual([
      [1, '1', null],
      [2, '2', null],
      [3, '3', 'm'],
    ])
  })

  test('a column that another source of the table declares is not widened by a run', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    const othersColumns = declared({ price: 'numeric(10,4)' })
    await fetchPages(store, targetOf({ columns: { price: 'numeric(10,4)' } }), [[{ price: 1.5 }]])
    await fetchPages(store, targetOf({ source: 'other', othersColumns }), [[{ price: 2.25 }]])
    await expect(
      fetchPages(store, targetOf({ source: 'third', othersColumns }), [[{ price: 'dear' }]]),
    ).rejects.toMatchObject({ code: 'value_mismatch' })
    const columns = await catalogueColumns(home, 'quotes')
    await fetchPages(store, targetOf({ source: 'first', table: 'alone', othersColumns }), [[{ price: 3 }]])
    expect(await catalogueColumns(home, 'alone')).toEqual(columns)
  })

  test('JSON nested too deep for one of the databases is refused on both', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    const target = targetOf({ columns: { doc: 'json' } })
    await fetchPages(store, target, [[{ doc: nested(1_000), free: nested(1_000) }]])
    for (const record of [{ doc: nested(1_001) }, { free: nested(1_001) }, { doc: nested(100_000) }]) {
      await expect(fetchPages(store, target, [[record]])).rejects.toMatchObject({ code: 'value_mismatch' })
    }
  })

  test('the index of a cursor column that becomes text orders as every database does', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    const target = targetOf({ columns: { id: 'bigint' }, cursor: 'id' })
    await fetchPages(store, target, [[{ id: 9 }, { id: 10 }]])
    await widen(store, { id: 'text' }, [])
    const actual = (await store.tables.shapes(['quotes'])).get('quotes')
    expect(actual?.indexes).toEqual([['id']])
    expect(await store.runs.cursors([target])).toEqual(new Map([['quotes', '9']]))
    if (dialect === 'sqlite') return
    const [index] = await home.witness(`SELECT indexdef FROM pg_indexes WHERE indexdef LIKE '%"C"%'`)
    expect(index?.['indexdef']).toContain('(source_name, id COLLATE "C")')
    await home.witness(`DROP INDEX quotes_hermes_id_${String(index?.['indexdef']).split('hermes_id_')[1]?.slice(0, 8)}`)
    expect((await store.tables.shapes(['quotes'])).get('quotes')?.indexes).toEqual([])
  })
})

test.each(['append', 'merge', 'replace'] as const)('a database thread that dies during a run: %s', async (write) => {
  await using home = await sqliteHome()
  const workers: Worker[] = []
  const onWorker = (message: unknown): void => void workers.push((message as { worker: Worker }).worker)
  subscribe('worker_threads', onWorker)
  await using store = await openStore(home.url)
  unsubscribe('worker_threads', onWorker)
  const target = targetOf({ write, key: write === 'append' ? [] : ['id'] })
  const pages = [0, 50, 100, 150].map((first) => Array.from({ length: 50 }, (_, row) => ({ id: first + row })))
  {
    await using run = await store.runs.begin(target, 1_000)
    await run.write(pages[0] ?? [], 1, never)
    const writing = run.write(pages[1] ?? [], 2, never).catch(() => undefined)
    await Promise.all(workers.map((worker) => worker.terminate()))
    await writing
    await expect(run.write(pages[2] ?? [], 3, never)).rejects.toThrow()
    await expect(run.finish(0)).rejects.toThrow()
  }
  await fetchPages(store, target, pages, 2_000)
  const rows = await home.witness('SELECT id FROM quotes ORDER BY id')
  expect(rows.map(({ id }) => Number(id))).toEqual(pages.flat().map(({ id }) => id))
  expect(await home.witness('SELECT * FROM hermes_retries')).toEqual([])
})

/** Creates and drops tables without a pause. */
const restless = `
  const { workerData } = require('node:worker_threads')
  const db = new (require('node:sqlite').DatabaseSync)(workerData, { timeout: 10_000 })
  db.exec('PRAGMA synchronous = OFF')
  for (;;) db.exec('CREATE TABLE passing (a); DROP TABLE passing')`

test('the catalogue is read while others create tables all the time', async () => {
  await using home = await sqliteHome()
  await using store = await openStore(home.url)
  const file = home.url.slice('sqlite:'.length)
  const names = Array.from({ length: 400 }, (_, index) => `t${index}`)
  {
    using db = new DatabaseSync(file)
    db.exec(`BEGIN; ${names.map((name) => `CREATE TABLE ${name} (a, b, PRIMARY KEY (a, b));`).join('')} COMMIT`)
  }
  const worker = new Worker(restless, { eval: true, workerData: file })
  try {
    for (let turn = 0; turn < 20; turn += 1) expect((await store.tables.shapes(names.slice(0, 64))).size).toBe(64)
  } finally {
    await worker.terminate()
  }
})
