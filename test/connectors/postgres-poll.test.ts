import { Client } from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { postgresSource } from '../../src/connectors/sources/postgres.ts'
import type { Batch } from '../../src/stream/batch.ts'
import { never } from './opened.ts'
import { eventually, opened, reading, thrown } from './opened-stream.ts'
import { type OwnPostgres, onOwnPostgres, ownPostgres } from './own-postgres.ts'

let server: OwnPostgres
let count = 0
const fresh = (): string => {
  count += 1
  return `polled_${count}`
}

const open = (poll: object, more: object = {}) =>
  opened(postgresSource, { url: server.url(), poll: { every: '20ms', ...poll }, ...more })

const idsOf = (texts: readonly string[]) => texts.map((text) => (JSON.parse(text) as { id: number }).id)
const metaIds = (batches: readonly Batch[]) =>
  batches.flatMap((batch) => Array.from({ length: batch.size }, (_, index) => batch.meta(index).id))

async function session(): Promise<Client & AsyncDisposable> {
  const client = new Client({ connectionString: server.url() })
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}

const running = () => server.sql("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT q.*%' AND state = 'active'")

onOwnPostgres('the postgres source that asks again and again', () => {
  beforeAll(async () => {
    // It works where logical replication does not.
    server = await ownPostgres({ wal_level: 'replica' })
  }, 60_000)
  afterAll(() => server[Symbol.asyncDispose]())

  it.each([
    ['timestamptz', "timestamptz '2026-01-01 00:00:00.000001+00' + (n / 10) * interval '1 microsecond'"],
    ['timestamp', "timestamp 'infinity'"],
    ['date', "date '2026-01-01' + n / 10"],
    ['bigint', '9007199254740993 + n / 10'],
    ['numeric', '1.000000000000000000001 * (n / 10)'],
    ['uuid', "('00000000-0000-0000-0000-' || lpad((n / 10)::text, 12, '0'))::uuid"],
    ['text', "'it''s \"\\x ' || lpad((n / 10)::text, 5, '0')"],
    ['char(8)', "lpad((n / 10)::text, 5, '0')"],
    ['double precision', '(n / 10) * 0.1'],
  ])('goes on behind every row by a cursor of %s, many of one value', async (type, value) => {
    const table = fresh()
    await server.sql(`CREATE TABLE ${table} (id int, part text, at ${type}, PRIMARY KEY (part, id))`)
    await server.sql(`INSERT INTO ${table} SELECT n, 'p', ${value} FROM generate_series(1, 100) n`)
    await server.sql(`INSERT INTO ${table} VALUES (0, 'p', NULL)`)
    await using source = await open({ table, cursor: 'at', batch: 7 })
    const first: number[] = []
    let position: unknown
    for await (const batch of source.read(undefined, never, never)) {
      first.push(...batch.values().map((row) => (row as { id: number }).id))
      ;({ position } = batch)
      if (first.length >= 30) break
    }
    await using again = await open({ table, cursor: 'at', batch: 7 })
    for await (const batch of again.read(JSON.parse(JSON.stringify(position)), never, never)) {
      first.push(...batch.values().map((row) => (row as { id: number }).id))
      if (first.length >= 100) break
    }
    expect(first).toEqual(Array.from({ length: 100 }, (_, index) => index + 1))
  })

  it('gives a row again when its cursor grew, under another id, and one with NULL when it has a value', async () => {
    const table = fresh()
    await server.sql(`CREATE TABLE ${table} (id int PRIMARY KEY, version int)`)
    await server.sql(`INSERT INTO ${table} VALUES (1, 1), (2, NULL), (3, 2)`)
    await using source = await open({ table: `public.${table}`, cursor: 'version' })
    await using read = reading(source)
    await read.until(2)
    await server.sql(`UPDATE ${table} SET version = 3 WHERE id = 1`)
    await read.until(3)
    await server.sql(`UPDATE ${table} SET version = 3 WHERE id = 2`)
    await read.until(4)
    expect(idsOf(read.got)).toEqual([1, 3, 1, 2])
    expect(new Set(metaIds(read.batches)).size).toBe(4)
    expect(read.batches[0]?.meta(0)).toEqual({ id: `public.${table}["1"]@1`, key: `public.${table}["1"]` })
  })

  it('asks a query, with all digits', async () => {
    const table = fresh()
    await server.sql(`CREATE TABLE ${table} (id int PRIMARY KEY, amount numeric, tags text[], body json)`)
    await server.sql(`INSERT INTO ${table} VALUES (1, 12345678901234567890.10, '{a,NULL,"b c"}', '{"n":\n1.10}')`)
    const query = `SELECT id, amount AS "Amount", tags, body FROM ${table} -- all of it`
    await using source = await open({ query, cursor: 'id', key: ['id'] })
    await using read = reading(source)
    await read.until(1)
    expect(read.got).toEqual(['{"id":1,"Amount":12345678901234567890.10,"tags":["a",null,"b c"],"body":{"n": 1.10}}'])
  })

  it('finds rows that were committed late, once, and with the same id after a restart', async () => {
    const table = fresh()
    await server.sql(`CREATE TABLE ${table} (id int PRIMARY KEY)`)
    await using slow = await session()
    const config = { table, cursor: 'id', settle: '1500ms' }
    const source = await open(config)
    const read = reading(source)
    await new Promise((resolve) => setTimeout(resolve, 1_700))
    await slow.query(`BEGIN; INSERT INTO ${table} VALUES (1)`)
    await server.sql(`INSERT INTO ${table} VALUES (2)`)
    await read.until(1)
    await server.sql(`INSERT INTO ${table} VALUES (3)`)
    await read.until(2)
    await slow.query('COMMIT')
    await read.until(3)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(idsOf(read.got)).toEqual([2, 3, 1])
    await read[Symbol.asyncDispose]()
    await source[Symbol.asyncDispose]()

    await using again = await open(config)
    const ids: (string | undefined)[] = []
    await server.sql(`INSERT INTO ${table} VALUES (4)`)
    for await (const batch of again.read(read.batches.at(-1)?.position, never, never)) {
      ids.push(...metaIds([batch]))
      if (batch.values().some((row) => (row as { id: number }).id === 4)) break
    }
    const before = metaIds(read.batches)
    expect(ids.filter((id) => !before.includes(id))).toEqual([`public.${table}["4"]@4`])
  })

  it('waits before the first question for what is not committed yet', async () => {
    const table = fresh()
    await server.sql(`CREATE TABLE ${table} (id int PRIMARY KEY)`)
    await using slow = await session()
    await slow.query(`BEGIN; INSERT INTO ${table} VALUES (1)`)
    await server.sql(`INSERT INTO ${table} VALUES (2)`)
    await using source = await open({ table, cursor: 'id', settle: '1s' })
    await using read = reading(source)
    setTimeout(() => void slow.query('COMMIT'), 500)
    await read.until(2)
    expect(idsOf(read.got)).toEqual([1, 2])
  })

  it('says what is not there, at once and when it goes', async () => {
    const table = fresh()
    await server.sql(`CREATE TABLE ${table} (id int PRIMARY KEY, at int)`)
    await using absent = await open({ table: 'nowhere', cursor: 'id' })
    expect(await thrown(absent.ping(never))).toMatchObject({ code: 'connector_refused' })
    await using other = await open({ table, cursor: 'nothing' })
    expect((await thrown(other.ping(never))).message).toContain('nothing')
    await using hostile = await open({ query: `SELECT 1 AS id) q; DROP TABLE ${table}; --`, cursor: 'id', key: ['id'] })
    await thrown(hostile.ping(never))
    await using source = await open({ table, cursor: 'at' })
    await source.ping(never)
    await using read = reading(source)
    await server.sql(`ALTER TABLE ${table} DROP COLUMN at`)
    expect(await read.ended).toMatchObject({ code: 'connector_refused' })
    await server.sql(`CREATE TABLE ${table}_bare (id int)`)
    await using bare = await open({ table: `${table}_bare`, cursor: 'id' })
    expect((await thrown(bare.ping(never))).fix).toContain('poll.key')
    expect((await thrown(open({ query: 'SELECT 1 AS id', cursor: 'id' }))).code).toBe('invalid_value')
  })

  it('is what is left without logical replication, which says what is missing', async () => {
    const changes = { tables: ['good'], slot: 'hermes_slot' }
    await using source = await opened(postgresSource, { url: server.url(), changes })
    const error = await thrown(source.ping(never))
    expect(error.code).toBe('connector_refused')
    expect(error.message).toContain("the server's wal_level is replica")
    expect(error.fix).toContain('wal_level = logical')
  })

  it('reads from a standby, and goes on behind what its primary writes', async () => {
    const table = fresh()
    await server.sql(`CREATE TABLE ${table} (id int PRIMARY KEY)`)
    await server.sql(`INSERT INTO ${table} VALUES (1)`)
    await using standby = await ownPostgres({}, server)
    await using source = await opened(postgresSource, {
      url: standby.url(),
      poll: { table, cursor: 'id', every: '20ms' },
    })
    await source.ping(never)
    await using read = reading(source)
    await read.until(1, 15_000)
    await server.sql(`INSERT INTO ${table} VALUES (2)`)
    await read.until(2, 15_000)
    expect(idsOf(read.got)).toEqual([1, 2])
  }, 60_000)

  it('cancels its statement when it is to stop, and gives up at once', async () => {
    await using source = await open({ query: 'SELECT 1 AS id, pg_sleep(60)', cursor: 'id', key: ['id'] })
    const stop = new AbortController()
    const ended = Array.fromAsync(source.read(undefined, stop.signal, never))
    await eventually(async () => expect(await running()).toHaveLength(1))
    const began = performance.now()
    stop.abort()
    expect(await ended).toEqual([])
    expect(performance.now() - began).toBeLessThan(3_000)
    await eventually(async () => expect(await running()).toHaveLength(0))
  })
})
