import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { readConfig } from '../src/config.ts'
import { openHermes } from '../src/hermes.ts'
import type { Plan } from '../src/reconcile/plan.ts'
import type { Hermes, HermesOptions } from '../src/service/api.ts'
import { parseState } from '../src/state-document.ts'
import type { Log } from '../src/stream/connector.ts'
import { eachDatabase, type Home } from './store/databases.ts'

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silent }
const never = new AbortController().signal

/** A directory of manifests over a database, opened anew for each look: as commands do. */
class Stand implements AsyncDisposable {
  readonly #directory: string
  readonly #database: string

  constructor(directory: string, database: string) {
    this.#directory = directory
    this.#database = database
  }

  async declare(files: Readonly<Record<string, string>>): Promise<void> {
    const manifests = join(this.#directory, 'manifests')
    await rm(manifests, { recursive: true, force: true })
    await mkdir(manifests)
    for (const [file, text] of Object.entries(files)) await writeFile(join(manifests, file), text)
  }

  async with<T>(work: (hermes: Hermes) => Promise<T>, options: HermesOptions = {}): Promise<T> {
    const config = readConfig({ database: this.#database }, {}, this.#directory)
    await using hermes = await openHermes(config, { environment: {}, clock: systemClock, log: silent }, options)
    return await work(hermes)
  }

  plan(options: HermesOptions = { readOnly: true }): Promise<Plan> {
    return this.with((hermes) => hermes.api.plan(), options)
  }

  async state(): Promise<string> {
    return JSON.stringify(await this.with((hermes) => hermes.api.state()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.#directory, { recursive: true, force: true })
  }
}

async function openStand({ url }: Pick<Home, 'url'>): Promise<Stand> {
  const directory = await mkdtemp(join(tmpdir(), 'hermes-offline-'))
  await writeFile(join(directory, 'prices.csv'), 'id,close,note\n1,10,a\n2,20,b\n')
  return new Stand(directory, url)
}

function source(name: string, table: string): string {
  return `apiVersion: hermes/v1
kind: SourceDefinition
metadata: { name: ${name} }
spec:
  schedule: { every: 1h }
  file: { path: ../prices.csv }
  table: ${table}
`
}

const whole = '{ name: prices, primaryKey: [id], columns: { id: integer, close: numeric, note: text } }'
const prices = { 'a.yaml': source('a', whole), 'b.yaml': source('b', whole) }

/** Changes of every kind: what a plan against a state has to get right without looking. */
const changes: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ['nothing', prices],
  ['a new source', { ...prices, 'c.yaml': source('c', '{ primaryKey: [id] }') }],
  ['a column less', { 'a.yaml': source('a', whole.replace(', note: text', '')), 'b.yaml': prices['b.yaml'] }],
  ['a removal', { 'a.yaml': prices['a.yaml'] }],
  ['a move', { 'a.yaml': source('a', whole.replace('prices', 'elsewhere')), 'b.yaml': prices['b.yaml'] }],
  ['a narrower key', { 'a.yaml': source('a', '{ name: prices, primaryKey: [id], columns: { id: date } }') }],
  ["somebody else's table", { ...prices, 'c.yaml': source('c', '{ name: theirs }') }],
]

eachDatabase('a plan against an exported state', ({ home: newHome }) => {
  test('is the plan against the database itself, whatever changes', async () => {
    await using home = await newHome()
    await using stand = await openStand(home)
    await stand.declare(prices)
    await home.witness('CREATE TABLE theirs (id integer)')
    await stand.with((hermes) => hermes.apply({ run: true }, never))
    const state = await stand.state()
    const hashes = new Set<string>()
    for (const [what, files] of changes) {
      await stand.declare(files)
      const there = await stand.plan()
      expect(await stand.plan({ world: { state } }), what).toEqual(there)
      hashes.add(there.hash)
    }
    expect(hashes.size).toBe(changes.length)
  })

  test('is stale once the database has moved on', async () => {
    await using home = await newHome()
    await using stand = await openStand(home)
    await stand.declare(prices)
    await stand.with((hermes) => hermes.apply({ run: true }, never))
    const state = await stand.state()
    await home.witness('ALTER TABLE prices DROP COLUMN note')
    const { hash } = await stand.plan({ world: { state } })
    const refused = stand.with((hermes) => hermes.apply({ run: false, plan: hash }, never))
    await expect(refused).rejects.toMatchObject({ code: 'plan_stale' })
    expect((await stand.plan()).resources).not.toEqual([])
    const { hash: now } = await stand.plan()
    const report = await stand.with((hermes) => hermes.apply({ run: false, plan: now }, never))
    expect(report.applied).toEqual([{ key: 'Table/prices', action: 'change', steps: 1 }])
  })

  test('has a hash that approves all that is blocked in it, and nothing after it', async () => {
    await using home = await newHome()
    await using stand = await openStand(home)
    await stand.declare(prices)
    await stand.with((hermes) => hermes.apply({ run: true }, never))
    const less = whole.replace(', note: text', '')
    await stand.declare({ 'a.yaml': source('a', less), 'b.yaml': source('b', less) })
    const { hash, resources } = await stand.plan()
    const [single = ''] = resources.flatMap(({ blocked }) => blocked?.approval ?? [])
    const stale = stand.with((hermes) => hermes.api.approve(hash.replace(/./g, '0')))
    await expect(stale).rejects.toMatchObject({ code: 'plan_stale' })
    expect(await stand.with((hermes) => hermes.api.approve(single))).toEqual(['Table/prices'])
    await stand.declare(prices)
    await stand.with((hermes) => hermes.apply({ run: false }, never))
    await stand.declare({ 'a.yaml': source('a', less), 'b.yaml': source('b', less) })
    expect(await stand.with((hermes) => hermes.api.approve(hash))).toEqual(['Table/prices'])
    await stand.with((hermes) => hermes.apply({ run: false }, never))
    await expect(home.witness('SELECT note FROM prices')).rejects.toThrow()
    await expect(stand.with((hermes) => hermes.api.approve(hash))).rejects.toMatchObject({ code: 'plan_stale' })
  })

  test('of an empty world creates everything, in the words of the database that is named', async () => {
    await using home = await newHome()
    await using stand = await openStand(home)
    await stand.declare(prices)
    const empty = await stand.plan({ world: 'empty' })
    expect(empty).toEqual(await stand.plan())
    expect(empty.summary).toMatchObject({ create: 3, change: 0, remove: 0 })
  })
})

function connection(name: string, url: string, token: string): string {
  const auth = `auth: { bearer: { token: "${token}" } }, headers: { x-user: "hunter2" }`
  return `apiVersion: hermes/v1
kind: Connection
metadata: { name: ${name} }
spec: { http: { url: "${url}", ${auth} } }
`
}

test('a state holds no secret, and a change beside one is still explained', async () => {
  await using stand = await openStand({ url: 'sqlite:hermes.db' })
  const before = {
    'one.yaml': connection('one', 'http://127.0.0.1:9/?key=hunter2', 'hunter2-${secrets.TOKEN}'),
    'two.yaml': connection('two', 'http://127.0.0.1:9/?api_key=hunter2', 'Bearer ${secrets.TOKEN}'),
  }
  await stand.declare(before)
  await stand.with((hermes) => hermes.apply({ run: false }, never))
  const state = await stand.state()
  expect(state).not.toContain('hunter2')
  expect(state).toContain('Bearer ${secrets.TOKEN}')
  expect(state).toContain('***${secrets.TOKEN}')

  const world = { state }
  expect((await stand.plan({ world })).resources).toEqual([])
  await stand.declare({ ...before, 'one.yaml': before['one.yaml'].replace('127.0.0.1:9', '127.0.0.1:10') })
  expect((await stand.plan({ world })).resources.map(({ reason }) => reason)).toEqual([
    'spec.http.url changed from http://127.0.0.1:9/?key=*** to http://127.0.0.1:10/?key=***',
  ])
  await stand.declare({ ...before, 'two.yaml': before['two.yaml'].replace('hunter2" }', 'letmein" }') })
  expect((await stand.plan({ world })).resources.map(({ reason }) => reason)).toEqual(['the manifest changed'])
})

test.each([
  ['what is no JSON', 'hello', 'state_invalid'],
  ['another document', '{"kind":"List"}', 'state_invalid'],
  [
    'a state without its tables',
    '{"format":"hermes-state","version":1,"dialect":"sqlite","entries":[]}',
    'state_invalid',
  ],
  [
    'a state with a damaged entry',
    '{"format":"hermes-state","version":1,"dialect":"sqlite","entries":[7],"tables":[]}',
    'state_invalid',
  ],
  ['a state of another version', '{"format":"hermes-state","version":2}', 'state_version'],
])('%s is refused', (_what, text, code) => {
  expect(() => parseState(text)).toThrow(expect.objectContaining({ code }))
})
