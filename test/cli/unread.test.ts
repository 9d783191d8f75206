import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { StatusReport } from '../../src/observe/status.ts'
import { HttpGitServer, hang } from '../origin/git/http-server.ts'
import { Upstream } from '../origin/git/upstream.ts'
import { ask } from '../service/open-world.ts'
import { finish, openPlace } from './bin.ts'

/** The real service on a real repository whose server does not answer any more. */
let upstream: Upstream
let server: HttpGitServer
let place: Awaited<ReturnType<typeof openPlace>>
let git: readonly string[]
beforeAll(async () => {
  upstream = await Upstream.create()
  server = await HttpGitServer.start({ root: upstream.root })
  place = await openPlace()
  await place.hermes('init')
  const text = await readFile(join(place.directory, 'manifests/cities.yaml'), 'utf8')
  await upstream.commit({ 'manifests/cities.yaml': text })
  git = ['--git', server.url(), '--path', 'manifests', '--interval', '1h']
})
afterAll(async () => {
  await place[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const get = async (path: string, at = place) => {
  const began = performance.now()
  const socketPath = join(at.directory, '.hermes/hermes.sock')
  const { status, text } = await ask({ socketPath, method: 'GET', path: `/api/v1${path}` })
  return { status, body: JSON.parse(text) as unknown, ms: performance.now() - began }
}
const logged = (stderr: string) =>
  stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly level: string; readonly msg: string })

describe('before the first look at a repository whose server does not answer', () => {
  let service: Awaited<ReturnType<typeof place.serve>>
  beforeAll(async () => {
    expect((await place.hermes('apply', ...git)).stdout).toContain('fetched 1 source, 5 rows')
    server.fault = hang
    service = await place.serve(...git)
  })

  it('the status is what the database says, at once, and says that it is no more than that', async () => {
    const { status, body, ms } = await get('/status')
    expect([status, ms < 1_000]).toEqual([200, true])
    const report = body as StatusReport
    expect([report.revision, report.problems]).toEqual(['', []])
    expect(report.unread).toBe('The manifests have not been read since the start: this is what the database says.')
    expect(report.resources).toMatchObject([
      {
        kind: 'SourceDefinition',
        name: 'cities',
        state: 'progressing',
        reason: 'ManifestsUnread',
        revision: `main@sha1:${await upstream.git('rev-parse', 'main')}`,
        at: { file: 'cities.yaml' },
        table: 'cities',
        rows: 5,
        lastRunAt: expect.any(String),
      },
    ])
    expect(report.resources[0]?.conditions).toContainEqual(expect.objectContaining({ type: 'Fetched', status: 'True' }))
  })

  it('hermes-status prints that, and does not take it for well', async () => {
    const { code, stdout } = await place.status('--exit-code')
    expect(code).toBe(2)
    expect(stdout).toMatch(/^The manifests have not been read since the start: .*\n.*\nSourceDefinition +cities +progr/)
  })

  it.each([
    ['/state', { entries: [{ name: 'cities' }, { name: 'cities' }] }],
    ['/events', []],
    ['/sources/cities/rows?limit=1', [{ city: expect.any(String) }]],
    ['/tables/cities/trace', { sources: [{ name: 'cities', rows: 5 }] }],
  ])('GET %s answers without it', async (path, expected) => {
    const { status, body, ms } = await get(path)
    expect([status, ms < 2_500]).toEqual([200, true])
    expect(body).toMatchObject(expected)
  })

  it('what needs the manifests waits a few seconds and then says that nobody has read them', async () => {
    const answers = await Promise.all([get('/plan'), get('/manifests'), get('/sources/none/rows')])
    for (const { status, body, ms } of answers) {
      expect([status, body]).toMatchObject([503, { error: { code: 'manifests_unread' } }])
      expect(ms).toBeLessThan(18_000)
    }
    const ran = await place.hermes('run', 'cities')
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining('error[manifests_unread]')])
  }, 60_000)

  it('what waits when the service stops is told so, and the log speaks of no failure', async () => {
    const waiting = get('/plan')
    await expect.poll(async () => (await get('/status')).status).toBe(200)
    const began = performance.now()
    service.child.kill('SIGTERM')
    expect(await waiting).toMatchObject({ status: 503, body: { error: { code: 'service_stopping' } } })
    const { code, stderr } = await service.result
    expect([code, performance.now() - began < 4_000]).toEqual([0, true])
    const messages = logged(stderr).map(({ msg }) => msg)
    expect(messages).toContain('stopped')
    expect(messages.filter((msg) => msg === 'request failed').length).toBe(4)
    expect(stderr).not.toMatch(/aborted|"internal"|service_stopping/)
  })
})

it('a change by commit that waits for the repository is given up when the service stops, and nothing is written', async () => {
  await using own = await openPlace()
  const service = await own.serve('--git', server.url(), '--git-write')
  const text =
    'apiVersion: hermes/v1\nkind: Connection\nmetadata: { name: a }\nspec: { http: { url: "https://a.test" } }\n'
  const adding = own.run('hermes', ['add', '-'], text)
  const reconciling = own.hermes('reconcile')
  // Both have asked by then, and wait.
  await sleep(1_500)
  const began = performance.now()
  service.child.kill('SIGTERM')
  for (const { code, stderr } of await Promise.all([adding, reconciling])) {
    expect([code, stderr]).toEqual([1, expect.stringContaining('error[service_stopping]')])
  }
  const { code, stderr } = await service.result
  expect([code, performance.now() - began < 4_000]).toEqual([0, true])
  expect(logged(stderr).filter(({ level }) => level === 'error')).toEqual([])
  expect(await upstream.git('log', '--format=%s', 'main')).toBe('Change')
})

it('a database without anything is no proof that nothing is declared', async () => {
  await using fresh = await openPlace()
  const child = fresh.start('hermes', ['serve', ...git])
  const result = finish(child)
  await expect
    .poll(() => get('/status', fresh).catch(() => undefined), { timeout: 15_000 })
    .toMatchObject({
      status: 200,
      body: { resources: [], unread: expect.any(String) },
    })
  const { code, stdout } = await fresh.status('--exit-code')
  expect([code, stdout]).toEqual([2, expect.stringMatching(/^The manifests have not been read since the start: .*\n$/)])
  server.fault = undefined
  child.kill('SIGTERM')
  expect((await result).code).toBe(0)
})
