import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { type WorkflowTableContext, workflowTableSink } from '../../src/connectors/sinks/workflow-table.ts'
import { type WorkflowTableConfig, workflowTableSchema } from '../../src/connectors/sinks/workflow-table-config.ts'
import { type ConnectionSpec, databaseUrl } from '../../src/resources/connection.ts'
import { DatabasePool } from '../../src/resources/database-pool.ts'
import { GuardedSink } from '../../src/resources/guarded-sink.ts'
import { workflowTables } from '../../src/resources/workflow-tables.ts'
import { openGuestTables } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { valueBatch } from '../../src/stream/batches.ts'
import type { Sink } from '../../src/stream/sink.ts'
import { quiet } from '../quiet-log.ts'
import { manifest } from '../reconcile/manifests.ts'
import { eachDatabase, type Home, onPostgres } from '../store/databases.ts'
import { type FaultProxy, faultProxy } from './fault-proxy.ts'
import { configured, never } from './opened.ts'
import { sinkContract } from './sink-contract.ts'

/** Nothing of it is touched. */
const ownStore = {} as Store
const values = new Map([['PG', 'pa55-w0rd']])
const secrets = { get: (name: string) => values.get(name) ?? '' }

const databaseConnection = (url: string) => ({
  ...manifest('Connection', 'warehouse', {}),
  spec: { database: { url } },
})

/** The databases of one Connection, which may change. */
function world(url: string) {
  const place: { spec: ConnectionSpec } = databaseConnection(url)
  const pool = new DatabasePool({
    resolve: (each) => databaseUrl(each, { secrets, root: '/' }),
    open: (each) => openGuestTables(each),
    lookup: (name) => (name === 'warehouse' ? { ...manifest('Connection', name, {}), spec: place.spec } : undefined),
  })
  const open = (given: object = {}, workflow = 'ticks'): Promise<Sink> => {
    const config = { connection: 'warehouse', name: 't', primaryKey: ['id'], ...given }
    const context = { workflowTables: workflowTables(ownStore, workflow, { checkpoint: true, databases: pool }) }
    const full = configured(workflowTableSchema, config) as WorkflowTableConfig
    return workflowTableSink.open(full, context as unknown as WorkflowTableContext)
  }
  const change = async (spec: ConnectionSpec): Promise<void> => {
    place.spec = spec
    await pool.close('warehouse')
  }
  return { pool, open, change, [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose]() }
}

const guarded = (open: () => Promise<Sink>): Sink =>
  new GuardedSink({ name: 'cold', open, clock: systemClock, log: quiet })
const rows = (...ids: readonly number[]) =>
  valueBatch(
    ids.map((id) => ({ id })),
    { line: 1 },
    ids.map((id) => ({ id: String(id) })),
  )
const isThere = async (home: Home, name: string): Promise<boolean> => (await tables(home)).includes(name)
const tables = async (home: Home): Promise<readonly string[]> => {
  const sqlite = "SELECT name FROM sqlite_schema WHERE type = 'table'"
  const postgres = 'SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()'
  return (await home.witness(home.dialect === 'sqlite' ? sqlite : postgres)).map(({ name }) => String(name))
}
const ids = async (home: Home): Promise<readonly number[]> =>
  (await home.witness('SELECT id FROM t ORDER BY id')).map(({ id }) => Number(id))

/** Before the server of a home. */
async function behindProxy(home: Home): Promise<{ readonly proxy: FaultProxy; readonly url: string }> {
  const url = new URL(home.url)
  const proxy = await faultProxy(Number(url.port || 5_432))
  url.host = `127.0.0.1:${proxy.port}`
  url.searchParams.set('connect_timeout', '1')
  return { proxy, url: url.href }
}

eachDatabase('the table sink on a Connection', ({ dialect, home: newHome }) => {
  sinkContract(`a table of a Connection, ${dialect}`, async () => {
    const stack = new AsyncDisposableStack()
    const home = stack.use(await newHome())
    const behind = dialect === 'postgres' ? await behindProxy(home) : undefined
    if (behind !== undefined) stack.use(behind.proxy)
    const { open } = stack.use(world(behind?.url ?? home.url))
    return {
      open: async () => guarded(() => open({ columns: { id: 'bigint', name: 'text', note: 'text' } })),
      written: async () => {
        if (!(await isThere(home, 't'))) return []
        const found = await home.witness('SELECT id, name, note FROM t ORDER BY id')
        return found.map(({ id, ...rest }) => ({ id: Number(id), ...rest }))
      },
      refused: { name: 'no key' },
      once: true,
      ...(behind === undefined ? {} : { stall: () => behind.proxy.become('stall') }),
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    }
  })

  test('makes no table but its own, and writes once what comes twice', async () => {
    await using home = await newHome()
    await using there = world(home.url)
    await using sink = await there.open()
    await sink.ping(never)
    expect(await tables(home)).toEqual([])
    for (let time = 0; time < 2; time++) expect(await sink.write(rows(1, 2), never)).toEqual([])
    expect(await tables(home)).toEqual(['t'])
    expect(await home.witness('SELECT source_name FROM t')).toEqual([
      { source_name: 'ticks' },
      { source_name: 'ticks' },
    ])
  })

  test('goes where the Connection leads after a change, without a write that fails', async () => {
    await using before = await newHome()
    await using after = await newHome()
    await using there = world(before.url)
    await using sink = await there.open()
    expect(await sink.write(rows(1), never)).toEqual([])
    await there.change({ database: { url: after.url } })
    expect(await sink.write(rows(2), never)).toEqual([])
    expect([await ids(before), await ids(after)]).toEqual([[1], [2]])
  })

  test('says so when the Connection is for something else or not there, and finds one that comes', async () => {
    await using home = await newHome()
    await using there = world(home.url)
    await using sink = await there.open()
    await there.change({ http: { url: 'http://127.0.0.1:1' } })
    const wrong = { code: 'wrong_connection', message: expect.stringContaining('is for http, and database is needed') }
    await expect(sink.write(rows(1), never)).rejects.toMatchObject(wrong)
    await expect((await there.open({ connection: 'other' })).ping(never)).rejects.toMatchObject({
      code: 'missing_reference',
      message: 'Connection/other does not exist',
    })
    await there.change({ database: { url: home.url } })
    expect(await sink.write(rows(1), never)).toEqual([])
  })

  test('is refused at once where two things would go into one column', async () => {
    await using there = world('sqlite:/nowhere/to/be.db')
    const twice = there.open({ primaryKey: [], json: 'raw', columns: { raw: 'text' } })
    await expect(twice).rejects.toMatchObject({ code: 'invalid_value' })
  })

  test('takes nothing any more once its databases are closed', async () => {
    await using home = await newHome()
    const there = world(home.url)
    await using sink = await there.open()
    await sink.write(rows(1), never)
    await there.pool[Symbol.asyncDispose]()
    await there.pool[Symbol.asyncDispose]()
    await expect(sink.write(rows(2), never)).rejects.toMatchObject({ code: 'connector_unavailable' })
  })
})

test('a file that cannot be opened is tried again', async () => {
  await using there = world('sqlite:/nowhere/to/be.db')
  await using sink = await there.open()
  for (let time = 0; time < 2; time++) {
    await expect(sink.write(rows(1), never)).rejects.toMatchObject({
      code: 'connector_unavailable',
      message: expect.stringMatching(/^Connection\/warehouse: .*be\.db/),
    })
  }
})

test('an address that a secret holds and is none is said to be none, and not repeated', async () => {
  await using there = world('${secrets.PG}')
  await using sink = await there.open()
  const error = (await sink.ping(never).catch((thrown: unknown) => thrown)) as Error
  expect(error).toMatchObject({ code: 'invalid_value' })
  expect(error.message).not.toContain('pa55')
})

onPostgres('a table sink on a server', ({ home: newHome }) => {
  test('waits for a server that is away, and goes on by itself', async () => {
    await using home = await newHome()
    const { proxy, url } = await behindProxy(home)
    await using _ = proxy
    await using there = world(url)
    await using sink = await there.open()
    await proxy.become('refuse')
    for (const work of [() => sink.ping(never), () => sink.write(rows(1), never)]) {
      await expect(work()).rejects.toMatchObject({ code: 'connector_unavailable' })
    }
    await proxy.become('pass')
    expect(await sink.write(rows(1), never)).toEqual([])
    proxy.reset()
    const again = async (): Promise<unknown> => await sink.write(rows(2), never).catch(again)
    expect(await again()).toEqual([])
    expect(await ids(home)).toEqual([1, 2])
  })

  test('credentials and databases that the server refuses are said to be, without the password', async () => {
    await using home = await newHome()
    const wrong = [
      'postgres://nobody_here:${secrets.PG}@127.0.0.1:5432/postgres',
      'postgres://postgres:${secrets.PG}@127.0.0.1:5432/none_here',
    ]
    for (const text of wrong) {
      const { host } = new URL(home.url)
      await using there = world(text.replace('127.0.0.1:5432', host))
      await using sink = await there.open()
      const error = (await sink.write(rows(1), never).catch((thrown: unknown) => thrown)) as Error
      expect(error).toMatchObject({ code: 'connector_refused', message: expect.stringContaining('_here') })
      expect(String(error.stack)).not.toContain('pa55')
    }
  })

  test('a secret that was rotated is in force with the write behind the one that failed', async () => {
    await using home = await newHome()
    await using there = world(home.url.replace(/postgres@/, '${secrets.ROLE}@'))
    values.set('ROLE', 'nobody_here')
    await using sink = await there.open()
    await expect(sink.write(rows(1), never)).rejects.toMatchObject({ code: 'connector_refused' })
    values.set('ROLE', 'postgres')
    expect(await sink.write(rows(1), never)).toEqual([])
    expect(await ids(home)).toEqual([1])
  })

  test('many sinks share few connections', async () => {
    await using home = await newHome()
    await using there = world(home.url)
    const sinks = await Promise.all(Array.from({ length: 20 }, (_, n) => there.open({ name: `t${n}` }, `w${n}`)))
    await Promise.all(sinks.map((sink) => sink.write(rows(1, 2), never)))
    const [count] = await home.witness(
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'hermes'",
    )
    expect(count?.['n']).toBeGreaterThan(0)
    expect(count?.['n']).toBeLessThanOrEqual(6)
    expect(await tables(home)).toHaveLength(20)
  })

  test.each(['stall', 'half_open'] as const)('a server that says nothing keeps no end waiting: %s', async (fault) => {
    await using home = await newHome()
    const { proxy, url } = await behindProxy(home)
    await using _ = proxy
    const there = world(url.replace('connect_timeout=1', 'connect_timeout=60'))
    const sink = guarded(() => there.open())
    await sink.write(rows(1), never)
    await proxy.become(fault)
    const stop = new AbortController()
    const writing = expect(sink.write(rows(2), stop.signal)).rejects.toThrow('enough')
    stop.abort(new Error('enough'))
    await writing
    const began = performance.now()
    await sink[Symbol.asyncDispose]()
    await there.pool[Symbol.asyncDispose]()
    expect(performance.now() - began).toBeLessThan(12_000)
  })
})
