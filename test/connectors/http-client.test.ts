import { describe, expect, it } from 'vitest'
import { client, failure, get, started, textOf } from './clients.ts'
import { connection, never } from './opened.ts'

describe('addresses', () => {
  const cases: [base: string, path: string, query: Record<string, string>, expected: string][] = [
    ['/api/v1', '/quotes', {}, '/api/v1/quotes'],
    ['/api/v1/', 'quotes', {}, '/api/v1/quotes'],
    ['', '//evil.example/x', {}, '/evil.example/x'],
    ['', '\\\\evil.example/x', {}, '/evil.example/x'],
    ['', '/\\evil.example/x', {}, '/evil.example/x'],
    ['', '@evil.example/x', {}, '/@evil.example/x'],
    ['/api', '?a=1', { b: '2 3' }, '/api?a=1&b=2%203'],
    ['', '', {}, '/'],
    ['/api?key=k', '/x?sig=a%20b', { page: '1' }, '/api/x?sig=a%20b&key=k&page=1'],
    ['', '/x?page=1', { page: '2' }, '/x?page=2'],
    ['', '/^GSPC/é', { q: 'a&b=c#d' }, '/%5EGSPC/%C3%A9?q=a%26b%3Dc%23d'],
  ]
  it.each(cases)('joins %s and %s', async (base, path, query, expected) => {
    const server = await started(() => [])
    await client({ url: server.url + base }).request({ ...get, url: path, query }, never)
    const [{ url } = { url: new URL('x:') }] = server.seen
    expect(url.host + url.pathname + url.search).toBe(new URL(server.url).host + expected)
  })

  it.each(['ftp://x/', 'http://user:pw@127.0.0.1/', 'http://'])('refuses %s', async (url) => {
    const error = await failure(client({ url: 'http://127.0.0.1:9' }).request({ ...get, url }, never))
    expect(error.code).toBe('invalid_value')
    expect(error.message).not.toContain('pw')
  })

  it('needs a Connection for a path', async () => {
    expect((await failure(client({}).request(get, never))).code).toBe('invalid_value')
  })
})

describe('what goes out', () => {
  it('has headers of Hermes, of the Connection and of the request, the last ones winning', async () => {
    const server = await started(() => [])
    const http = client({ url: server.url, headers: { 'X-Team': 'data', Accept: 'text/csv' } })
    await http.request(
      { ...get, method: 'POST', headers: { 'x-team': 'mine', 'Content-Type': 'a/b' }, body: 'hé' },
      never,
    )
    expect(server.seen[0]).toMatchObject({
      method: 'POST',
      body: 'hé',
      headers: { 'user-agent': 'hermes/1.2.3', 'x-team': 'mine', accept: 'text/csv', 'content-type': 'a/b' },
    })
  })

  const auths: [object, string, string | undefined, string?][] = [
    [{ none: {} }, 'authorization', undefined],
    [{ bearer: { token: 'tok-en' } }, 'authorization', 'Bearer tok-en'],
    [
      { basic: { username: 'ann', password: 'pä:ss' } },
      'authorization',
      `Basic ${Buffer.from('ann:pä:ss').toString('base64')}`,
    ],
    [{ apiKey: { header: 'X-Key', value: 'k&y' } }, 'x-key', 'k&y'],
    [{ apiKey: { query: 'apikey', value: 'k&y' } }, 'x-key', undefined, 'k&y'],
  ]
  it.each(auths)('is authorized by %j', async (auth, header, value, query) => {
    const server = await started(() => [])
    const answer = await client({ url: server.url, auth }).request({ ...get, query: { a: '1' } }, never)
    expect(server.seen[0]?.headers[header]).toBe(value)
    expect(server.seen[0]?.url.searchParams.get('apikey')).toBe(query ?? null)
    expect(answer.url).toBe(`${server.url}/?a=1`)
  })

  it('holds no credentials when it goes to another origin', async () => {
    const [home, away] = [await started(() => []), await started(() => [])]
    const http = client({ url: home.url, auth: { bearer: { token: 'secret' } }, headers: { 'x-secret': 'secret' } })
    await http.request({ ...get, url: `${away.url}/x` }, never)
    expect(JSON.stringify(away.seen[0]?.headers)).not.toContain('secret')
  })
})

describe('redirects', () => {
  it('are followed, with credentials at the same origin and without at another', async () => {
    const away = await started(({ headers }) => ({ headers }))
    const home = await started(({ url }, response) => {
      if (url.pathname === '/away') response.writeHead(302, { location: `${away.url}/here` }).end()
      else if (url.pathname === '/near') response.writeHead(302, { location: '/end?k=1' }).end()
      else return { path: url.pathname + url.search }
      return undefined
    })
    const auth = { apiKey: { query: 'key', value: 'hush' } }
    const http = client({ url: home.url, auth, headers: { 'x-secret': 'hush' } })
    expect(textOf((await http.request({ ...get, url: '/near' }, never)).body)).toBe('{"path":"/end?k=1&key=hush"}')
    const answer = await http.request({ ...get, url: '/away', headers: { cookie: 'hush' } }, never)
    expect(answer.url).toBe(`${away.url}/here`)
    expect(textOf(answer.body)).not.toContain('hush')
    expect(away.seen[0]?.url.search).toBe('')
  })

  it('do not bring credentials back from another origin', async () => {
    const home = await started(() => [])
    const away = await started((_, response) => void response.writeHead(302, { location: `${home.url}/back` }).end())
    const http = client({ url: home.url, auth: { bearer: { token: 'hush' } } })
    await http.request({ ...get, url: away.url }, never)
    expect(home.seen[0]?.headers.authorization).toBeUndefined()
  })

  it('make a POST a GET where HTTP says so, and never carry a body to another origin', async () => {
    const away = await started(() => [])
    const home = await started(({ url, method, body }, response) => {
      const [, status = '200', target = ''] = url.pathname.split('/')
      if (status === '200') return { method, body }
      const location = target === 'away' ? away.url : '/200'
      response.writeHead(Number(status), { location }).end()
      return undefined
    })
    const http = client({ url: home.url })
    const post = { ...get, method: 'POST', body: 'b' }
    expect(textOf((await http.request({ ...post, url: '/303' }, never)).body)).toBe('{"method":"GET","body":""}')
    expect(textOf((await http.request({ ...post, url: '/307' }, never)).body)).toBe('{"method":"POST","body":"b"}')
    expect((await failure(http.request({ ...post, url: '/308/away' }, never))).code).toBe('http_client_error')
    expect(away.seen).toEqual([])
  })

  it('end after five', async () => {
    const server = await started((_, response) => void response.writeHead(302, { location: '/' }).end())
    const error = await failure(client({ url: server.url }).request(get, never))
    expect([error.code, server.seen.length]).toEqual(['http_client_error', 6])
  })
})

describe('answers that are errors', () => {
  const cases: [number, Record<string, string>, string, number | undefined][] = [
    [400, {}, 'http_client_error', undefined],
    [404, { 'retry-after': '5' }, 'http_client_error', undefined],
    [401, {}, 'http_unauthorized', undefined],
    [403, {}, 'http_unauthorized', undefined],
    [403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '30' }, 'http_rate_limited', 30_000],
    [407, {}, 'http_unauthorized', undefined],
    [408, {}, 'http_timeout', undefined],
    [429, {}, 'http_rate_limited', undefined],
    [429, { 'retry-after': '7' }, 'http_rate_limited', 7_000],
    [429, { 'retry-after': '999999999' }, 'http_rate_limited', 86_400_000],
    [429, { 'retry-after': 'Mon, 01 Jan 2001 00:00:00 GMT' }, 'http_rate_limited', 0],
    [429, { 'retry-after': 'soon' }, 'http_rate_limited', undefined],
    [429, { 'ratelimit-reset': '3' }, 'http_rate_limited', 3_000],
    [500, {}, 'http_server_error', undefined],
    [503, { 'retry-after': '60' }, 'http_server_error', 60_000],
    [304, {}, 'http_client_error', undefined],
  ]
  it.each(cases)('%i %j is %s', async (status, headers, code, retryAfterMs) => {
    const server = await started((_, response) => void response.writeHead(status, headers).end('why\n\tnot'))
    const error = await failure(client({ url: server.url }).request({ ...get, url: '/a' }, never))
    expect([error.code, error.retryAfterMs]).toEqual([code, retryAfterMs])
    expect(error.message).toContain(`GET ${server.url}/a: ${status}`)
    if (status !== 304) expect(error.message).toMatch(/: why not$/)
  })

  it('reads a date as the time to try again', async () => {
    const at = new Date(Date.now() + 90_000).toUTCString()
    const server = await started((_, response) => void response.writeHead(429, { 'retry-after': at }).end())
    const { retryAfterMs = 0 } = await failure(client({ url: server.url }).request(get, never))
    expect(retryAfterMs).toBeGreaterThan(85_000)
    expect(retryAfterMs).toBeLessThanOrEqual(90_000)
  })

  it('shows no secret, whatever the server says about it', async () => {
    const secret = 'top/secret+key'
    const header = 'other-secret-value'
    const server = await started(({ url, headers }, response) => {
      response.writeHead(400).end(JSON.stringify({ got: url.search, raw: [...url.searchParams], headers }))
    })
    const spoken: string[] = []
    for (const auth of [
      { apiKey: { query: 'k', value: secret } },
      { apiKey: { header: 'x-k', value: secret } },
      { bearer: { token: secret } },
      { basic: { username: 'ann', password: secret } },
    ]) {
      const http = client({ url: server.url, auth, headers: { 'x-trace': header } })
      const error = await failure(http.request({ ...get, headers: { cookie: `sid=${header}` } }, never))
      spoken.push(JSON.stringify([error.message, error.fix, String(error.stack), error.cause]))
    }
    const all = spoken.join()
    expect(all).toContain('***')
    for (const hidden of [secret, encodeURIComponent(secret), header, btoa(`ann:${secret}`)])
      expect(all).not.toContain(hidden)
  })
})

describe('links in answers', () => {
  const links: [link: string, expected: string][] = [
    ['?page=2', '/items?page=2'],
    ['/other?x=a%20b', '/other?x=a%20b'],
    ['http://127.0.0.1:9/items?page=2', '/items?page=2'],
    ['https://127.0.0.1/items?page=2&key=hush', '/items?page=2'],
  ]
  it.each(links)('%s stays at the origin', async (link, expected) => {
    const server = await started(() => [])
    const http = client({ url: server.url, auth: { apiKey: { query: 'key', value: 'hush' } } })
    const answer = await http.request({ ...get, url: '/items?page=1' }, never)
    expect(answer.follow(link)).toBe(server.url + expected)
  })

  it.each(['https://evil.example/items', '//evil.example/', 'ftp://127.0.0.1/'])('%s is refused', async (link) => {
    const server = await started(() => [])
    const answer = await client({ url: server.url }).request(get, never)
    expect(() => answer.follow(link)).toThrow(/the link to the next page/)
  })
})

describe('closing', () => {
  it('lets requests under way end, refuses new ones, and may be done twice', async () => {
    const server = await started(async () => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      return [1]
    })
    const http = connection({ url: server.url })
    const request = http.request(get, never)
    await new Promise((resolve) => setTimeout(resolve, 20))
    await Promise.all([http.close(), http.close()])
    expect(textOf((await request).body)).toBe('[1]')
    const error = await failure(http.request({ ...get, attempts: 1 }, never))
    expect([error.code, error.message]).toEqual(['http_network', `GET ${server.url}/: the Connection is closed`])
  })
})
