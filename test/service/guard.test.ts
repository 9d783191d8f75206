import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openClient } from '../../src/service/client.ts'
import { routes } from '../../src/service/routes.ts'
import { ask, openWorld } from './open-world.ts'

const TOKEN = 'a-token-of-some-length'
const loopback = { host: '127.0.0.1', port: 0 }

interface Case {
  readonly method: string
  readonly path: string
  readonly host?: string
  readonly authorization?: string
}

describe.each([
  ['without a token', undefined],
  ['with a token', TOKEN],
])('TCP on loopback %s', (_what, token) => {
  let world: Awaited<ReturnType<typeof openWorld>>
  beforeAll(async () => {
    world = await openWorld({ http: loopback, ...(token === undefined ? {} : { token }) })
    await world.api.add('SourceDefinition/prices')
  })
  afterAll(() => world[Symbol.asyncDispose]())

  const statusOf = async ({ method, path, host, authorization }: Case) => {
    const headers = {
      ...(host === undefined ? {} : { host }),
      ...(authorization === undefined ? {} : { authorization }),
    }
    return (await ask({ ...world.service.http, method, path, headers })).status
  }
  const read = { method: 'GET', path: '/api/v1/status' }
  const change = { method: 'POST', path: '/api/v1/reconcile' }
  const right = { authorization: `Bearer ${TOKEN}` }

  it.each([
    ['health', { method: 'GET', path: '/livez' }, 200, 200],
    ['metrics', { method: 'GET', path: '/metrics?x=1' }, 200, 200],
    ['a read', read, 200, 401],
    ['a change', change, 403, 401],
    ['a change with the right token', { ...change, ...right }, 403, 200],
    ['a read with the right token', { ...read, ...right }, 200, 200],
    ['a read with a wrong token', { ...read, authorization: 'Bearer wrong' }, 200, 401],
    ['a read with half the token', { ...read, authorization: `Bearer ${TOKEN.slice(0, 5)}` }, 200, 401],
    ['a read with another scheme', { ...read, authorization: `Basic ${TOKEN}` }, 200, 401],
    ['a read by the name localhost', { ...read, host: 'localhost:1234', ...right }, 200, 200],
    ['a rebound name', { ...read, host: 'evil.example', ...right }, 401, 401],
    ['a rebound name for health', { method: 'GET', path: '/livez', host: 'evil.example' }, 401, 401],
    ['a name that looks like loopback', { ...read, host: '127.0.0.1.evil.example', ...right }, 401, 401],
    ['an API path in disguise', { method: 'POST', path: '//api/v1/reconcile' }, 403, 401],
    ['an API path behind a health path', { method: 'POST', path: '/livez/../api/v1/reconcile' }, 403, 401],
    ['an unknown API path', { method: 'GET', path: '/api/v1/nothing' }, 404, 401],
  ] as [string, Case, number, number][])('%s', async (_case, request, open, guarded) => {
    expect(await statusOf(request)).toBe(token === undefined ? open : guarded)
  })

  it('lets a client with the token work', async () => {
    const url = `http://127.0.0.1:${world.service.http?.port}`
    expect((await openClient({ url, token: TOKEN }).status()).resources).toHaveLength(1)
    const denied = openClient({ url }).reconcile()
    await expect(denied).rejects.toMatchObject({ code: token === undefined ? 'token_needed' : 'unauthorized' })
    expect(world.api.reconciled).toHaveLength(token === undefined ? 0 : 1)
  })
})

const openGuarded = (tokens: { token?: string; readToken?: string }) => openWorld({ http: loopback, ...tokens })

describe('a read token', () => {
  const READING = 'a-token-for-reading'
  const tree = JSON.stringify({ files: [{ file: 'a.yaml', text: 'x' }], lists: [], unread: [], complete: true })

  it('lets every read and the planning of manifests through, and nothing else', async () => {
    await using world = await openGuarded({ token: TOKEN, readToken: READING })
    await world.api.add('SourceDefinition/prices')
    const headers = { authorization: `Bearer ${READING}`, 'content-type': 'application/json' }
    const reads = new Set(['status', 'plan', 'manifests', 'rows', 'state', 'planTree'])
    for (const { method, path, id } of routes.filter((each) => each.method !== 'GET' || reads.has(each.id))) {
      const filled = `/api/v1${path.replace(':kind', 'SourceDefinition').replaceAll(':name', 'prices')}`
      const body = method === 'POST' || method === 'PUT' ? tree : undefined
      const { status, text } = await ask({ ...world.service.http, method, path: filled, headers }, body)
      const refused = status === 403 && text.includes('"code":"read_only_token"')
      expect([id, reads.has(id) ? status : refused]).toEqual([id, reads.has(id) ? 200 : true])
    }
    expect(world.api.files.size).toBe(1)
    expect(world.api.reconciled).toEqual([])
  })

  it('is no weaker than the full one where there is no other', async () => {
    await using world = await openGuarded({ readToken: READING })
    const url = `http://127.0.0.1:${world.service.http?.port}`
    const read = (token?: string) => openClient({ url, token }).status()
    await expect(read()).rejects.toMatchObject({ code: 'unauthorized' })
    await expect(read(TOKEN)).rejects.toMatchObject({ code: 'unauthorized' })
    expect((await read(READING)).resources).toEqual([])
    await expect(openClient({ url, token: READING }).reconcile()).rejects.toMatchObject({ code: 'read_only_token' })
  })

  it('does not weaken the full one', async () => {
    await using world = await openGuarded({ token: TOKEN, readToken: READING })
    const url = `http://127.0.0.1:${world.service.http?.port}`
    await openClient({ url, token: TOKEN }).reconcile()
    expect(world.api.reconciled).toHaveLength(1)
    const trailing = { ...world.service.http, method: 'POST', path: '/api/v1/plan/../reconcile' }
    const disguised = await ask({ ...trailing, headers: { authorization: `Bearer ${READING}` } })
    expect([disguised.status, world.api.reconciled.length]).toEqual([403, 1])
  })
})

it('TCP on every address needs the token for all of the API', async () => {
  await using world = await openWorld({ http: { host: '0.0.0.0', port: 0 }, token: TOKEN })
  const { port } = world.service.http ?? { port: 0 }
  const from = { host: '127.0.0.1', port, path: '/api/v1/status' }
  expect((await ask({ ...from, headers: { host: 'hermes.example' } })).status).toBe(401)
  const headers = { host: 'hermes.example', authorization: `bearer ${TOKEN}` }
  expect((await ask({ ...from, headers })).status).toBe(200)
})

it('an address that is taken is refused, and nothing is left listening', async () => {
  await using world = await openWorld({ http: loopback })
  const { port } = world.service.http ?? { port: 0 }
  await expect(openWorld({ http: { host: '127.0.0.1', port } })).rejects.toMatchObject({
    code: 'setting_invalid',
    message: expect.stringContaining(`127.0.0.1:${port}`),
  })
})
