import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { openDatabase, openStore } from '../../src/store/open.ts'
import { ownTables } from '../../src/store/own-tables.ts'
import { parseAddress } from '../../src/store/postgres/connection.ts'
import { SqliteThread } from '../../src/store/sqlite/sqlite-thread.ts'
import { eachDatabase, onPostgres, sqliteHome } from './databases.ts'

const signal = () => AbortSignal.timeout(10_000)

eachDatabase('connections', ({ home: newHome, dialect }) => {
  test('many opens at once on an empty database, and again', async () => {
    await using home = await newHome()
    const open = () => Promise.all(Array.from({ length: 6 }, () => openStore(home.url)))
    for (let round = 0; round < 2; round++) {
      const stores = await open()
      for (const store of stores) await store.ping(signal())
      for (const store of stores) await store[Symbol.asyncDispose]()
      await stores[0]?.[Symbol.asyncDispose]()
      await expect(stores[0]?.ping(signal())).rejects.toMatchObject({ code: 'database_unavailable' })
    }
    expect(await home.witness('SELECT key, value FROM hermes_meta')).toEqual([{ key: 'schema_version', value: '1' }])
  })

  test('a database that a newer Hermes wrote is refused and left as it is', async () => {
    await using home = await newHome()
    await (await openStore(home.url))[Symbol.asyncDispose]()
    await home.witness(`UPDATE hermes_meta SET value = '2'`)
    await expect(openStore(home.url)).rejects.toMatchObject({
      code: 'database_newer',
      message: expect.stringContaining('schema version 2'),
    })
  })

  test('a script is all or nothing, and its error has the database’s own words', async () => {
    await using home = await newHome()
    await using database = await openDatabase(home.url)
    await expect(database.script('CREATE TABLE one (a text); INSERT INTO one VALUES (1, 2, 3)')).rejects.toMatchObject({
      code: 'database_error',
      message: expect.stringMatching(/columns/),
    })
    await expect(database.query('SELECT * FROM one')).rejects.toMatchObject({ code: 'database_error' })
    await database.script('CREATE TABLE one (a text)')
    expect(await database.query('SELECT * FROM one')).toEqual([])
    await expect(database.script('DROP TABLE one', AbortSignal.abort(new Error('no more')))).rejects.toThrow('no more')
    expect(await database.query('SELECT * FROM one')).toEqual([])
  })

  test('a transaction keeps scripts out, and a rolled back one leaves nothing', async () => {
    await using home = await newHome()
    await using database = await openDatabase(home.url)
    let script: Promise<void> | undefined
    const failing = database.kysely.transaction().execute(async (transaction) => {
      await transaction.insertInto('hermes_meta').values({ key: 'gone', value: '' }).execute()
      script = database.script(`INSERT INTO hermes_meta VALUES ('stays', '')`)
      await delay(50)
      expect(
        await transaction.selectFrom('hermes_meta').select('key').where('key', '=', 'gone').execute(),
      ).toHaveLength(1)
      throw new Error('on purpose')
    })
    await expect(failing).rejects.toThrow('on purpose')
    await script
    const keys = await home.witness('SELECT key FROM hermes_meta ORDER BY key')
    expect(keys.map((row) => row['key'])).toEqual(['schema_version', 'stays'])
  })

  test('values go in and come out exact', async () => {
    await using home = await newHome()
    await using database = await openDatabase(home.url)
    const values = [2n ** 63n - 1n, 42, -0.5, 'é\u2028', new Uint8Array([0, 255]), null, true]
    const [types, marks] =
      dialect === 'sqlite'
        ? ['bigint, bigint, double, text, blob, text, boolean', '?, ?, ?, ?, ?, ?, ?']
        : ['bigint, bigint, double precision, text, bytea, text, boolean', '$1, $2, $3, $4, $5, $6, $7']
    const columns = types.split(', ').map((type, index) => `c${index} ${type}`)
    await database.script(`CREATE TABLE v (${columns.join(', ')})`)
    const [row] = await database.query<Record<string, unknown>>(`INSERT INTO v VALUES (${marks}) RETURNING *`, values)
    expect(Object.values(row ?? {}).map((each) => (each instanceof Uint8Array ? [...each] : each))).toEqual([
      2n ** 63n - 1n,
      42,
      -0.5,
      'é\u2028',
      [0, 255],
      null,
      dialect === 'sqlite' ? 1 : true,
    ])
    expect(await database.query('SELECT c1 + 1 AS next FROM v')).toEqual([{ next: 43 }])
  })

  test('reading goes on while something long is written, and so does the main thread', async () => {
    await using home = await newHome()
    await using database = await openDatabase(home.url)
    await database.script('CREATE TABLE long (n bigint)')
    const series =
      dialect === 'sqlite'
        ? '(WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 800000) SELECT n FROM s)'
        : 'generate_series(1, 800000) AS s (n)'
    const progress = { isWriting: true, reads: 0 }
    const writing = database.script(`INSERT INTO long SELECT n FROM ${series}`).finally(() => {
      progress.isWriting = false
    })
    await delay(20)
    while (progress.isWriting) {
      const [row] = await database.query<{ n: number }>('SELECT count(*) AS n FROM long')
      expect([0, 800_000]).toContain(row?.n)
      progress.reads += 1
      await delay(5)
    }
    await writing
    expect(progress.reads).toBeGreaterThan(5)
  })
})

onPostgres('a server that goes away', ({ home: newHome }) => {
  test('terminated connections: what was under way is unavailable, then it works again', async () => {
    await using home = await newHome()
    await using database = await openDatabase(home.url)
    const killAll = () =>
      home.witness(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
      )
    const sleeping = database.query('SELECT pg_sleep(30)')
    const refused = expect(sleeping).rejects.toMatchObject({ code: 'database_unavailable' })
    const scripted = expect(database.script('SELECT pg_sleep(30)')).rejects.toMatchObject({
      code: 'database_unavailable',
    })
    await delay(200)
    await killAll()
    await Promise.all([refused, scripted])
    // Idle connections die as well, without anybody asking.
    await Promise.all([
      database.query('SELECT 1'),
      database.query('SELECT 1'),
      database.kysely.selectFrom('hermes_meta').selectAll().execute(),
    ])
    await killAll()
    await delay(50)
    expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
    expect(await database.kysely.selectFrom('hermes_meta').select('key').execute()).toEqual([{ key: 'schema_version' }])
  })

  test('an abort cancels on the server', async () => {
    await using home = await newHome()
    await using database = await openDatabase(home.url)
    await expect(database.query('SELECT pg_sleep(30)', [], AbortSignal.timeout(100))).rejects.toThrow(/timeout/)
    await delay(100)
    const left = await home.witness(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()`,
    )
    expect(left).toEqual([])
  })

  test('everything lives in the schema of the URL, which is created', async () => {
    await using home = await newHome()
    const schema = `Odd "schema" ${Date.now()}`
    const url = new URL(home.url)
    url.searchParams.set('schema', schema)
    {
      await using store = await openStore(url.href)
      const [step] = store.tables.plan({ name: 't', columns: [], key: [], indexes: [] }, undefined, {
        retired: new Set(),
      })
      await store.tables.execute(step?.sql ?? '', signal())
      expect((await store.tables.shapes(['t'])).get('t')?.ours).toBe(true)
      expect(store.location).not.toMatch('@')
    }
    const tables = await home.witness(`SELECT tablename::text AS t FROM pg_tables WHERE schemaname = $1 ORDER BY 1`, [
      schema,
    ])
    expect(tables.map((row) => row['t'])).toEqual([...[...ownTables].toSorted(), 't'])
    await home.witness(`DROP SCHEMA "${schema.replaceAll('"', '""')}" CASCADE`)
  })

  test.each([
    ['nobody listens', (url: URL) => (url.port = '1'), 'database_unavailable'],
    ['no such database', (url: URL) => (url.pathname = '/hermes_test_absent'), 'database_unavailable'],
    ['no such host', (url: URL) => (url.hostname = 'nowhere.invalid'), 'database_unavailable'],
    [
      'TLS that the server does not speak',
      (url: URL) => url.searchParams.set('sslmode', 'require'),
      'database_unavailable',
    ],
  ])('%s', async (_, change, code) => {
    await using home = await newHome()
    const url = new URL(home.url)
    url.password = 'top-secret'
    change(url)
    const error: unknown = await openStore(url.href).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code })
    expect(String(error)).not.toMatch('top-secret')
  })
})

describe('addresses', () => {
  test.each([
    ['postgres://me:pw@db.example/sales', 'postgres://db.example:5432/sales'],
    [
      'postgresql://me:p%40w@db.example:6432/sales?schema=raw&sslmode=disable',
      'postgres://db.example:6432/sales?schema=raw',
    ],
    ['postgres:///sales?host=/run/postgresql&user=me&password=pw', 'postgres:///run/postgresql:5432/sales'],
  ])('%s', (url, location) => {
    expect(parseAddress(url).location).toBe(location)
  })

  test.each([
    'postgres://me:12/pw@db.example/sales',
    'postgres://me:p/w@db.example/sales',
    'mysql://x',
    'sqlite:',
    'x.db',
    '',
  ])('%j is refused without being shown', async (url) => {
    const error: unknown = await openStore(url).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'setting_invalid' })
    expect(String(error)).not.toMatch(/pw|p\/w/)
  })
})

describe('files', () => {
  test('a directory that is not there yet: unavailable, and available once it is', async () => {
    const root = await mkdtemp(join(tmpdir(), 'hermes-store-'))
    const path = join(root, 'later', 'hermes.db')
    await expect(openStore(`sqlite:${path}`)).rejects.toMatchObject({
      code: 'database_unavailable',
      message: expect.stringContaining(path),
    })
    await using thread = new SqliteThread({ path, role: 'writer' })
    const asked = () => thread.ask({ op: 'query', sql: 'SELECT 1 AS one', values: [] })
    await expect(asked()).rejects.toMatchObject({ code: 'database_unavailable' })
    const held = await thread.hold().then(async (hold) => {
      await expect(hold.ask({ op: 'query', sql: 'SELECT 1', values: [] })).rejects.toMatchObject({
        code: 'database_unavailable',
      })
      return hold
    })
    await mkdir(join(root, 'later'))
    // Who held the thread when it died is not given the new one: his transaction is gone.
    await expect(held.ask({ op: 'query', sql: 'SELECT 1', values: [] })).rejects.toMatchObject({
      code: 'database_unavailable',
    })
    held.release()
    expect(await asked()).toEqual({ rows: [{ one: 1 }] })
    await rm(root, { recursive: true })
  })

  test('a write waits for another process that holds the file', async () => {
    await using home = await sqliteHome()
    await using database = await openDatabase(home.url)
    const other = new DatabaseSync(home.url.slice('sqlite:'.length))
    other.exec(`BEGIN IMMEDIATE; INSERT INTO hermes_meta VALUES ('first', '')`)
    const writing = database.script(`INSERT INTO hermes_meta SELECT 'second', count(*) FROM hermes_meta`)
    await delay(150)
    expect(await database.query('SELECT count(*) AS n FROM hermes_meta')).toEqual([{ n: 1 }])
    other.exec('COMMIT')
    other.close()
    await writing
    expect(await home.witness(`SELECT value FROM hermes_meta WHERE key = 'second'`)).toEqual([{ value: '2' }])
  })

  test('a file that is no database is named', async () => {
    const root = await mkdtemp(join(tmpdir(), 'hermes-store-'))
    const path = join(root, 'notes.txt')
    await writeFile(path, 'no database, but long enough to be looked at as the header of one: '.repeat(20))
    await expect(openStore(`sqlite:${path}`)).rejects.toMatchObject({
      code: 'database_error',
      message: expect.stringContaining(path),
    })
    await rm(root, { recursive: true })
  })

  test('reads see what another connection has just committed; the file is durable and tidy after closing', async () => {
    await using home = await sqliteHome()
    {
      await using store = await openStore(home.url)
      await home.witness(`INSERT INTO hermes_resources VALUES ('K', 'n', 'f', 1, 1, 'r', 1, NULL, '[]', '', NULL)`)
      expect(await store.ledger.entries()).toHaveLength(1)
      expect(await home.witness('PRAGMA journal_mode')).toEqual([{ journal_mode: 'wal' }])
    }
    expect(await home.witness('SELECT count(*) AS n FROM hermes_resources')).toEqual([{ n: 1 }])
  })
})
