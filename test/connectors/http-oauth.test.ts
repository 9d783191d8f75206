import { describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../src/clock.ts'
import { client, failure, get, started } from './clients.ts'
import type { Handler, LocalServer } from './local-server.ts'
import { never } from './opened.ts'

interface World {
  readonly tokens: LocalServer
  readonly api: LocalServer
  /** The tokens that the API takes. */
  readonly valid: Set<string>
  readonly open: (oauth?: object, clock?: Clock) => ReturnType<typeof client>
}

async function world(answer: (count: number) => unknown, onToken?: Handler): Promise<World> {
  let count = 0
  const valid = new Set<string>()
  const tokens = await started((request, response) => {
    count += 1
    return onToken === undefined ? answer(count) : onToken(request, response)
  })
  const api = await started(({ headers }, response) => {
    if (valid.has(headers.authorization ?? '')) return []
    response.writeHead(401).end(`bad ${headers.authorization}`)
    return undefined
  })
  const open: World['open'] = (oauth = {}, clock = systemClock) => {
    const oauth2 = { tokenUrl: `${tokens.url}/token`, clientId: 'id 1', clientSecret: 'se:cret', ...oauth }
    return client({ url: api.url, auth: { oauth2 } }, clock)
  }
  return { tokens, api, valid, open }
}

describe('oauth2', () => {
  it('asks for one token for all, and keeps it', async () => {
    const { tokens, api, valid, open } = await world((count) => ({ access_token: `t${count}`, expires_in: 3600 }))
    valid.add('Bearer t1')
    const http = open({ scope: 'read all', audience: 'api' })
    await Promise.all([1, 2, 3, 4].map(() => http.request(get, never)))
    await http.request(get, never)
    expect([tokens.seen.length, api.seen.length]).toEqual([1, 5])
    const [{ body, headers, method } = { body: '', headers: {}, method: '' }] = tokens.seen
    expect(method).toBe('POST')
    expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
      grant_type: 'client_credentials',
      scope: 'read all',
      audience: 'api',
    })
    expect(headers.authorization).toBe(`Basic ${btoa('id%201:se%3Acret')}`)
  })

  it('sends id and secret in the form where the server wants them there', async () => {
    const { tokens, valid, open } = await world(() => ({ access_token: 't' }))
    valid.add('Bearer t')
    await open({ credentials: 'body' }).request(get, never)
    const form = new URLSearchParams(tokens.seen[0]?.body)
    expect([form.get('client_id'), form.get('client_secret')]).toEqual(['id 1', 'se:cret'])
    expect(tokens.seen[0]?.headers.authorization).toBeUndefined()
  })

  it('asks again shortly before the token expires', async () => {
    let now = 0
    const { tokens, valid, open } = await world((count) => ({ access_token: `t${count}`, expires_in: 3600 }))
    valid.add('Bearer t1').add('Bearer t2')
    const http = open({}, { ...systemClock, now: () => now })
    const asked: number[] = []
    for (const minute of [0, 58.9, 59.1, 100]) {
      now = minute * 60_000
      await http.request(get, never)
      asked.push(tokens.seen.length)
    }
    expect(asked).toEqual([1, 1, 2, 2])
  })

  it('takes a fresh token once when the present one is refused', async () => {
    const { tokens, api, valid, open } = await world((count) => ({ access_token: `t${count}`, expires_in: 3600 }))
    valid.add('Bearer t2')
    const http = open()
    await Promise.all([http.request(get, never), http.request(get, never)])
    expect(tokens.seen.length).toBe(2)
    valid.clear()
    const before = api.seen.length
    const error = await failure(http.request(get, never))
    expect([error.code, api.seen.length - before, tokens.seen.length]).toEqual(['http_unauthorized', 2, 3])
    expect(error.message).not.toContain('t3')
  })

  const refusals: [status: number, body: unknown, code: string][] = [
    [400, { error: 'invalid_client' }, 'http_unauthorized'],
    [401, { error: 'invalid_client', got: 'se:cret' }, 'http_unauthorized'],
    [500, 'oops', 'http_server_error'],
    [429, 'slow', 'http_rate_limited'],
    [200, { token: 'x' }, 'http_unauthorized'],
    [200, 'null', 'http_unauthorized'],
    [200, 'no json', 'http_unauthorized'],
  ]
  it.each(refusals)('a token server that answers %i %j is %s', async (status, body, code) => {
    const { api, open } = await world(
      () => undefined,
      (_, response) => {
        response.statusCode = status
        return body
      },
    )
    const error = await failure(open().request(get, never))
    expect(error.code).toBe(code)
    expect(error.message).not.toContain('se:cret')
    expect(api.seen).toEqual([])
  })

  it('lets one who waits for the token leave, and the others go on', async () => {
    const { valid, open } = await world(
      () => undefined,
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 80))
        return { access_token: 't' }
      },
    )
    valid.add('Bearer t')
    const http = open()
    const abort = new AbortController()
    const [leaves, stays] = [http.request(get, abort.signal), http.request(get, never)]
    setTimeout(() => abort.abort(new Error('gone')), 20)
    await expect(leaves).rejects.toThrow('gone')
    expect((await stays).status).toBe(200)
  })
})
