import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EventEntry } from '../../src/observe/events.ts'
import type { Plan } from '../../src/reconcile/plan.ts'
import type { StatusReport } from '../../src/service/api.ts'
import { type LocalServer, serve } from '../connectors/local-server.ts'
import { HttpGitServer } from '../origin/git/http-server.ts'
import { Signer } from '../origin/git/signing.ts'
import { Upstream } from '../origin/git/upstream.ts'
import { senders } from '../service/hook-senders.ts'
import { ask } from '../service/open-world.ts'
import { eachDatabase, type Home } from '../store/databases.ts'
import { openPlace } from './bin.ts'

const GIT_TOKEN = 'git-token-0123456789'
const WEBHOOK_SECRET = 'webhook-secret-0123456789'
const HOUR = ['--interval', '1h'] as const

const cities = (file: string, columns = '') => `apiVersion: hermes/v1
kind: SourceDefinition
metadata: { name: cities }
spec:
  file: { path: ${file} }
  table: { primaryKey: [city], columns: { city: text${columns} }, evolve: freeze }
`

const connection = (name: string) =>
  `apiVersion: hermes/v1\nkind: Connection\nmetadata: { name: ${name} }\nspec: { http: { url: "https://x.example" } }\n`

/** A Git host: a repository over http, webhooks as GitHub sends them, and its API for the status of commits. */
interface Host extends AsyncDisposable {
  readonly upstream: Upstream
  readonly url: string
  readonly api: LocalServer
  /** What the checks of a commit say, in order. */
  checks(commit: string): readonly string[]
}

async function openHost(): Promise<Host> {
  await using opening = new AsyncDisposableStack()
  const upstream = opening.use(await Upstream.create())
  await mkdir(join(upstream.root, 'acme'))
  await symlink(upstream.path, join(upstream.root, 'acme/data.git'))
  const server = opening.use(await HttpGitServer.start({ root: upstream.root, auth: `ann:${GIT_TOKEN}` }))
  const api = opening.use(await serve(() => ({})))
  const opened = opening.move()
  return {
    upstream,
    url: server.url('acme/data.git'),
    api,
    checks: (commit) =>
      api.seen
        .filter(({ url }) => url.pathname === `/repos/acme/data/statuses/${commit}`)
        .map(({ body }) => (JSON.parse(body) as { state: string }).state),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

const sourceOf = (seen?: StatusReport) => seen?.resources.find(({ kind }) => kind === 'SourceDefinition')

eachDatabase('hermes serve with --git, told of pushes by webhook', ({ home }) => {
  let host: Host
  let place: Awaited<ReturnType<typeof openPlace>>
  let database: Home
  let data: string
  let first: string
  let second: string
  beforeAll(async () => {
    host = await openHost()
    database = await home()
    place = await openPlace()
    data = join(place.directory, 'cities.csv')
    first = await host.upstream.commit({ 'manifests/cities.yaml': cities(data) })
    await writeFile(data, 'city,mayor\nOslo,Anne\nRome,Roberto\n')
    await writeSecrets(join(place.directory, '.hermes/secrets'), {
      GIT_USERNAME: 'ann',
      GIT_TOKEN,
      GIT_WEBHOOK_SECRET: WEBHOOK_SECRET,
    })
    const told = ['--commit-status', 'prod', '--git-host', 'github', '--git-api', host.api.url]
    await place.serve('--git', host.url, '--path', 'manifests', '--database', database.url, ...HOUR, ...told)
  })
  afterAll(async () => {
    await place[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
    await host[Symbol.asyncDispose]()
  })

  const report = async () => JSON.parse((await place.status('-o', 'json')).stdout) as StatusReport
  const columns = async () => Object.keys((await database.witness('SELECT * FROM cities'))[0] ?? {})
  const inForce = (commit: string, state: string) =>
    expect
      .poll(
        async () => {
          const seen = await place.report()
          return [seen?.revision, sourceOf(seen)?.state]
        },
        { timeout: 15_000 },
      )
      .toEqual([`main@sha1:${commit}`, state])

  /** As GitHub tells of a push to `main`, signed with `secret`. */
  async function tell(secret: string, ref = 'refs/heads/main') {
    const { headers, body } = senders.GitHub.push({ owner: 'acme', name: 'data', ref })
    const content = JSON.stringify(body).replaceAll('github.com', '127.0.0.1')
    const socketPath = join(place.directory, '.hermes/hermes.sock')
    const signed = { ...headers, ...senders.GitHub.sign(content, secret) }
    const { status, text } = await ask({ socketPath, method: 'POST', path: '/hooks/git', headers: signed }, content)
    return [status, (JSON.parse(text) as { wakes?: boolean }).wakes]
  }

  it('fills tables from the commit that it names in status, events and ledger', async () => {
    await inForce(first, 'ready')
    const revision = `main@sha1:${first}`
    expect(sourceOf(await report())?.revision).toBe(revision)
    expect(await database.witness('SELECT DISTINCT revision FROM hermes_resources')).toEqual([{ revision }])
    const events = JSON.parse((await place.hermes('events', '-o', 'json')).stdout) as EventEntry[]
    expect(events).toContainEqual(
      expect.objectContaining({ reason: 'RevisionAccepted', message: `${revision} is in force` }),
    )
    await expect.poll(() => host.checks(first).at(-1), { timeout: 15_000 }).toBe('success')
  })

  it('follows a push that it is told of, and nobody else’s word', async () => {
    second = await host.upstream.commit({ 'manifests/cities.yaml': cities(data, ', mayor: text') })
    expect(await tell('another-secret')).toEqual([401, undefined])
    expect(await tell(WEBHOOK_SECRET, 'refs/heads/draft')).toEqual([202, false])
    expect((await report()).revision).toBe(`main@sha1:${first}`)
    expect(await tell(WEBHOOK_SECRET)).toEqual([202, true])
    await inForce(second, 'ready')
    expect(await columns()).toContain('mayor')
    expect((await place.hermes('run', 'cities')).code).toBe(0)
    await expect.poll(() => host.checks(second).at(-1), { timeout: 15_000 }).toBe('success')
  })

  it('a revert waits where it loses values, and the plan names them, file and line and the commit', async () => {
    const revert = await host.upstream.commit({ 'manifests/cities.yaml': cities(data) }, { message: 'Revert' })
    expect(await tell(WEBHOOK_SECRET)).toEqual([202, true])
    await inForce(revert, 'blocked')
    await expect.poll(() => host.checks(revert).at(-1), { timeout: 15_000 }).toBe('failure')
    const { code, stdout } = await place.hermes('plan')
    expect([code, stdout]).toEqual([3, expect.stringContaining('loses the values of column mayor (2 rows)')])
    expect(stdout).toContain(`was removed in main@${revert.slice(0, 7)} at cities.yaml:6`)
    const { resources } = JSON.parse((await place.hermes('plan', '-o', 'json')).stdout) as Plan
    expect(new Set(resources.map(({ revision }) => revision))).toEqual(new Set([`main@sha1:${revert}`]))
    const approval = resources.find(({ blocked }) => blocked !== undefined)?.blocked?.approval ?? ''
    expect((await place.hermes('approve', approval)).code).toBe(0)
    await inForce(revert, 'ready')
    expect(await columns()).not.toContain('mayor')
  })

  it('keeps its credentials to itself', async () => {
    const directory = join(place.directory, '.hermes')
    const files = await readdir(directory, { recursive: true, withFileTypes: true })
    const read = files
      .filter((each) => each.isFile() && !each.parentPath.endsWith('/secrets'))
      .map((each) => readFile(join(each.parentPath, each.name), 'latin1'))
    const seen = [...(await Promise.all(read)), JSON.stringify(await report()), (await place.hermes('events')).stdout]
    expect(seen.length).toBeGreaterThan(5)
    for (const secret of [GIT_TOKEN, WEBHOOK_SECRET]) expect(seen.filter((text) => text.includes(secret))).toEqual([])
    expect(host.api.seen.map(({ headers }) => headers.authorization)).toContain(`Bearer ${GIT_TOKEN}`)
  })
})

describe('--verify', () => {
  it('refuses an unsigned commit, says so, and leaves in force what was signed', async () => {
    await using signer = await Signer.ssh()
    await using upstream = await Upstream.create()
    await using place = await openPlace()
    await writeSecrets(join(place.directory, '.hermes/secrets'), {
      GIT_ALLOWED_SIGNERS: 'ssh' in signer.trust ? signer.trust.ssh : '',
    })
    const settings = ['--git', upstream.path, '--verify', 'ssh']
    const good = await upstream.commit({ 'shop.yaml': connection('shop') }, { signing: signer.signing })
    expect(await place.hermes('apply', ...settings)).toMatchObject({ code: 0, stderr: '' })

    const bad = await upstream.commit({ 'shop.yaml': undefined, 'evil.yaml': connection('evil') })
    const refused = await place.hermes('apply', ...settings)
    expect([refused.code, refused.stdout]).toEqual([1, expect.stringContaining('git_unverified')])
    expect(refused.stdout).toContain(bad)
    const { stdout } = await place.status('-o', 'json', ...settings)
    const { revision, resources, problems } = JSON.parse(stdout) as StatusReport
    expect([revision, resources.map(({ name }) => name)]).toEqual([`main@sha1:${good}`, ['shop']])
    expect(problems).toMatchObject([{ code: 'git_unverified' }])
  })
})

describe('--branch, --tag and --commit', () => {
  it('say what is read, and under which name', async () => {
    await using upstream = await Upstream.create()
    await using place = await openPlace()
    const at = async (branch: string, name: string) =>
      upstream.commit({ 'shop.yaml': connection(name) }, { branch, isOrphan: true })
    const [main, live, old] = [await at('main', 'newest'), await at('live', 'living'), await at('draft', 'tagged')]
    await upstream.git('-c', 'user.name=Ann', '-c', 'user.email=a@example.test', 'tag', '-a', '-m', 'x', 'v1', old)
    const read = async (...ref: readonly string[]) => {
      const { stdout } = await place.status(
        '-o',
        'json',
        '--data-dir',
        `of${ref.join('')}`,
        '--git',
        upstream.path,
        ...ref,
      )
      const { revision, resources } = JSON.parse(stdout) as StatusReport
      return [revision, ...resources.map(({ name }) => name)]
    }
    const apply = (...ref: readonly string[]) =>
      place.hermes('apply', '--data-dir', `of${ref.join('')}`, '--git', upstream.path, ...ref)
    for (const [ref, revision, name] of [
      [[], `main@sha1:${main}`, 'newest'],
      [['--branch', 'live'], `live@sha1:${live}`, 'living'],
      [['--tag', 'v1'], `v1@sha1:${old}`, 'tagged'],
      [['--commit', live], `sha1:${live}`, 'living'],
    ] as const) {
      expect((await apply(...ref)).code).toBe(0)
      expect(await read(...ref)).toEqual([revision, name])
    }
    const gone = await apply('--tag', 'v2')
    expect([gone.code, gone.stdout]).toEqual([1, expect.stringContaining('the repository has no tag v2')])
  })
})

async function writeSecrets(directory: string, secrets: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  for (const [name, value] of Object.entries(secrets)) await writeFile(join(directory, name), value, { mode: 0o600 })
}
