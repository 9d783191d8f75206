import { once } from 'node:events'
import { createServer } from 'node:http'
import { generate } from 'selfsigned'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { commitStatus } from '../../src/observe/commit-status.ts'
import { repositoryAddress } from '../../src/observe/repository-address.ts'
import type { StatusReport } from '../../src/observe/status.ts'
import { statusHost } from '../../src/observe/status-hosts/hosts.ts'
import { waitMs } from '../../src/observe/status-hosts/wait.ts'
import { listen, serve, shut } from '../connectors/local-server.ts'
import { asked, CommitStatusWorld, NEXT, SHA, soon, states } from './commit-status-world.ts'
import { failure, pending, problem, report, success } from './reports.ts'
import { statusApi, TOKEN } from './status-api.ts'

let world: CommitStatusWorld
beforeEach(() => {
  world = new CommitStatusWorld()
})
afterEach(() => world[Symbol.asyncDispose]())

describe.each([
  ['github', '/repos/acme/data/statuses', 'failure', 'context', { authorization: `Bearer ${TOKEN}` }],
  ['gitlab', '/projects/acme%2Ftools%2Fdata/statuses', 'failed', 'name', { 'private-token': TOKEN }],
  ['gitea', '/repos/acme/data/statuses', 'failure', 'context', { authorization: `token ${TOKEN}` }],
] as const)('the status of a commit on %s', (kind, path, failed, context, headers) => {
  it('is posted as its API has it: method, path, token, body', async () => {
    const { api, status } = await world.open(kind)
    status.report(`main@sha1:${SHA}`, failure)
    await asked(api, 1)
    const [first] = api.seen
    expect([first?.method, first?.url.pathname]).toEqual(['POST', `${path}/${SHA}`])
    expect(first?.headers).toMatchObject({ ...headers, 'content-type': 'application/json', 'user-agent': 'hermes' })
    const description = '1 stalled (SourceDefinition/s1)'
    expect(JSON.parse(first?.body ?? '')).toEqual({ state: failed, description, [context]: 'hermes/prod' })
    expect(api.refused).toEqual([])
  })

  it('follows the reports: pending, failure, success, then the next commit', async () => {
    const { api, status } = await world.open(kind)
    const told: [string, StatusReport][] = [
      [SHA, pending],
      [SHA, failure],
      [SHA, success],
      [NEXT, pending],
    ]
    for (const [index, [sha, each]] of told.entries()) {
      status.report(`main@sha1:${sha}`, each)
      if (index > 0) {
        await world.waits()
        await world.clock.advance(5_000)
      }
      await asked(api, index + 1)
    }
    expect(states(api)).toEqual(['a pending', `a ${failed}`, 'a success', 'b pending'])
    expect([api.refused, world.warned]).toEqual([[], []])
  })
})

function urlOf(text: string, provider?: string): string {
  const address = repositoryAddress(text) ?? { host: '', path: '', web: '' }
  const host = statusHost(address, provider)
  return host.apiUrl(address) + host.path(address, 'SHA')
}

describe('a request', () => {
  it('holds a description that the host takes', async () => {
    const { api, status } = await world.open()
    status.report(SHA, report([], [problem(`${'🪣'.repeat(200)}.yaml`)]))
    await asked(api, 1)
    expect([states(api), api.refused]).toEqual([['a failure'], []])
  })

  it('is not made for what the commit has already, also after another commit', async () => {
    const { api, status } = await world.open()
    status.report(`main@sha1:${SHA}`, success)
    await asked(api, 1)
    status.report(`main@sha1:${NEXT}`, pending)
    await world.waits()
    await world.clock.advance(5_000)
    await asked(api, 2)

    status.report(`main@sha1:${NEXT}`, failure)
    await world.waits()
    status.report(`main@sha1:${SHA}`, success)
    status.report(`main@sha1:${NEXT}`, pending)
    await world.clock.advance(5_000)
    await expect.poll(() => world.clock.sleeping, soon).toBe(0)
    status.report(`main@sha1:${NEXT}`, failure)
    await asked(api, 3)
    expect(states(api)).toEqual(['a success', 'b pending', 'b failure'])
  })

  it('is made once in five seconds at most, with the newest', async () => {
    const { api, status } = await world.open()
    for (const state of ['stalled', 'blocked', 'ready'] as const) {
      for (let count = 1; count <= 30; count += 1)
        status.report(SHA, report(Array.from({ length: count }, () => state)))
    }
    await world.waits()
    expect(api.posted.map(({ description }) => description)).toEqual(['1 stalled (SourceDefinition/s0)'])
    await world.clock.advance(4_999)
    expect([api.seen.length, world.clock.sleeping]).toEqual([1, 1])
    status.report(SHA, pending)
    await world.clock.advance(1)
    await asked(api, 2)
    expect(states(api)).toEqual(['a failure', 'a pending'])
    expect(api.refused).toEqual([])
  })

  it.each(['', 'sha256:00', `main@sha1:${SHA.slice(1)}`, 'HEAD'])(
    'is not made for the revision %j',
    async (revision) => {
      const { api, status } = await world.open()
      status.report(revision, success)
      status.report(`HEAD@sha1:${NEXT}`, success)
      await asked(api, 1)
      expect(states(api)).toEqual(['b success'])
    },
  )

  it('goes to the default place of each kind of host', () => {
    expect(urlOf('git@GitHub.com:acme/data.git')).toBe('https://api.github.com/repos/acme/data/statuses/SHA')
    expect(urlOf('ssh://git@gitlab.com:22/a/b/c')).toBe('https://gitlab.com/api/v4/projects/a%2Fb%2Fc/statuses/SHA')
    expect(urlOf('https://codeberg.org/a/b')).toBe('https://codeberg.org/api/v1/repos/a/b/statuses/SHA')
    const own = 'git@git.example.com:acme/data.git'
    expect(urlOf(own, 'github')).toBe('https://git.example.com/api/v3/repos/acme/data/statuses/SHA')
    expect(urlOf(own, 'gitlab')).toBe('https://git.example.com/api/v4/projects/acme%2Fdata/statuses/SHA')
    expect(urlOf('http://git.example.com:3000/acme/data', 'gitea')).toBe(
      'http://git.example.com:3000/api/v1/repos/acme/data/statuses/SHA',
    )
  })

  it.each([
    ['https://git.example.com/acme/data', undefined, /git\.example\.com/],
    ['https://github.com/acme/data', 'bitbucket', /"bitbucket"/],
    ['/srv/git/data.git', undefined, /no host/],
    ['nonsense', 'github', /no host/],
  ])('cannot be made for %s as %s', (address, provider, message) => {
    const log = { warn: () => undefined }
    const options = { address, token: () => TOKEN, context: 'hermes/prod', clock: world.clock, log }
    expect(() => commitStatus({ ...options, ...(provider === undefined ? {} : { provider }) })).toThrow(message)
  })
})

function limited(prefix: string, remaining: string): Record<string, string> {
  return { [`${prefix}-remaining`]: remaining, [`${prefix}-reset`]: `${Date.UTC(2026, 0, 1) / 1000 + 90}` }
}

describe('a host that refuses', () => {
  it.each([
    ['429 with Retry-After in seconds', [429, { 'retry-after': '30' }], 30_000],
    ['503 with Retry-After as a date', [503, { 'retry-after': 'Thu, 01 Jan 2026 00:02:00 GMT' }], 120_000],
    ['403 with a limit that is used up', [403, limited('x-ratelimit', '0')], 90_000],
    ['429 with the names of GitLab', [429, limited('ratelimit', '0')], 90_000],
    ['429 with a reset alone', [429, { 'x-ratelimit-reset': `${Date.UTC(2026, 0, 1) / 1000 + 90}` }], 90_000],
    ['403 with a limit that is not used up', [403, limited('x-ratelimit', '7')], 10_000],
    ['201 that uses the limit up', [201, limited('x-ratelimit', '0')], 90_000],
    ['500', [500, {}], 10_000],
    ['a redirect', [307, { location: 'http://127.0.0.1:1/' }], 10_000],
  ] as [string, [number, Record<string, string>], number][])('with %s is left alone', async (_what, answer, ms) => {
    const { api, status } = await world.open()
    api.instead.push(answer)
    status.report(SHA, pending)
    await asked(api, 1)
    status.report(SHA, success)
    await world.waits()
    await world.clock.advance(ms - 1)
    expect([api.seen.length, world.clock.sleeping]).toEqual([1, 1])
    await world.clock.advance(1)
    await asked(api, 2)
    expect(states(api)).toEqual(['a success'])
    expect(world.warned).toHaveLength(answer[0] === 201 ? 0 : 1)
  })

  it('is never waited for longer than a day, nor for what makes no sense', () => {
    const found = ['1e9', '-5', 'soon', '', '999999999'].map((value) =>
      waitMs({ status: 429, headers: { 'retry-after': value } }, 0),
    )
    expect(found).toEqual([0, 0, 0, 0, 86_400_000])
    expect(waitMs({ status: 200, headers: {} }, 0)).toBe(0)
  })

  it('is asked again with growing patience, and told of once until it gives in', async () => {
    const { api, status } = await world.open()
    api.instead.push(...Array.from({ length: 8 }, () => [502, {}, `bad gateway ${TOKEN}`] as const))
    status.report(SHA, success)
    for (const [index, seconds] of [10, 20, 40, 80, 160, 300, 300, 300].entries()) {
      await world.waits()
      await world.clock.advance(seconds * 1_000 - 1)
      expect(api.seen).toHaveLength(index + 1)
      await world.clock.advance(1)
      await asked(api, index + 2)
    }
    await expect.poll(() => states(api), soon).toEqual(['a success'])
    const message = 'commit status not reported'
    const first = {
      repository: 'github.com/acme/data',
      commit: SHA,
      error: 'github answered 502: bad gateway ***',
      message,
    }
    expect(world.warned).toEqual([first])

    api.instead.push([500, {}])
    status.report(NEXT, success)
    await world.waits()
    await world.clock.advance(5_000)
    await asked(api, 10)
    await world.waits()
    await world.clock.advance(10_000)
    await asked(api, 11)
    expect(states(api)).toEqual(['a success', 'b success'])
    expect(world.warned).toMatchObject([first, { commit: NEXT, error: 'github answered 500: {}' }])
  })

  it('for good is not asked again for the same', async () => {
    const { api, status } = await world.open()
    api.instead.push([422, {}, { message: 'No commit found for SHA' }])
    status.report(SHA, pending)
    await asked(api, 1)
    status.report(SHA, success)
    await world.waits()
    status.report(SHA, pending)
    await world.clock.advance(600_000)
    expect([api.seen.length, world.clock.sleeping]).toEqual([1, 0])
    status.report(SHA, success)
    await asked(api, 2)
    expect(states(api)).toEqual(['a success'])
    expect(world.warned).toMatchObject([{ error: 'github answered 422: {"message":"No commit found for SHA"}' }])
  })

  it('a state that follows itself, as GitLab does, is no trouble', async () => {
    const { api, status } = await world.open('gitlab')
    status.report(SHA, pending)
    await asked(api, 1)
    status.report(SHA, report(['retrying']))
    await world.waits()
    await world.clock.advance(5_000)
    await asked(api, 2)
    status.report(SHA, success)
    await world.waits()
    await world.clock.advance(5_000)
    await asked(api, 3)
    expect(states(api)).toEqual(['a pending', 'a success'])
    expect(api.refused).toEqual(['Cannot transition status via :enqueue from :pending'])
    expect(world.warned).toEqual([])
  })
})

describe('a token', () => {
  it('is asked for at every request, so that a new one counts', async () => {
    let token = 'old-token'
    const { api, status } = await world.open('github', { token: () => token })
    status.report(SHA, success)
    await world.waits()
    expect(api.refused).toEqual(['bad credentials'])
    token = TOKEN
    await world.clock.advance(10_000)
    await expect.poll(() => states(api), soon).toEqual(['a success'])
  })

  it.each([
    ['is missing', () => undefined],
    ['is empty', () => ''],
    [
      'cannot be read',
      () => {
        throw new Error(TOKEN)
      },
    ],
    ['cannot stand in a header', () => `${TOKEN}\n`],
  ] as [string, () => string | undefined][])('that %s disturbs nobody, and is told', async (_what, token) => {
    const { api, status } = await world.open('github', { token })
    status.report(SHA, success)
    await world.waits()
    expect(api.seen).toHaveLength(0)
    expect(world.warned).toHaveLength(1)
    expect(JSON.stringify(world.warned)).not.toContain(TOKEN)
  })

  it('goes to the host alone: no redirect is followed', async () => {
    const elsewhere = world.closing.use(await serve(() => ({})))
    const { api, status } = await world.open()
    api.instead.push([302, { location: elsewhere.url }], [307, { location: elsewhere.url }])
    status.report(SHA, success)
    await world.waits()
    await world.clock.advance(10_000)
    await world.waits()
    await world.clock.advance(20_000)
    await expect.poll(() => states(api), soon).toEqual(['a success'])
    expect(elsewhere.seen).toEqual([])
  })
})

describe('a network that fails', () => {
  it('is told of once, and tried again', async () => {
    const api = await statusApi('github', world.clock)
    await api[Symbol.asyncDispose]()
    const status = world.reporter('github', api)
    status.report(SHA, success)
    await world.waits()
    await world.clock.advance(10_000)
    await world.waits()
    expect(world.warned).toMatchObject([{ error: expect.stringContaining('ECONNREFUSED') }])
  })

  it('does not keep the service from ending', async () => {
    const { api, status } = await world.open()
    api.instead.push(undefined)
    status.report(SHA, success)
    await asked(api, 1)
    await status[Symbol.asyncDispose]()
    await status[Symbol.asyncDispose]()
    status.report(NEXT, success)
    expect([api.seen.length, world.clock.sleeping, world.warned]).toEqual([1, 0, []])
  })

  it('is let go of at the end: no connection stays', async () => {
    const closed = Promise.withResolvers<void>()
    const server = createServer((_request, response) => void response.end('{}'))
    server.on('connection', (socket) => void socket.on('close', () => closed.resolve()))
    const port = await listen(server)
    world.closing.defer(() => shut(server))
    const answered = once(server, 'request')
    const status = world.reporter('github', { url: `http://127.0.0.1:${port}` })
    status.report(SHA, pending)
    await answered
    status.report(SHA, success)
    await world.waits()
    await status[Symbol.asyncDispose]()
    await closed.promise
    expect(world.warned).toEqual([])
  })

  it('does not keep it while it waits either', async () => {
    const { api, status } = await world.open()
    status.report(SHA, pending)
    await asked(api, 1)
    status.report(SHA, success)
    await world.waits()
    await status[Symbol.asyncDispose]()
    await world.clock.advance(600_000)
    expect([states(api), world.clock.sleeping]).toEqual([['a pending'], 0])
  })

  it('trusts the certificate that is named, beside those of the machine', async () => {
    const altNames = [{ type: 7 as const, ip: '127.0.0.1' }]
    const extensions = [
      { name: 'basicConstraints' as const, cA: true },
      { name: 'subjectAltName' as const, altNames },
    ]
    const own = await generate([{ name: 'commonName', value: 'own' }], {
      keyType: 'ec',
      algorithm: 'sha256',
      extensions,
    })
    const api = world.closing.use(await statusApi('github', world.clock, { cert: own.cert, key: own.private }))
    world.reporter('github', api).report(SHA, success)
    await world.waits()
    expect(world.warned).toMatchObject([{ error: expect.stringMatching(/self-signed|certificate/) }])
    world.reporter('github', api, { ca: own.cert }).report(SHA, success)
    await expect.poll(() => states(api), soon).toEqual(['a success'])
  })
})
