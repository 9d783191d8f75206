import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import type { Messages, MessageTarget } from '../../src/store/workflow-store.ts'
import type { Meta } from '../../src/stream/batch.ts'
import { bytesBatch, valueBatch } from '../../src/stream/batches.ts'
import { eachDatabase, type Home } from './databases.ts'
import { declared, never } from './fetches.ts'
import { sharedStore } from './shared-store.ts'

function target(more: Partial<MessageTarget> = {}): MessageTarget {
  return {
    workflow: 'ticks',
    table: 'ticks_raw',
    primaryKey: ['id'],
    columns: [],
    write: 'merge',
    evolve: 'additive',
    ...more,
  }
}

/** Messages with ids m0, m1, … unless others are given. */
function messages(values: readonly unknown[], ids: readonly (string | undefined)[] = values.map((_, i) => `m${i}`)) {
  const metas = ids.map((id): Meta => (id === undefined ? {} : { id }))
  return valueBatch(values, undefined, metas)
}

async function write(store: Store, to: MessageTarget, batch: Messages, position?: unknown) {
  await using table = store.messages.open(to)
  const options = position === undefined ? {} : { checkpoint: { workflow: to.workflow, position } }
  return await table.write(batch, options, never)
}

const all = (home: Home, columns: string, order = columns) =>
  home.witness(`SELECT ${columns} FROM ticks_raw ORDER BY ${order}`)

eachDatabase('message tables', ({ dialect, home: newHome }) => {
  const shared = sharedStore(newHome)

  test('messages become rows under the workflow: merged by key, the last of a batch wins', async () => {
    const { store, home } = shared
    const batch = messages([
      { id: 1, v: 'a' },
      { id: 2, v: 'b' },
      { id: 1, v: 'c' },
    ])
    expect(await write(store, target(), batch)).toStrictEqual({ refused: [], checkpointed: false })
    await write(store, target(), messages([{ id: 2, v: 'd', extra: 1.5 }]))
    expect(await all(home, 'source_name, id, v, extra', 'id')).toMatchObject([
      { source_name: 'ticks', v: 'c', extra: null },
      { source_name: 'ticks', v: 'd', extra: 1.5 },
    ])
    const [shape] = (await store.tables.shapes(['ticks_raw'])).values()
    expect(shape).toMatchObject({ key: ['id'], ours: true, runIndex: true })
  })

  test('without a primary key a message is known by its id, and its field of that name keeps a place', async () => {
    const { store, home } = shared
    const byId = target({ primaryKey: [] })
    const batch = messages([{ v: 1, message_id: 'mine' }, { v: 2 }], ['a', 'b\0'])
    await write(store, byId, batch)
    await write(store, byId, batch)
    const rows = await all(home, '*', 'message_id')
    expect(rows).toMatchObject([{ message_id: 'a' }, { message_id: 'b\uFFFD' }])
    expect(Object.entries(rows[0] ?? {}).find(([name]) => name.startsWith('message_id_'))?.[1]).toBe('mine')
  })

  test.each(['append', 'merge'] as const)('%s of a message that is there', async (mode) => {
    const { store, home } = shared
    await write(store, target({ write: mode }), messages([{ id: 1, v: 'old' }]))
    await write(store, target({ write: mode }), messages([{ id: 1, v: 'new' }]))
    expect(await all(home, 'v')).toStrictEqual([{ v: mode === 'append' ? 'old' : 'new' }])
  })

  test('a json column takes messages whole, whatever they are', async () => {
    const { store, home } = shared
    const whole = target({ primaryKey: [], json: 'payload' })
    const texts = ['{"a":[1,{"b":"\\u0000x"}]}', '[1]', '"t"', '12345678901234567890.5', 'null', 'true']
    const batch = bytesBatch(
      texts.map((text) => new TextEncoder().encode(text)),
      { metas: texts.map((_, index) => ({ id: `${index}` })) },
    )
    expect(await write(store, whole, batch)).toMatchObject({ refused: [] })
    const stored = (await all(home, 'payload', 'message_id')).map(({ payload }) => String(payload).replaceAll(' ', ''))
    expect(stored).toStrictEqual([texts[0]?.replace('\\u0000', '\uFFFD'), ...texts.slice(1)])
    expect(await home.witness('SELECT * FROM ticks_raw LIMIT 1')).toHaveLength(1)
    expect([...(await store.tables.shapes(['ticks_raw'])).values()][0]?.columns.map(({ name }) => name)).toStrictEqual([
      'message_id',
      'payload',
    ])
  })

  test('beside a json column the key and declared columns are filled from the message', async () => {
    const { store, home } = shared
    const to = target({ json: 'raw', columns: [{ name: 'price', type: { type: 'numeric' }, from: 'data.p' }] })
    const batch = messages([{ id: 'x', data: { p: '1.5', other: 1 }, more: 2 }, { data: {} }, [1]])
    expect(await write(store, to, batch)).toStrictEqual({
      refused: [
        { index: 1, reason: 'it has no value in id' },
        { index: 2, reason: 'it is [1]' },
      ],
      checkpointed: false,
    })
    expect(await all(home, 'id, price, raw')).toMatchObject([
      { id: 'x', price: '1.5', raw: expect.stringMatching(/"more": ?2/) },
    ])
    expect([...(await store.tables.shapes(['ticks_raw'])).values()][0]?.columns).toHaveLength(3)
  })

  test('a message that has no place is refused with field and reason, the others are written', async () => {
    const { store, home } = shared
    const to = target({ columns: declared({ price: 'numeric(6,2)' }) })
    const good = [{ id: 1, price: '1.25' }, { id: 2, price: null }, { id: 3 }]
    const bad = [{ id: 4, price: 'much', poison: 1 }, { price: '1.00', poison: 1 }, 'text', null]
    const batch = messages([good[0], bad[0], good[1], bad[1], bad[2], good[2], bad[3]])
    for (const round of [1, 2]) {
      expect(await write(store, to, batch, { round }), `round ${round}`).toStrictEqual({
        refused: [
          { index: 1, reason: 'column price is numeric(6,2); it has "much"' },
          { index: 3, reason: 'it has no value in id' },
          { index: 4, reason: 'it is "text"' },
          { index: 6, reason: 'it is null' },
        ],
        checkpointed: false,
      })
      expect((await all(home, 'id')).map(({ id }) => Number(id))).toStrictEqual([1, 2, 3])
    }
    // What is refused leaves no column behind, and moves no checkpoint: its dead letter comes first.
    expect([...(await store.tables.shapes(['ticks_raw'])).values()][0]?.columns.map(({ name }) => name)).toEqual(
      expect.not.arrayContaining(['poison']),
    )
    expect(await store.checkpoints.read()).toStrictEqual(new Map())
  })

  test('a message without an id, or whose payload is none, is refused by itself', async () => {
    const payloads = ['{"v":1}', '{"v":', '{"v":2}'].map((text) => new TextEncoder().encode(text))
    const metas = [{ id: 'a' }, { id: 'b' }, {}]
    const { refused } = await write(shared.store, target({ primaryKey: [] }), bytesBatch(payloads, { metas }))
    expect(refused).toMatchObject([
      { index: 1, reason: expect.stringContaining('not JSON') },
      { index: 2, reason: 'it has no id' },
    ])
    expect(await all(shared.home, 'message_id')).toStrictEqual([{ message_id: 'a' }])
  })

  test('where nothing is left no table is made', async () => {
    const { refused } = await write(
      shared.store,
      target(),
      messages(Array.from({ length: 3_000 }, () => ({ v: 1 }))),
      1,
    )
    expect(refused).toHaveLength(3_000)
    expect(await shared.store.tables.shapes(['ticks_raw'])).toStrictEqual(new Map())
    expect(await shared.store.checkpoints.read()).toStrictEqual(new Map())
  })

  test('rows and checkpoint commit together, or neither does', async () => {
    const { store, home } = shared
    expect(await write(store, target(), messages([{ id: 1 }]), { at: 1 })).toMatchObject({ checkpointed: true })
    expect(await store.checkpoints.read()).toStrictEqual(new Map([['ticks', { at: 1 }]]))
    expect(await write(store, target(), messages([]), { at: 2 })).toMatchObject({ checkpointed: true })
    expect(await store.checkpoints.read()).toStrictEqual(new Map([['ticks', { at: 2 }]]))
    // A checkpoint that cannot be written takes the rows with it.
    await home.witness('ALTER TABLE hermes_checkpoints RENAME TO elsewhere')
    await expect(write(store, target(), messages([{ id: 2 }]), { at: 3 })).rejects.toMatchObject({
      code: 'database_error',
    })
    await home.witness('ALTER TABLE elsewhere RENAME TO hermes_checkpoints')
    expect(await all(home, 'id')).toHaveLength(1)
    expect(await store.checkpoints.read()).toStrictEqual(new Map([['ticks', { at: 2 }]]))
  })

  test('what the database itself refuses is found among thousands', async () => {
    const { store, home } = shared
    await write(store, target(), messages([{ id: -1, v: 0 }]))
    await home.witness(
      dialect === 'postgres'
        ? 'ALTER TABLE ticks_raw ADD CONSTRAINT small CHECK (v < 5000)'
        : `CREATE TRIGGER small BEFORE INSERT ON ticks_raw WHEN NEW.v >= 5000 BEGIN SELECT RAISE(ABORT, 'small'); END`,
    )
    const values = Array.from({ length: 2_000 }, (_, id) => ({ id, v: id === 700 || id === 1999 ? 9_999 : id }))
    const { refused, checkpointed } = await write(store, target(), messages(values), 1)
    expect(refused).toMatchObject([
      { index: 700, reason: expect.stringContaining('small') },
      { index: 1_999, reason: expect.stringContaining('small') },
    ])
    expect(checkpointed).toBe(false)
    expect((await home.witness('SELECT count(*) AS n FROM ticks_raw')).map(({ n }) => Number(n))).toStrictEqual([1_999])
  })

  test('a message with more fields than a table has room for is refused, and its fields make no columns', async () => {
    const { store } = shared
    const wide = Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`f${index}`, index]))
    const { refused } = await write(store, target(), messages([{ id: 1 }, { id: 2, ...wide }, { id: 3 }]))
    expect(refused).toMatchObject([{ index: 1, reason: expect.stringContaining('columns') }])
    expect([...(await store.tables.shapes(['ticks_raw'])).values()][0]?.columns).toHaveLength(1)
  })

  test('columns grow wider with what comes, and frozen ones do not', async () => {
    const { store, home } = shared
    await using table = store.messages.open(target())
    const values = [1, 2.5, '12345678901234567890', { a: 1 }]
    for (const [id, v] of values.entries()) await table.write(messages([{ id, v }]), {}, never)
    const texts = (await all(home, 'v', 'id')).map(({ v }) => String(v))
    expect(texts).toStrictEqual(['1', '2.5', '12345678901234567890', '{"a":1}'])
    const frozen = target({ table: 'frozen', evolve: 'freeze', columns: declared({ a: 'integer' }) })
    await write(store, frozen, messages([{ id: 1, a: 1, b: 2 }]))
    expect(await home.witness('SELECT * FROM frozen')).toMatchObject([{ a: 1 }])
    expect((await home.witness('SELECT * FROM frozen'))[0]).not.toHaveProperty('b')
  })

  test('a column becomes as wide as it is declared, the key too, and never narrower', async () => {
    const { store, home } = shared
    const big = 99_999_999_999_999
    const narrow = target({ columns: declared({ id: 'integer', v: 'numeric' }) })
    const wide = target({ columns: declared({ id: 'bigint', v: 'text' }) })
    await write(store, narrow, messages([{ id: 1, v: 1.5 }]))
    expect((await write(store, narrow, messages([{ id: big, v: 2 }]))).refused).toHaveLength(1)
    const after = await write(store, wide, messages([{ id: big, v: 'x' }]))
    expect(after.refused).toStrictEqual([])
    expect((await write(store, narrow, messages([{ id: big + 1, v: 'y' }]))).refused).toStrictEqual([])
    const rows = await all(home, 'id, v', 'id')
    expect(rows.map(({ id, v }) => `${String(id)} ${String(v)}`)).toStrictEqual(['1 1.5', `${big} x`, `${big + 1} y`])
  })

  test('a table that goes away or changes meanwhile is made again by the next try', async () => {
    const { store, home } = shared
    await using table = store.messages.open(target())
    await table.write(messages([{ id: 1, v: 'a' }]), {}, never)
    await home.witness('DROP TABLE ticks_raw')
    await expect(table.write(messages([{ id: 2, v: 'b' }]), {}, never)).rejects.toMatchObject({ next: 'retry' })
    await table.write(messages([{ id: 2, v: 'b' }]), {}, never)
    expect(await all(home, 'v')).toStrictEqual([{ v: 'b' }])
    await store.tables.alone('ticks_raw', () => home.witness('ALTER TABLE ticks_raw ADD COLUMN w bigint'))
    await table.write(messages([{ id: 3, v: 'c', w: 5 }]), {}, never)
    expect((await all(home, 'w')).map(({ w }) => Number(w)).toSorted((a, b) => a - b)).toStrictEqual([0, 5])
  })

  test("somebody else's table, and one with another key, are refused as a whole", async () => {
    const { store, home } = shared
    await home.witness('CREATE TABLE ticks_raw (id integer)')
    await expect(write(store, target(), messages([{ id: 1 }]))).rejects.toMatchObject({ code: 'table_foreign' })
    await write(store, target({ table: 'other' }), messages([{ id: 1, k: 1 }]))
    const rekeyed = target({ table: 'other', primaryKey: ['k'] })
    await expect(write(store, rekeyed, messages([{ id: 1, k: 1 }]))).rejects.toMatchObject({ code: 'not_converged' })
  })

  test('a target that would fill one column twice is refused', () => {
    const { messages: tables } = shared.store
    for (const wrong of [
      { primaryKey: [], columns: declared({ Message_ID: 'text' }) },
      { json: 'raw', columns: declared({ raw: 'text' }) },
      { json: 'id' },
    ]) {
      expect(() => tables.open(target(wrong)), JSON.stringify(wrong)).toThrow(/filled twice/)
    }
  })

  test('writes of one table are carried out in order, and an abort leaves the rest usable', async () => {
    const { store, home } = shared
    await using table = store.messages.open(target())
    const reason = new Error('stop')
    const writes = [1, 2, 3].map((v) => table.write(messages([{ id: 1, v }]), {}, never))
    await expect(table.write(messages([{ id: 1, v: 4 }]), {}, AbortSignal.abort(reason))).rejects.toBe(reason)
    await Promise.all(writes)
    await table.write(messages([{ id: 2, v: 5 }]), {}, never)
    expect((await all(home, 'v')).map(({ v }) => Number(v))).toStrictEqual([3, 5])
  })

  test('rows are counted right after every batch, though the clock stands still', async () => {
    await using store = await openStore(shared.home.url, { clock: { ...systemClock, now: () => 1_700_000_000_000.5 } })
    await using table = store.messages.open(target())
    for (const id of [1, 2, 3]) {
      await table.write(messages([{ id }]), {}, never)
      const counts = await store.tables.counts([{ table: 'ticks_raw', source: 'ticks' }])
      expect(counts.get('ticks_raw/ticks')).toBe(id)
    }
  })

  test('several workflows fill one table at once while it grows, and rows are counted right in between', async () => {
    const { store } = shared
    const names = ['a', 'b', 'c']
    const tables = names.map((workflow) => store.messages.open(target({ workflow })))
    for (let round = 1; round <= 10; round++) {
      await Promise.all(
        tables.map((table, index) =>
          table.write(messages([{ id: round, [`of_${names[index]}_${round}`]: round }]), {}, never),
        ),
      )
      const holdings = names.map((source) => ({ table: 'ticks_raw', source }))
      expect([...(await store.tables.counts(holdings)).values()]).toStrictEqual([round, round, round])
    }
    for (const table of tables) await table[Symbol.asyncDispose]()
    expect([...(await store.tables.shapes(['ticks_raw'])).values()][0]?.columns).toHaveLength(31)
  })
})
