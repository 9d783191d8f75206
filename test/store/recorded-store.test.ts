import { expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { recordedStore, recordWorld } from '../../src/store/recorded-store.ts'
import type { Store } from '../../src/store/store.ts'
import { eachDatabase } from './databases.ts'
import { fetchPages, never, targetOf } from './fetches.ts'
import { shapeOf } from './table-shapes.ts'

/** What was recorded of a store, as it comes back out of a file. */
async function reopened(store: Store): Promise<Store> {
  return recordedStore(JSON.parse(JSON.stringify(await recordWorld(store))))
}

eachDatabase('a recorded world', ({ home: newHome }) => {
  test('answers what the database answers', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    const quotes = { columns: { id: 'bigint', close: 'numeric' }, key: ['id'], write: 'merge' } as const
    await fetchPages(store, targetOf(quotes), [[{ id: 1, close: '1.5', note: 'the value of a row' }, { id: 2 }]])
    await fetchPages(store, targetOf({ ...quotes, source: 'other' }), [[{ id: 1 }]])
    await home.witness('CREATE TABLE theirs (card_number text)')
    await home.witness('CREATE VIEW seen AS SELECT id FROM quotes')
    await using recorded = await reopened(store)

    const names = (await store.tables.names()).toSorted()
    expect(names).toEqual(['quotes', 'seen', 'theirs'])
    expect((await recorded.tables.names()).toSorted()).toEqual(names)
    expect((await recorded.tables.shapes([...names, 'absent'])).get('quotes')).toEqual(
      (await store.tables.shapes(['quotes'])).get('quotes'),
    )
    expect(await recorded.tables.owners(['quotes', 'absent'])).toEqual(await store.tables.owners(['quotes', 'absent']))
    const holdings = ['quotes', 'other', 'nobody'].map((source) => ({ table: 'quotes', source }))
    expect(await recorded.tables.counts(holdings)).toEqual(await store.tables.counts(holdings))
  })

  test('plans with the same SQL', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    await fetchPages(store, targetOf({ columns: { id: 'bigint', close: 'numeric' } }), [[{ id: 1, close: '1.5' }]])
    await using recorded = await reopened(store)
    const desired = shapeOf('quotes', { id: 'integer', volume: 'bigint' }, { key: ['id'] })
    const planOf = async ({ tables }: Store) => {
      const actual = (await tables.shapes(['quotes'])).get('quotes')
      return tables.plan(desired, actual, { retired: new Set(['close']), rows: 1 })
    }
    const steps = await planOf(store)
    expect(steps.map(({ code }) => code)).toContain('column_dropped')
    expect(await planOf(recorded)).toEqual(steps)
  })

  test('holds no row, and of what is not ours only the name', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    await fetchPages(store, targetOf(), [[{ id: 4711, note: 'the value of a row' }]])
    await home.witness('CREATE TABLE theirs (card_number text)')
    const world = await recordWorld(store)
    expect(world.tables.map(({ shape }) => shape.name)).toEqual(['quotes', 'theirs'])
    expect(JSON.stringify(world)).not.toMatch(/4711|the value of a row|card_number/)
    await using recorded = recordedStore(world)
    expect((await recorded.tables.shapes(['theirs'])).get('theirs')?.ours).toBe(false)
  })

  test('refuses to be written to', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    await using recorded = await reopened(store)
    await expect(recorded.ledger.put([], 'r')).rejects.toMatchObject({ code: 'internal' })
    await expect(recorded.tables.execute('DROP TABLE quotes', never)).rejects.toMatchObject({ code: 'internal' })
    await expect(recorded.runs.begin(targetOf(), 0)).rejects.toMatchObject({ code: 'internal' })
  })
})
