import { afterAll, beforeAll, expect, it } from 'vitest'
import { postgresSource } from '../../src/connectors/sources/postgres.ts'
import type { Batch } from '../../src/stream/batch.ts'
import type { Source } from '../../src/stream/source.ts'
import { memoryInUse } from '../memory.ts'
import { never } from './opened.ts'
import { eventually, opened, reading, texts, thrown } from './opened-stream.ts'
import { type OwnPostgres, onOwnPostgres, ownPostgres } from './own-postgres.ts'

let server: OwnPostgres
let count = 0

const fresh = (what: string): string => {
  count += 1
  return `${what}_${count}`
}

function open(changes: object, more: object = {}) {
  return opened(postgresSource, { url: server.url(), changes, ...more })
}

type Change = Record<string, unknown> & { readonly after: Record<string, unknown> }

const parsed = (read: readonly string[]): Change[] => read.map((text) => JSON.parse(text) as Change)
const idsOf = (batches: readonly Batch[]): (string | undefined)[] =>
  batches.flatMap((batch) => Array.from({ length: batch.size }, (_, index) => batch.meta(index).id))

/** Reads behind a position until so many messages are there, and acknowledges nothing. */
async function some(source: Source, least: number, from?: unknown) {
  const stop = new AbortController()
  const batches: Batch[] = []
  for await (const batch of source.read(from, stop.signal, never)) {
    batches.push(batch)
    if (batches.reduce((sum, { size }) => sum + size, 0) >= least) stop.abort()
  }
  return { batches, texts: batches.flatMap(texts), ids: idsOf(batches), position: batches.at(-1)?.position }
}

const slotOf = async (slot: string) =>
  (
    await server.sql('SELECT *, confirmed_flush_lsn::text lsn FROM pg_replication_slots WHERE slot_name = $1', [slot])
  )[0]
const isBehind = async (slot: string, lsn: unknown): Promise<boolean> =>
  (await server.sql('SELECT $1::pg_lsn > $2::pg_lsn AS behind', [lsn, (await slotOf(slot))?.['lsn']]))[0]?.[
    'behind'
  ] === true
const now = async (): Promise<unknown> => (await server.sql('SELECT pg_current_wal_lsn()::text lsn'))[0]?.['lsn']

onOwnPostgres('the postgres source following changes', () => {
  beforeAll(async () => {
    server = await ownPostgres({ wal_sender_timeout: '2500ms' })
  }, 60_000)
  afterAll(() => server[Symbol.asyncDispose]())

  it('gives the rows that are there, then every change', async () => {
    const [table, slot] = [fresh('orders'), fresh('hermes_slot')]
    await server.sql(`CREATE TABLE ${table} (id int PRIMARY KEY, note text, price numeric)`)
    await server.sql(`INSERT INTO ${table} VALUES (1, 'a', 1.50), (2, NULL, 12345678901234567890.123456789)`)
    await using source = await open({ tables: [`public.${table}`], slot })
    await source.ping(never)
    await using read = reading(source, true)
    await read.until(2)
    await server.sql(`INSERT INTO ${table} VALUES (3, 'c', 'NaN')`)
    await server.sql(`UPDATE ${table} SET note = 'b' WHERE id = 2`)
    await server.sql(`UPDATE ${table} SET id = 4 WHERE id = 3`)
    await server.sql(`DELETE FROM ${table} WHERE id = 1`)
    await server.sql(`TRUNCATE ${table}`)
    await read.until(8)
    const [first, second, insert, update, moved, came, remove, truncate] = parsed(read.got)
    expect(first).toEqual({
      op: 'snapshot',
      schema: 'public',
      table,
      key: { id: 1 },
      after: { id: 1, note: 'a', price: 1.5 },
    })
    expect(read.got[1]).toContain('"price":12345678901234567890.123456789')
    expect(second).toMatchObject({ key: { id: 2 }, after: { note: null } })
    expect(insert).toMatchObject({ op: 'insert', key: { id: 3 }, after: { id: 3, note: 'c', price: 'NaN' } })
    expect(insert).toMatchObject({ lsn: expect.stringMatching(/^\w+\/\w+$/), transaction: expect.any(Number) })
    expect(insert?.['commitTime']).toMatch(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
    expect(Math.abs(Date.parse(String(insert?.['commitTime'])) - Date.now())).toBeLessThan(60_000)
    expect(update).toMatchObject({ op: 'update', key: { id: 2 }, after: { note: 'b' } })
    expect(moved).toMatchObject({ op: 'delete', key: { id: 3 } })
    expect(came).toMatchObject({ op: 'insert', key: { id: 4 }, after: { note: 'c' } })
    expect(remove).toMatchObject({ op: 'delete', key: { id: 1 } })
    expect(truncate).toMatchObject({ op: 'truncate', table })
    expect(new Set(idsOf(read.batches)).size).toBe(8)
    expect(read.batches[1]?.meta(0).key).toBe(`public.${table}{"id":1}`)
  })

  it('confirms what is acknowledged and nothing else, and all of it while nothing is on its way', async () => {
    const [table, slot, other] = [fresh('t'), fresh('hermes_slot'), fresh('other')]
    await server.sql(`CREATE TABLE ${table} (id int PRIMARY KEY)`)
    await server.sql(`CREATE TABLE ${other} (id int)`)
    await using source = await open({ tables: [table], slot })
    await using read = reading(source)
    await server.streaming(slot)
    await server.sql(`INSERT INTO ${table} VALUES (1)`)
    await read.until(1)
    await server.sql(`INSERT INTO ${table} VALUES (2)`)
    await read.until(2)
    // Several times as long as the server waits for a sign of life.
    await new Promise((resolve) => setTimeout(resolve, 6_000))
    expect((await slotOf(slot))?.['active']).toBe(true)
    const [first, second] = read.batches.slice(-2).map(({ position }) => position as { flush: string })
    expect(await isBehind(slot, first?.flush)).toBe(true)
    source.ack?.(first)
    await eventually(async () => expect((await slotOf(slot))?.['lsn']).toBe(first?.flush))
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    expect(await isBehind(slot, second?.flush)).toBe(true)
    source.ack?.(read.batches.at(-1)?.position)
    await server.sql(`INSERT INTO ${other} SELECT generate_series(1, 10000)`)
    const end = await now()
    await eventually(async () => expect(await isBehind(slot, end)).toBe(false), 10_000)
    await read[Symbol.asyncDispose]()
  })

  it('acknowledges what was read before it stopped', async () => {
    const [table, slot] = [fresh('t'), fresh('hermes_slot')]
    await server.sql(`CREATE TABLE ${table} (id int PRIMARY KEY)`)
    const source = await open({ tables: [table], slot })
    const read = reading(source)
    await server.streaming(slot)
    await server.sql(`INSERT INTO ${table} VALUES (1)`)
    const behind = await now()
    await read.until(1)
    await read[Symbol.asyncDispose]()
    source.ack?.(read.batches.at(-1)?.position)
    await source[Symbol.asyncDispose]()
    await source[Symbol.asyncDispose]()
    await eventually(async () => expect((await slotOf(slot))?.['active']).toBe(false))
    expect(await isBehind(slot, behind)).toBe(false)
  })

  it('goes on in the middle of a transaction, with the same ids', async () => {
    const [table, slot] = [fresh('t'), fresh('hermes_slot')]
    await server.sql(`CREATE TABLE ${table} (id int PRIMARY KEY)`)
    const source = await open({ tables: [table], slot, batch: 7 })
    const begin = reading(source)
    await server.streaming(slot)
    await begin[Symbol.asyncDispose]()
    const start = begin.batches.at(-1)?.position
    await server.sql(`INSERT INTO ${table} SELECT generate_series(1, 100)`)
    const whole = await some(source, 100, start)
    const part = await some(source, 30, start)
    expect(part.texts.length).toBeLessThan(60)
    const rest = await some(source, 100 - part.texts.length, part.position)
    expect([...part.ids, ...rest.ids]).toEqual(whole.ids)
    expect([...part.texts, ...rest.texts]).toEqual(whole.texts)
    expect(new Set(whole.ids).size).toBe(100)
    await source[Symbol.asyncDispose]()
    // Without a position: the slot gives all of it again, under the same ids.
    await using again = await open({ tables: [table], slot, snapshot: 'never' })
    expect((await some(again, 100)).ids).toEqual(whole.ids)
  })

  it('goes on in the middle of a snapshot, and misses nothing that changed meanwhile', async () => {
    const [table, bare, slot] = [fresh('t'), fresh('bare'), fresh('hermes_slot')]
    await server.sql(`CREATE TABLE ${table} (a text, b int, note text, PRIMARY KEY (b, a))`)
    await server.sql(`INSERT INTO ${table} SELECT 'O''Hara "' || n % 3, n, 'first' FROM generate_series(1, 500) n`)
    await server.sql(`CREATE TABLE ${bare} (n int)`)
    await server.sql(`INSERT INTO ${bare} SELECT generate_series(1, 50)`)
    const config = { tables: [table, bare], slot, batch: 50, operations: ['insert', 'truncate'] }
    const first = await open(config)
    const part = await some(first, 200)
    await first[Symbol.asyncDispose]()
    expect(part.texts.length).toBeLessThan(400)
    await server.sql(`INSERT INTO ${table} VALUES ('between', 1, 'later'), ('between', 450, 'later')`)
    const second = await open(config)
    const rest = await some(second, 553 - part.texts.length, JSON.parse(JSON.stringify(part.position)))
    const all = parsed([...part.texts, ...rest.texts])
    const keys = new Set(all.filter((each) => each['table'] === table).map(({ key }) => JSON.stringify(key)))
    expect(all.filter((each) => each['table'] === bare)).toHaveLength(50)
    expect(keys.size).toBe(502)
    expect(all.filter(({ op }) => op === 'insert')).toHaveLength(2)
    await second[Symbol.asyncDispose]()
    // The position was lost before it was saved: all rows again, under the ids that they had.
    await using third = await open(config)
    const again = await some(third, 552)
    expect(again.ids).toEqual(expect.arrayContaining(part.ids))
  })

  it('keeps a transaction of 100,000 rows in small batches, while nobody takes them, and the server waits', async () => {
    const [table, slot] = [fresh('t'), fresh('hermes_slot')]
    await server.sql(`CREATE TABLE ${table} (id int PRIMARY KEY, note text)`)
    await using source = await open({ tables: [table], slot })
    const stop = new AbortController()
    const seen = new Set<string | undefined>()
    let largest = 0
    let held = 0
    const writing = server
      .streaming(slot)
      .then(() => server.sql(`INSERT INTO ${table} SELECT n, repeat('x', 500) FROM generate_series(1, 100000) n`))
    const { arrayBuffers: before } = await memoryInUse()
    for await (const batch of source.read(undefined, stop.signal, never)) {
      if (batch.size === 0) continue
      if (seen.size === 0) {
        // Longer than the server waits for a sign of life; all of it is 60 MB.
        await new Promise((resolve) => setTimeout(resolve, 6_000))
        held = process.memoryUsage().arrayBuffers - before
      }
      largest = Math.max(largest, batch.size)
      for (const id of idsOf([batch])) seen.add(id)
      source.ack?.(batch.position)
      if (seen.size === 100_000) stop.abort()
    }
    await writing
    expect(largest).toBe(1_000)
    expect(held).toBeLessThan(30_000_000)
  }, 60_000)

  it('ends at once when it is aborted while it makes a slot that waits for a transaction', async () => {
    const [table, slot] = [fresh('t'), fresh('hermes_slot')]
    await server.sql(`CREATE TABLE ${table} (id int PRIMARY KEY)`)
    await server.sql('CREATE DATABASE waiting').catch(() => undefined)
    await server.sql(`BEGIN; INSERT INTO ${table} VALUES (1)`)
    await using source = await open({ tables: [table], slot })
    const read = reading(source)
    await eventually(async () =>
      expect((await server.sql('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1', [slot])).length).toBe(1),
    )
    await read[Symbol.asyncDispose]()
    await server.sql('COMMIT')
    await eventually(async () => expect((await slotOf(slot))?.['active'] ?? false).toBe(false))
    await using again = reading(source)
    await again.until(1)
  })

  it('waits while another one reads from the slot, and says so', async () => {
    const [table, slot] = [fresh('t'), fresh('hermes_slot')]
    await server.sql(`CREATE TABLE ${table} (id int PRIMARY KEY)`)
    const first = await open({ tables: [table], slot })
    const holding = reading(first)
    await server.streaming(slot)
    await using second = await open({ tables: [table], slot })
    await using waiting = reading(second)
    await server.sql(`INSERT INTO ${table} VALUES (1)`)
    await holding.until(1)
    expect(waiting.got).toEqual([])
    await holding[Symbol.asyncDispose]()
    await first[Symbol.asyncDispose]()
    await waiting.until(1, 20_000)
  }, 40_000)

  it('says when changes were lost: the slot is gone, or another server answers', async () => {
    const [table, slot] = [fresh('t'), fresh('hermes_slot')]
    await server.sql(`CREATE TABLE ${table} (id int PRIMARY KEY)`)
    await server.sql(`INSERT INTO ${table} VALUES (1)`)
    const first = await open({ tables: [table], slot })
    const { position } = await some(first, 1)
    await first[Symbol.asyncDispose]()
    const elsewhere = { ...(position as object), system: '1' }
    await using source = await open({ tables: [table], slot })
    expect((await thrown(some(source, 1, elsewhere))).code).toBe('changes_lost')
    await server.sql('SELECT pg_drop_replication_slot($1)', [slot])
    const error = await thrown(some(source, 1, position))
    expect(error.code).toBe('changes_lost')
    expect(error.fix).toContain('another name')
    // Which begins anew.
    await using anew = await open({ tables: [table], slot: `${slot}_b` })
    expect((await some(anew, 1, position)).texts).toHaveLength(1)
  })
})
