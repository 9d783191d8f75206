import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type FaultProxy, faultProxy } from '../connectors/fault-proxy.ts'
import { eventually } from '../connectors/opened-stream.ts'
import { type Home, onPostgres, sqliteHome } from '../store/databases.ts'
import { openPlace } from './bin.ts'

const PASSWORD = 'pa55-w0rd'

let place: Awaited<ReturnType<typeof openPlace>>
beforeEach(async () => {
  place = await openPlace()
  await mkdir(at('manifests'))
  await mkdir(at('.hermes/secrets'), { recursive: true })
  await writeFile(at('.hermes/secrets/PG'), PASSWORD, { mode: 0o600 })
  await writeFile(at('in.jsonl'), '{"id":1}\n{"id":2}\n')
})
afterEach(() => place[Symbol.asyncDispose]())

const at = (file: string) => join(place.directory, file)
const declare = (kind: string, name: string, spec: object) =>
  writeFile(at(`manifests/${name}.yaml`), JSON.stringify({ apiVersion: 'hermes/v1', kind, metadata: { name }, spec }))
const declareTicks = () =>
  declare('Workflow', 'ticks', {
    source: { file: { path: '../in.jsonl' } },
    sinks: [{ table: { connection: 'warehouse', name: 't', primaryKey: ['id'] } }],
  })
const status = async (name: string) => (await place.report())?.resources.find((resource) => resource.name === name)
const until = (check: () => unknown) => eventually(check, 30_000)
const rows = async (home: Home) => (await home.witness('SELECT id FROM t ORDER BY id')).map(({ id }) => Number(id))
const ownTables = () => {
  using own = new DatabaseSync(at('.hermes/hermes.db'), { readOnly: true })
  return own.prepare("SELECT name FROM sqlite_schema WHERE name NOT GLOB 'hermes_*' AND type = 'table'").all()
}

it('a table of a Connection to a file, which comes later and changes', { timeout: 90_000 }, async () => {
  await using home = await sqliteHome()
  await declareTicks()
  await place.serve()
  await until(async () => expect(await status('ticks')).toMatchObject({ state: 'waiting' }))
  await declare('Connection', 'warehouse', { http: { url: 'http://127.0.0.1:1' } })
  await until(async () => expect(await status('ticks')).toMatchObject({ state: 'stalled', reason: 'WrongConnection' }))
  await declare('Connection', 'warehouse', { database: { url: home.url } })
  await until(async () => expect(await rows(home)).toEqual([1, 2]))
  expect(await home.witness("SELECT name FROM sqlite_schema WHERE type = 'table'")).toEqual([{ name: 't' }])
  expect(ownTables()).toEqual([])

  await declare('Connection', 'warehouse', { database: { url: 'sqlite:../second.db' } })
  // It was ready at its old address, too.
  await until(async () => expect((await place.hermes('plan')).code).toBe(0))
  await until(async () => expect(await status('warehouse')).toMatchObject({ state: 'ready' }))
  await writeFile(at('in.jsonl'), '{"id":3}\n', { flag: 'a' })
  await until(() => {
    using second = new DatabaseSync(at('second.db'), { readOnly: true })
    expect(second.prepare('SELECT id FROM t').all()).toEqual([{ id: 3 }])
  })
  await rm(at('manifests/ticks.yaml'))
  await until(async () => expect(await status('ticks')).toBeUndefined())
  expect(await rows(home)).toEqual([1, 2])
  using second = new DatabaseSync(at('second.db'), { readOnly: true })
  expect(second.prepare('SELECT count(*) n FROM t').all()).toEqual([{ n: 1 }])
})

onPostgres('a table of a Connection to a server', ({ home: newHome }) => {
  it('is away at the start and back later, and its password never shows', { timeout: 120_000 }, async () => {
    await using home = await newHome()
    const { proxy, url } = await behindProxy(home)
    await using _ = proxy
    await declare('Connection', 'warehouse', { database: { url } })
    await declareTicks()
    await proxy.become('refuse')
    const first = await place.serve()
    await until(async () =>
      expect(await status('ticks')).toMatchObject({ state: 'retrying', reason: 'ConnectorUnavailable' }),
    )
    const shown = [(await place.status('-o', 'json')).stdout, (await place.hermes('plan', '-o', 'json')).stdout]
    await proxy.become('pass')
    await place.hermes('reconcile')
    await until(async () => expect(await rows(home)).toEqual([1, 2]))
    first.child.kill('SIGTERM')
    const ended = await first.result
    expect(ended.code).toBe(0)

    await proxy.become('refuse')
    await writeFile(at('in.jsonl'), '{"id":2}\n{"id":3}\n', { flag: 'a' })
    const second = await place.serve()
    await until(async () =>
      expect((await status('ticks'))?.flow?.sinks).toMatchObject([{ error: { code: 'connector_unavailable' } }]),
    )
    shown.push((await place.status()).stdout, (await place.hermes('events')).stdout)
    await proxy.become('pass')
    await until(async () => expect(await rows(home)).toEqual([1, 2, 3]))
    // The position is Hermes' own matter: nothing was read again.
    expect((await status('ticks'))?.flow?.read).toBe(2)
    expect(await home.witness('SELECT tablename FROM pg_tables WHERE schemaname = current_schema()')).toEqual([
      { tablename: 't' },
    ])
    expect(ownTables()).toEqual([])
    second.child.kill('SIGTERM')
    const { code, stdout, stderr } = await second.result
    expect(code).toBe(0)
    const said = [...shown, ended.stdout, ended.stderr, stdout, stderr, ...(await written())].join('\n')
    expect(said).toContain('Connection/warehouse')
    expect(said).not.toContain(PASSWORD)
  })

  it('is refused with a wrong secret, and taken up when that is put right', { timeout: 90_000 }, async () => {
    await using home = await newHome()
    await writeFile(at('.hermes/secrets/ROLE'), 'nobody_here', { mode: 0o600 })
    await declare('Connection', 'warehouse', { database: { url: home.url.replace(/postgres@/, '${secrets.ROLE}@') } })
    await declareTicks()
    await place.serve()
    await until(async () =>
      expect(await status('ticks')).toMatchObject({ state: 'stalled', reason: 'ConnectorRefused' }),
    )
    await writeFile(at('.hermes/secrets/ROLE'), 'postgres')
    await place.hermes('reconcile')
    await until(async () => expect(await rows(home)).toEqual([1, 2]))
  })
})

/** The server takes any password. */
async function behindProxy(home: Home): Promise<{ readonly proxy: FaultProxy; readonly url: string }> {
  const url = new URL(home.url)
  const proxy = await faultProxy(Number(url.port || 5_432))
  const text = url.href.replace(/\/\/[^/]*/, `//${url.username}:\${secrets.PG}@127.0.0.1:${proxy.port}`)
  return { proxy, url: `${text}&connect_timeout=2` }
}

/** What the service wrote beside the manifests and into its own database. */
async function written(): Promise<readonly string[]> {
  const all = await readdir(place.directory, { recursive: true, withFileTypes: true })
  const files = all.filter((each) => each.isFile() && !each.parentPath.endsWith('/secrets'))
  return await Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'latin1')))
}
