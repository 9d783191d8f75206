import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { type Flags, readConfig } from '../src/config.ts'
import { openHermes } from '../src/hermes.ts'
import type { ResourceStatus } from '../src/observe/status.ts'
import type { Hermes } from '../src/service/api.ts'
import type { Log } from '../src/stream/connector.ts'
import { serve } from './connectors/local-server.ts'
import { type KeyPair, newKey, sopsFile } from './manifest/sops-files.ts'
import { Upstream } from './origin/git/upstream.ts'
import { quiet } from './quiet-log.ts'

const never = new AbortController().signal

let key: KeyPair
beforeAll(async () => {
  key = await newKey()
})

/** An API that lets one token in, and anybody at `/open`. */
async function guarded(token: string) {
  const lets = { token }
  const server = await serve(({ url, headers: { authorization = '' } }, response) => {
    const isKnown = url.pathname === '/open' || authorization === `Bearer ${lets.token}`
    if (!isKnown) response.statusCode = 401
    return isKnown ? [{ id: 1 }, { id: 2 }] : { error: `no entry with ${authorization}` }
  })
  return {
    url: server.url,
    lets,
    /** The credentials that came, in turn. */
    seen: (path: string) =>
      server.seen.filter(({ url }) => url.pathname === path).map(({ headers }) => headers.authorization),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

const manifests = (url: string): string => `apiVersion: hermes/v1
kind: Connection
metadata: { name: shop }
spec:
  http: { url: "${url}", auth: { bearer: { token: "\${secrets.SHOP_TOKEN}" } } }
---
apiVersion: hermes/v1
kind: SourceDefinition
metadata: { name: orders }
spec:
  connection: shop
  schedule: { every: 1h }
  http: { path: /orders }
---
apiVersion: hermes/v1
kind: SourceDefinition
metadata: { name: open }
spec:
  schedule: { every: 1h }
  http: { path: "${url}/open" }
`

const encrypted = (secrets: Readonly<Record<string, string>>, recipient = key.recipient): Promise<string> =>
  sopsFile(secrets, { recipients: [recipient] })

/** Where manifests lie, and how they change. */
interface Place extends AsyncDisposable {
  readonly flags: Flags
  write(files: Readonly<Record<string, string>>): Promise<void>
}

async function directory(): Promise<Place> {
  const root = await mkdtemp(join(tmpdir(), 'hermes-secrets-'))
  const manifestsDir = join(root, 'manifests')
  return {
    flags: { manifests: manifestsDir },
    write: async (files) => {
      for (const [name, text] of Object.entries(files)) {
        await mkdir(dirname(join(manifestsDir, name)), { recursive: true })
        await writeFile(join(manifestsDir, `.${name}`), text)
        await rename(join(manifestsDir, `.${name}`), join(manifestsDir, name))
      }
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}

async function repository(): Promise<Place> {
  const upstream = await Upstream.create()
  return {
    flags: { git: upstream.path },
    write: async (files) => void (await upstream.commit(files)),
    [Symbol.asyncDispose]: () => upstream[Symbol.asyncDispose](),
  }
}

/** A service over a place, with all that it logs; in a home that was given, it and what is in it stay. */
async function follow(place: Place, given?: { readonly home: string; readonly variables?: Record<string, string> }) {
  const home = given?.home ?? (await mkdtemp(join(tmpdir(), 'hermes-home-')))
  const lines: string[] = []
  const write = (fields: object, message: string): void => void lines.push(JSON.stringify([message, fields]))
  const log: Log = { debug: write, info: write, warn: write, error: write, child: () => log }
  const dataDir = join(home, 'data')
  const environment = { PATH: process.env['PATH'], HERMES_SECRET_SOPS_AGE_KEY: key.identity, ...given?.variables }
  const settings = readConfig({ ...place.flags, dataDir }, {}, home)
  const config = settings.git === undefined ? settings : { ...settings, git: { ...settings.git, intervalMs: 100 } }
  const hermes = await openHermes(config, { environment, clock: systemClock, log })
  const stop = new AbortController()
  const ready = Promise.withResolvers<void>()
  const served = hermes.serve({ stop: stop.signal, abort: never }, () => ready.resolve())
  await Promise.race([ready.promise, served])
  return {
    hermes,
    lines,
    dataDir,
    /** Waits until a resource is so, by itself. */
    becomes: async (name: string, wish: Partial<ResourceStatus>): Promise<void> => {
      await expect.poll(() => statusOf(hermes, name), { timeout: 15_000 }).toMatchObject(wish)
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await served
      await hermes[Symbol.asyncDispose]()
      if (given === undefined) await rm(home, { recursive: true, force: true })
    },
  }
}

async function statusOf(hermes: Hermes, name: string): Promise<ResourceStatus | undefined> {
  return (await hermes.api.status()).resources.find((each) => each.name === name && each.kind !== 'Table')
}

const origins = { 'a directory': directory, 'a repository': repository }

const intoWarehouse = `apiVersion: hermes/v1
kind: Connection
metadata: { name: warehouse }
spec: { database: { url: "\${secrets.WAREHOUSE}" } }
---
apiVersion: hermes/v1
kind: Workflow
metadata: { name: ticks }
spec:
  source: { generate: { payload: 1, count: 1 } }
  sinks: [{ table: { connection: warehouse, name: ticks, json: tick } }]
`

describe.each(Object.entries(origins))('a secret in a file of %s', (_, open) => {
  it('reaches a workflow through its Connection, which could not start with the old one', async () => {
    await using place = await open()
    await place.write({ 'all.yaml': intoWarehouse, 'a.sops.yaml': await encrypted({ WAREHOUSE: 'no address' }) })
    await using service = await follow(place)
    await service.becomes('ticks', { state: 'stalled', reason: 'InvalidValue' })
    const warehouse = `sqlite:${join(service.dataDir, 'warehouse.db')}`
    await place.write({ 'a.sops.yaml': await encrypted({ WAREHOUSE: warehouse }) })
    await service.becomes('ticks', { state: 'ready' })
    expect(service.lines.join('\n')).not.toContain('no address')
  })

  it('reaches who uses it, and so does a new value: who failed for the old one is tried at once', async () => {
    await using api = await guarded('first-token')
    await using place = await open()
    await place.write({ 'all.yaml': manifests(api.url), 'a.sops.yaml': await encrypted({ SHOP_TOKEN: 'first-token' }) })
    await using service = await follow(place)
    await service.becomes('orders', { state: 'ready', rows: 2 })

    api.lets.token = 'second-token'
    await expect(service.hermes.api.run('orders', never)).rejects.toMatchObject({ code: 'http_unauthorized' })
    await service.becomes('orders', { state: 'stalled', attempts: 1 })
    await place.write({ 'a.sops.yaml': await encrypted({ SHOP_TOKEN: 'second-token' }) })
    await service.becomes('orders', { state: 'ready', attempts: 0 })
    expect(api.seen('/orders')).toEqual(['Bearer first-token', 'Bearer first-token', 'Bearer second-token'])
    expect(api.seen('/open')).toHaveLength(1)

    const shown = JSON.stringify([await service.hermes.api.status(), await service.hermes.api.plan(), service.lines])
    expect(shown).toContain('fetch failed')
    expect(`${shown}${await everythingIn(service.dataDir)}`).not.toMatch(/first-token|second-token|AGE-SECRET-KEY/)
  })

  it('that cannot be decrypted stalls who needs it and nobody else, and prunes are not held up', async () => {
    await using api = await guarded('a-token')
    await using place = await open()
    const sound = await encrypted({ SHOP_TOKEN: 'a-token' })
    const closed = await encrypted({ SHOP_TOKEN: 'a-token' }, (await newKey()).recipient)
    await place.write({ 'all.yaml': manifests(api.url), 'a.sops.yaml': closed })
    await using service = await follow(place)
    await service.becomes('open', { state: 'ready', rows: 2 })
    await service.becomes('shop', { state: 'stalled', reason: 'SecretUndecryptable' })
    expect(await statusOf(service.hermes, 'shop')).toMatchObject({
      message: expect.stringContaining('a.sops.yaml is encrypted for age1'),
    })
    await service.becomes('orders', { state: 'waiting' })
    const { problems } = await service.hermes.api.status()
    expect(problems).toEqual([
      expect.objectContaining({ code: 'secret_undecryptable', at: { file: 'a.sops.yaml', line: 4, column: 5 } }),
    ])
    const [connection = '', orders = ''] = manifests(api.url).split('---\n')
    await place.write({ 'all.yaml': `${connection}---\n${orders}` })
    await expect.poll(() => statusOf(service.hermes, 'open'), { timeout: 15_000 }).toBeUndefined()

    await place.write({ 'a.sops.yaml': sound })
    await service.becomes('orders', { state: 'ready', rows: 2 })
    expect((await service.hermes.api.status()).problems).toEqual([])
    await place.write({ 'b.sops.json': JSON.stringify({ SHOP_TOKEN: 'for everybody to read' }) })
    await service.becomes('shop', { state: 'stalled', reason: 'SecretDuplicate' })
    const codes = (await service.hermes.api.status()).problems.map(({ code, at }) => `${at.file} ${code}`)
    expect(codes.toSorted()).toEqual([
      'a.sops.yaml secret_duplicate',
      'b.sops.json secret_duplicate',
      'b.sops.json secret_unencrypted',
    ])
  })
})

/** Where a secret that is not among the manifests or is, and how it gets another value. */
const rotations: Readonly<
  Record<string, (place: Place, home: string, token: string) => Promise<Record<string, string>>>
> = {
  'the environment': async (_place, _home, token) => ({ HERMES_SECRET_SHOP_TOKEN: token }),
  'the secrets directory': async (_place, home, token) => {
    await mkdir(join(home, 'data', 'secrets'), { recursive: true })
    await writeFile(join(home, 'data', 'secrets', 'SHOP_TOKEN'), token)
    return {}
  },
  'a file of secrets': async (place, _home, token) => {
    await place.write({ 'a.sops.yaml': await encrypted({ SHOP_TOKEN: token }) })
    return {}
  },
}

describe.each(Object.entries(rotations))('a secret in %s that is rotated while no service runs', (_where, rotate) => {
  it('has who failed with the old one tried at the next start, and only for that', async () => {
    await using api = await guarded('second-token')
    await using place = await directory()
    await place.write({ 'all.yaml': manifests(api.url) })
    const home = await mkdtemp(join(tmpdir(), 'hermes-home-'))
    let variables = await rotate(place, home, 'first-token')
    {
      await using service = await follow(place, { home, variables })
      await service.becomes('orders', { state: 'stalled', attempts: 1 })
    }
    {
      await using service = await follow(place, { home, variables })
      await service.becomes('orders', { state: 'stalled', attempts: 1 })
      await service.becomes('open', { state: 'ready' })
      await service.hermes.api.run('open', never)
      expect(api.seen('/orders')).toEqual(['Bearer first-token'])
    }
    variables = await rotate(place, home, 'second-token')
    {
      await using service = await follow(place, { home, variables })
      await service.becomes('orders', { state: 'ready', rows: 2, attempts: 0 })
    }
    expect(api.seen('/orders')).toEqual(['Bearer first-token', 'Bearer second-token'])
    expect(await everythingIn(home)).not.toContain('first-token')
    await rm(home, { recursive: true })
  })
})

it('hermes apply and hermes preview fetch with a secret of a file', async () => {
  await using api = await guarded('a-token')
  await using place = await directory()
  await place.write({ 'all.yaml': manifests(api.url), 'a.sops.yaml': await encrypted({ SHOP_TOKEN: 'a-token' }) })
  const home = await mkdtemp(join(tmpdir(), 'hermes-home-'))
  const config = readConfig({ ...place.flags, dataDir: home }, {}, home)
  const environment = { HERMES_SECRET_SOPS_AGE_KEY: key.identity }
  await using hermes = await openHermes(config, { environment, clock: systemClock, log: quiet })
  const shown = await hermes.preview(join(config.manifestsDir, 'all.yaml'), { name: 'orders', limit: 5 }, never)
  expect(shown.records).toBe(2)
  const { failed, runs } = await hermes.apply({ run: true }, never)
  expect(failed).toEqual([])
  expect(new Map(runs.map(({ name, rows }) => [name, rows]))).toEqual(
    new Map([
      ['open', 2],
      ['orders', 2],
    ]),
  )
  await rm(home, { recursive: true, force: true })
})

describe('hermes validate', () => {
  it('looks at the structure without the private key, and decrypts with it', async () => {
    await using place = await directory()
    const other = await newKey()
    await place.write({
      'good.sops.yaml': await encrypted({ A: 'x' }),
      'closed.sops.yaml': await encrypted({ B: 'x' }, other.recipient),
    })
    expect(await validated(place, {})).toEqual([])
    expect(await validated(place, { HERMES_SECRET_SOPS_AGE_KEY: key.identity })).toEqual([
      'closed.sops.yaml secret_undecryptable',
    ])
    await place.write({ 'plain.sops.yaml': 'C: open to all\n' })
    expect(await validated(place, {})).toEqual(['plain.sops.yaml secret_unencrypted'])
  })
})

/** `file code` of all that a person is told. */
async function validated(place: Place, environment: Readonly<Record<string, string>>): Promise<string[]> {
  const config = readConfig(place.flags, {}, tmpdir())
  await using hermes = await openHermes(config, { environment, clock: systemClock, log: quiet }, { readOnly: true })
  const { problems, files } = await hermes.validate()
  expect(files).toBeGreaterThan(1)
  return problems.map(({ at, code }) => `${at.file} ${code}`)
}

/** All that lies on the disk, read as if it were text; a file that was on its way to another name is there under that. */
async function everythingIn(root: string): Promise<string> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const files = entries.filter((each) => each.isFile())
  const texts = files.map((each) => readFile(join(each.parentPath, each.name), 'latin1').catch(() => ''))
  return (await Promise.all(texts)).join('\n')
}
