import { afterAll, beforeAll, expect, it } from 'vitest'
import { postgresSource } from '../../src/connectors/sources/postgres.ts'
import { faultProxy } from './fault-proxy.ts'
import { never } from './opened.ts'
import { eventually, opened, reading, thrown } from './opened-stream.ts'
import { type OwnPostgres, onOwnPostgres, ownPostgres } from './own-postgres.ts'
import { freePort } from './servers.ts'

let server: OwnPostgres
let count = 0
const fresh = (what: string): string => {
  count += 1
  return `${what}_${count}`
}

const open = (changes: object, url = server.url(), more: object = {}) =>
  opened(postgresSource, { url, changes, ...more })

const idsIn = (got: readonly string[]) => got.map((text) => (JSON.parse(text) as { key: { id: number } }).key.id)
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)
const { remains } = postgresSource
const remove = (from: never, kept?: never) => remains?.remove(from, kept, never)
const describe = (from: never, kept?: never) => remains?.describe(from, kept)

async function numbers(rows = 0): Promise<string> {
  const table = fresh('numbers')
  await server.sql(`CREATE TABLE ${table} (id int PRIMARY KEY, note text)`)
  if (rows > 0) await server.sql(`INSERT INTO ${table} SELECT n, 'x' FROM generate_series(1, ${rows}) n`)
  return table
}

onOwnPostgres('the postgres source and what may go wrong', () => {
  beforeAll(async () => {
    server = await ownPostgres({ wal_sender_timeout: '1500ms' })
    await server.sql('CREATE ROLE plain LOGIN')
    await server.sql('CREATE ROLE replicator LOGIN REPLICATION')
    await server.sql('CREATE TABLE bare (id int)')
    await server.sql('CREATE TABLE good (id int PRIMARY KEY)')
    await server.sql('CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY)')
    await server.sql('CREATE VIEW seen AS SELECT 1 AS id')
    await server.sql('CREATE PUBLICATION hermes_theirs FOR TABLE good')
  }, 60_000)
  afterAll(() => server[Symbol.asyncDispose]())

  it.each<[string, object, { user?: string; database?: string }, string]>([
    ['an absent table', { tables: ['nowhere'] }, {}, 'there is no table nowhere'],
    ['a table without identity', { tables: ['bare'] }, {}, 'no primary key and no other replica identity'],
    ['a table that is not logged', { tables: ['unlogged'] }, {}, 'not a table that is written to the log'],
    ['a view', { tables: ['seen'] }, {}, 'not a table'],
    ['a name that is none', { tables: ['a.b.c.d'] }, {}, 'a.b.c.d'],
    ['a role without REPLICATION', { tables: ['good'], snapshot: 'never' }, { user: 'plain' }, 'replication'],
    ['a role that may not read', { tables: ['good'] }, { user: 'replicator' }, 'may not read public.good'],
    ['an absent publication', { publication: 'theirs' }, {}, 'there is no publication theirs'],
    ['an absent database', { tables: ['good'] }, { database: 'nowhere' }, 'database "nowhere" does not exist'],
    ['an absent role', { tables: ['good'] }, { user: 'nobody' }, 'role "nobody" does not exist'],
  ])('refuses %s, and says why', async (_, changes, { user = 'postgres', database = 'postgres' }, message) => {
    const url = `postgres://${user}:hidden-word@127.0.0.1:${server.port}/${database}`
    await using source = await open({ slot: fresh('hermes_slot'), ...changes }, url)
    const error = await thrown(source.ping(never))
    expect(error.code).toBe('connector_refused')
    expect(error.message).toContain(message)
    expect(JSON.stringify([error.message, error.fix])).not.toContain('hidden-word')
  })

  it('refuses a publication that is not its own, a slot that is not there, and does not make it', async () => {
    await using theirs = await open({ tables: ['good'], slot: fresh('hermes_slot'), publication: 'hermes_theirs' })
    const read = reading(theirs)
    expect(await read.ended).toMatchObject({ message: expect.stringContaining('that Hermes did not make') })
    await using absent = await open({ tables: ['good'], slot: 'theirs', publication: 'hermes_made' })
    expect(await reading(absent).ended).toMatchObject({
      message: expect.stringContaining('no replication slot theirs'),
    })
    expect(await server.sql('SELECT * FROM pg_replication_slots')).toEqual([])
  })

  it.each([
    [{ url: 'postgres://h/db?host=other' }, 'only sslmode'],
    [{ url: 'postgres://user:pass word@h:x/db' }, 'not an address'],
    [{ changes: { slot: 'hermes_a' } }, 'changes.tables is needed'],
  ])('refuses %j before it connects', async (config, message) => {
    const changes = { slot: 'hermes_a', tables: ['a'] }
    const error = await thrown(opened(postgresSource, { url: 'postgres://h/db', changes, ...config }))
    expect(error.code).toBe('invalid_value')
    expect(error.message).toContain(message)
  })

  it('says when nobody answers, soon', async () => {
    await using source = await open({ slot: 'hermes_a', tables: ['a'] }, server.url('postgres', await freePort()))
    expect((await thrown(source.ping(never))).code).toBe('connector_unavailable')
    await using proxy = await faultProxy(server.port)
    await proxy.become('stall')
    const url = server.url('postgres', proxy.port)
    await using silent = await open({ slot: 'hermes_a', tables: ['a'] }, url, { timeout: '300ms' })
    expect((await thrown(silent.ping(never))).code).toBe('connector_unavailable')
  })

  it('refuses TLS with a server that has none', async () => {
    await using source = await open({ slot: 'hermes_a', tables: ['a'] }, `${server.url()}?sslmode=require`)
    expect(await thrown(source.ping(never))).toMatchObject({ code: 'connector_refused' })
  })

  it('goes on when its connections are killed, reset or silent, without a gap and without a repeat', async () => {
    const [table, slot] = [await numbers(10), fresh('hermes_slot')]
    await using proxy = await faultProxy(server.port)
    await using source = await open({ tables: [table], slot }, server.url('postgres', proxy.port), { timeout: '1s' })
    await using read = reading(source, true)
    await server.streaming(slot)
    const add = (from: number) =>
      server.sql(`INSERT INTO ${table} SELECT n FROM generate_series(${from}, ${from + 9}) n`)
    await server.sql('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active')
    await add(11)
    await read.until(20, 15_000)
    proxy.reset()
    await add(21)
    await read.until(30, 15_000)
    await proxy.become('stall')
    await add(31)
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    await proxy.become('pass')
    await read.until(40, 15_000)
    expect(idsIn(read.got)).toEqual(range(1, 40))
  }, 60_000)

  it('goes on when the connection is killed that holds the snapshot of a new slot', async () => {
    const [table, slot] = [await numbers(3), fresh('hermes_slot')]
    await using source = await open({ tables: [table], slot })
    const stop = new AbortController()
    const ids: (string | undefined)[] = []
    for await (const batch of source.read(undefined, stop.signal, never)) {
      if (batch.size === 0) {
        await server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'walsender'")
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      for (let index = 0; index < batch.size; index += 1) ids.push(batch.meta(index).key)
      if (ids.length === 3) stop.abort()
    }
    expect(ids).toEqual([1, 2, 3].map((id) => `public.${table}{"id":${id}}`))
  })

  it('goes on when the server fails in the middle of a transaction and of a snapshot', async () => {
    const [table, slot] = [await numbers(5_000), fresh('hermes_slot')]
    await using source = await open({ tables: [table], slot })
    const stop = new AbortController()
    const ids: string[] = []
    let restarted = 0
    const restart = async (): Promise<void> => {
      restarted += 1
      await server.stop('immediate')
      await server.start()
    }
    for await (const batch of source.read(undefined, stop.signal, never)) {
      for (let index = 0; index < batch.size; index += 1) ids.push(batch.meta(index).id ?? '')
      source.ack?.(batch.position)
      if (restarted === 0 && ids.length > 1_000) await restart()
      if (restarted === 1 && ids.length === 5_000) {
        restarted += 1
        await server.sql(`INSERT INTO ${table} SELECT n, repeat('x', 4000) FROM generate_series(5001, 15000) n`)
      }
      if (restarted === 2 && ids.length > 6_000) await restart()
      if (ids.length === 15_000) stop.abort()
    }
    expect(restarted).toBe(3)
    expect(new Set(ids).size).toBe(15_000)
  }, 60_000)

  it('fails for good when the server gave the slot up, and names what to do', async () => {
    const [table, slot] = [await numbers(1), fresh('hermes_slot')]
    const source = await open({ tables: [table], slot })
    const read = reading(source, true)
    await server.streaming(slot)
    const position = read.batches.at(-1)?.position
    await read[Symbol.asyncDispose]()
    await source[Symbol.asyncDispose]()
    await server.sql("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
    await server.sql('SELECT pg_reload_conf()')
    for (let round = 0; round < 4; round += 1) {
      await server.sql(
        `INSERT INTO ${table} SELECT ${round} * 1000 + n + 1, repeat('x', 1000) FROM generate_series(1, 1000) n`,
      )
      await server.sql('SELECT pg_switch_wal()')
      await server.sql('CHECKPOINT')
    }
    await using again = await open({ tables: [table], slot })
    for (const from of [position, undefined]) {
      const error = await thrown(Array.fromAsync(again.read(from, never, never)))
      expect(error.code).toBe('changes_lost')
      expect(error.message).toContain('max_slot_wal_keep_size')
    }
    await server.sql('ALTER SYSTEM RESET max_slot_wal_keep_size')
    await server.sql('SELECT pg_reload_conf()')
    await server.sql('SELECT pg_drop_replication_slot($1)', [slot])
  }, 40_000)

  it('fails for good when changes were written while the publication was gone', async () => {
    const [table, slot] = [await numbers(), fresh('hermes_slot')]
    const first = await open({ tables: [table], slot })
    const read = reading(first, true)
    await server.streaming(slot)
    await read[Symbol.asyncDispose]()
    await first[Symbol.asyncDispose]()
    await server.sql(`DROP PUBLICATION ${slot}`)
    await server.sql(`INSERT INTO ${table} VALUES (1)`)
    await using again = await open({ tables: [table], slot })
    const position = read.batches.at(-1)?.position
    const error = await thrown(Array.fromAsync(again.read(position, never, never)))
    expect(error.code).toBe('changes_lost')
    expect(error.message).toContain(`the publication ${slot} was not there`)
  })

  it('takes a table up that is added later, with its rows, and lets go of one that is taken out', async () => {
    const [one, two, slot] = [await numbers(2), await numbers(3), fresh('hermes_slot')]
    const first = await open({ tables: [one], slot })
    const before = reading(first, true)
    await before.until(2)
    await server.streaming(slot)
    await before[Symbol.asyncDispose]()
    await first[Symbol.asyncDispose]()
    await server.sql(`INSERT INTO ${one} VALUES (3)`)
    await using second = await open({ tables: [two, one], slot, operations: ['insert'] })
    const stop = new AbortController()
    const got: string[] = []
    for await (const batch of second.read(before.batches.at(-1)?.position, stop.signal, never)) {
      for (let index = 0; index < batch.size; index += 1) got.push(batch.meta(index).key ?? '')
      if (got.length === 4) await server.sql(`DELETE FROM ${two}`)
      if (got.length === 4) await server.sql(`INSERT INTO ${two} VALUES (9)`)
      if (got.length === 5) stop.abort()
    }
    expect(got.toSorted()).toEqual(
      [`public.${one}{"id":3}`, ...[1, 2, 3, 9].map((id) => `public.${two}{"id":${id}}`)].toSorted(),
    )
  })

  it('follows a publication of somebody else as it is, and leaves it', async () => {
    const [table, other] = [fresh('theirs'), fresh('theirs')]
    await server.sql(`CREATE TABLE ${table} (id int PRIMARY KEY, a text, secret text)`)
    await server.sql(`CREATE TABLE ${other} (id int PRIMARY KEY)`)
    await server.sql(`INSERT INTO ${table} VALUES (1, 'a', 's'), (-1, 'b', 's')`)
    await server.sql(`CREATE PUBLICATION theirs FOR TABLE ${table} (id, a) WHERE (id > 0), TABLE ${other}`)
    const slot = fresh('hermes_slot')
    const config = { url: server.url(), changes: { slot, publication: 'theirs' } }
    const source = await opened(postgresSource, config)
    const read = reading(source, true)
    await server.streaming(slot)
    await server.sql(`INSERT INTO ${table} VALUES (2, 'c', 's'), (-2, 'd', 's')`)
    await server.sql(`INSERT INTO ${other} VALUES (7)`)
    await read.until(3)
    expect(read.got.map((text) => (JSON.parse(text) as { after: object }).after)).toEqual([
      { id: 1, a: 'a' },
      { id: 2, a: 'c' },
      { id: 7 },
    ])
    await read[Symbol.asyncDispose]()
    const written = { ...config, changes: { ...config.changes, deletionPolicy: 'delete' } } as never
    expect(describe(written)).toBe(`the replication slot ${slot}`)
    expect((await thrown(remove(written) as Promise<void>)).code).toBe('connector_unavailable')
    await source[Symbol.asyncDispose]()
    await remove(written)
    await remove(written)
    expect(await server.sql('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1', [slot])).toEqual([])
    expect(await server.sql("SELECT 1 FROM pg_publication WHERE pubname = 'theirs'")).toHaveLength(1)
  })

  it('removes what it made, but for what is still used, kept, or not its own', async () => {
    const [table, slot] = [await numbers(), fresh('hermes_slot')]
    const config = (changes: object, url = server.url()) =>
      ({ url, changes: { tables: [table], slot, deletionPolicy: 'delete', ...changes } }) as never
    const there = async () => {
      const rows = await server.sql(
        `SELECT (SELECT count(*) FROM pg_replication_slots WHERE slot_name = '${slot}')::int slots,
                (SELECT count(*) FROM pg_publication WHERE pubname = '${slot}')::int publications`,
      )
      return rows[0]
    }
    const source = await open({ tables: [table], slot })
    const read = reading(source)
    await server.streaming(slot)
    await read[Symbol.asyncDispose]()
    await source[Symbol.asyncDispose]()
    await eventually(() => remove(config({}), config({ batch: 7 })))
    // Another way to the same server.
    await remove(config({}), config({}, server.url().replace('127.0.0.1', 'localhost')))
    await remove(config({ deletionPolicy: 'orphan' }))
    await remove(config({ slot: 'theirs', publication: 'hermes_theirs' }))
    expect(await there()).toEqual({ slots: 1, publications: 1 })
    expect(await server.sql("SELECT 1 FROM pg_publication WHERE pubname = 'hermes_theirs'")).toHaveLength(1)
    expect(describe(config({}), config({ slot: 'hermes_other' }))).toBe(
      `the replication slot ${slot} and the publication ${slot}`,
    )
    expect(describe(config({}), config({ slot: 'hermes_other', publication: slot }))).toBe(
      `the replication slot ${slot}`,
    )
    expect(describe(config({}), config({}))).toBeUndefined()
    expect(describe(config({ deletionPolicy: 'orphan' }))).toBeUndefined()
    await remove(config({}), config({ slot: 'hermes_other', publication: slot }))
    expect(await there()).toEqual({ slots: 0, publications: 1 })
    const away = server.url('postgres', await freePort())
    expect((await thrown(remove(config({}, away)) as Promise<void>)).code).toBe('connector_unavailable')
    await remove(config({}))
    expect(await there()).toEqual({ slots: 0, publications: 0 })
  })
})
