import { expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import type { StoredResource } from '../../src/store/store.ts'
import { eachDatabase } from './databases.ts'

function resource(name: string, hash: string, spec: unknown = { hash }, line = 1): StoredResource {
  return { kind: 'SourceDefinition', name, at: { file: 'a.yaml', line, column: 1 }, hash, spec }
}

const clockAt = (now: number) => ({ now: () => now, sleep: () => Promise.resolve() })
const key = (name: string) => `SourceDefinition/${name}`

eachDatabase('the ledger', ({ home: newHome }) => {
  test('claims: put, settle, put again, settle', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url, { clock: clockAt(1_700_000_000_000) })
    const only = async () => (await store.ledger.entries())[0]
    await store.ledger.put([resource('a', 'h1')], 'r1')
    expect(await only()).toEqual({
      kind: 'SourceDefinition',
      name: 'a',
      at: { file: 'a.yaml', line: 1, column: 1 },
      revision: 'r1',
      registeredAt: 1_700_000_000_000,
      intents: [{ hash: 'h1', spec: { hash: 'h1' } }],
    })
    await using later = await openStore(home.url, { clock: clockAt(1_800_000_000_000) })
    await later.ledger.put([resource('a', 'h1', {}, 7)], 'r2')
    await later.ledger.put([resource('a', 'h2')], 'r3')
    await later.ledger.put([resource('a', 'h1')], 'r4')
    await later.ledger.approve([key('a')], 'token')
    expect(await only()).toMatchObject({ revision: 'r4', registeredAt: 1_700_000_000_000, approved: 'token' })
    expect((await only())?.intents.map((each) => each.hash)).toEqual(['h1', 'h2', 'h1'])

    await store.ledger.settle([key('a')])
    expect(await only()).toMatchObject({ settled: { hash: 'h1', spec: { hash: 'h1' } }, intents: [] })
    expect(await only()).not.toHaveProperty('approved')
    // The settled claim is the newest one known: putting it again adds nothing, settling again changes nothing.
    await store.ledger.put([resource('a', 'h1', {}, 9)], 'r5')
    await store.ledger.settle([key('a')])
    expect(await only()).toMatchObject({ revision: 'r5', at: { line: 9 }, settled: { hash: 'h1' }, intents: [] })
    await store.ledger.put([resource('a', 'h3')], 'r6')
    expect(await only()).toMatchObject({ settled: { hash: 'h1' }, intents: [{ hash: 'h3' }] })
    await store.ledger.delete([key('a'), key('absent')])
    expect(await store.ledger.entries()).toEqual([])
  })

  test('specs and names come back as they were, whatever is in them', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    const spec = {
      text: `'"\\ ; \u0000 \u2028 💶 $1 ? [] {}`,
      lone: '\ud800',
      nested: [[[]], {}, null, true, -0.5, 1e21],
      '': { __proto__x: 1 },
    }
    const name = `o'"\\é/x`
    await store.ledger.put([resource(name, 'h1', spec), resource('plain', 'p')], 'r1')
    await store.ledger.put([resource(name, 'h2', [spec])], 'r2')
    await store.ledger.settle([key(name)])
    await store.ledger.put([resource(name, 'h3', spec)], 'r3')
    const entry = (await store.ledger.entries()).find((each) => each.name === name)
    expect(entry).toMatchObject({ settled: { hash: 'h2', spec: [spec] }, intents: [{ hash: 'h3', spec }] })
  })

  test('a put that fails in the middle leaves nothing', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    const many = Array.from({ length: 600 }, (_, index) => resource(`s${index}`, 'h'))
    const broken = { ...resource('bad', 'h'), name: null as unknown as string }
    await expect(store.ledger.put([...many, broken], 'r')).rejects.toMatchObject({ code: 'database_error' })
    expect(await home.witness('SELECT name FROM hermes_resources')).toEqual([])
    await store.ledger.put(many, 'r')
    expect(await store.ledger.entries()).toHaveLength(600)
  })

  test('ten thousand resources at once, without holding the main thread up', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    const spec = { http: { path: '/x', records: 'data' }, table: { columns: { a: 'text', b: 'bigint' } } }
    const many = Array.from({ length: 10_000 }, (_, index) => resource(`source-${index}`, `hash-${index}`, spec))
    const keys = many.map((each) => key(each.name))
    const started = performance.now()
    await store.ledger.put(many, 'r1')
    const put = performance.now() - started
    await store.ledger.settle(keys)
    expect(await store.ledger.entries()).toHaveLength(10_000)
    await store.ledger.delete(keys)
    expect(await store.ledger.entries()).toHaveLength(0)
    expect(put).toBeLessThan(4_000)
  })
})
