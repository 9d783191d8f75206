import type { ServerResponse } from 'node:http'
import { createServer } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { client, failure, get, started, textOf } from './clients.ts'
import { type Handler, listen, shut } from './local-server.ts'
import { never } from './opened.ts'

function flaky(fail: number, status = 500): Handler {
  let count = 0
  return (_, response) => {
    count += 1
    if (count > fail) return { count }
    response.writeHead(status).end()
    return undefined
  }
}

describe('trying again', () => {
  it.each([500, 503, 408])('goes on after %i', async (status) => {
    const server = await started(flaky(1, status))
    const answer = await client({ url: server.url }).request({ ...get, attempts: 3 }, never)
    expect(textOf(answer.body)).toBe('{"count":2}')
  })

  it('gives up after its attempts', async () => {
    const server = await started(flaky(9))
    expect((await failure(client({ url: server.url }).request({ ...get, attempts: 2 }, never))).code).toBe(
      'http_server_error',
    )
    expect(server.seen.length).toBe(2)
  })

  const posts: [number, boolean, number][] = [
    [500, false, 1],
    [503, false, 2],
    [500, true, 2],
  ]
  it.each(posts)('a POST that met %i, repeatable %s, is sent %i times', async (status, repeatable, sent) => {
    const server = await started(flaky(1, status))
    const request = { ...get, method: 'POST', body: '{}', attempts: 2, repeatable }
    await client({ url: server.url })
      .request(request, never)
      .catch(() => undefined)
    expect(server.seen.length).toBe(sent)
  })

  it('never waits where the server named a time', async () => {
    const server = await started((_, response) => void response.writeHead(503, { 'retry-after': '1' }).end())
    await failure(client({ url: server.url }).request({ ...get, attempts: 5 }, never))
    expect(server.seen.length).toBe(1)
  })

  it('goes on after a reset connection', async () => {
    let count = 0
    const server = await started((_, response) => {
      count += 1
      if (count === 1) response.socket?.resetAndDestroy()
      else return []
      return undefined
    })
    await client({ url: server.url }).request({ ...get, attempts: 2 }, never)
    expect(count).toBe(2)
  })

  it("ends a wait between two tries with the abort's reason", async () => {
    const server = await started(flaky(9))
    const abort = new AbortController()
    const reason = new Error('enough')
    setTimeout(() => abort.abort(reason), 60)
    const request = client({ url: server.url }).request({ ...get, attempts: 9 }, abort.signal)
    await expect(request).rejects.toBe(reason)
  })
})

describe('networks and servers that misbehave', () => {
  it('says that nobody listens, and that a name is not known', async () => {
    const refused = await failure(client({ url: 'http://127.0.0.1:1' }).request(get, never))
    expect([refused.code, refused.message]).toEqual([
      'http_network',
      'GET http://127.0.0.1:1/: the connection was refused (ECONNREFUSED)',
    ])
    const unknown = await failure(client({ url: 'http://no-such-host.invalid' }).request(get, never))
    expect(unknown.code).toBe('http_network')
    expect(unknown.message).toContain('no-such-host.invalid')
  })

  it('does not wait for ever: for headers, for a body that stalls, for one that drips', async () => {
    const timers: NodeJS.Timeout[] = []
    const server = await started(({ url }, response) => {
      if (url.pathname === '/stall') response.write('[')
      if (url.pathname === '/drip') timers.push(setInterval(() => response.write(' '), 20))
    })
    const http = client({ url: server.url })
    const messages: string[] = []
    for (const url of ['/silent', '/stall', '/drip']) {
      const error = await failure(http.request({ ...get, url, timeoutMs: 150, attempts: 3 }, never))
      expect(error.code).toBe('http_timeout')
      messages.push(error.message.replace(server.url, ''))
    }
    for (const timer of timers) clearInterval(timer)
    expect(messages).toEqual([
      'GET /silent: there was no answer within 0.15 s',
      'GET /stall: the answer did not end within 0.15 s',
      'GET /drip: the answer did not end within 0.15 s',
    ])
    expect(server.seen.length).toBe(3)
  })

  it("takes the Connection's timeout when the request names none", async () => {
    const server = await started(() => undefined)
    const { timeoutMs: _, ...request } = get
    const error = await failure(client({ url: server.url, timeout: '120ms' }).request(request, never))
    expect([error.code, error.message.endsWith('within 0.12 s')]).toEqual(['http_timeout', true])
  })

  const raw: [name: string, bytes: string, code: string][] = [
    ['half an answer', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[1,', 'http_network'],
    ['half a chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n[1', 'http_network'],
    ['half of the headers', 'HTTP/1.1 200 OK\r\ncontent-len', 'http_network'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n', 'http_network'],
    ['nothing', '', 'http_network'],
  ]
  it.each(raw)('does not take %s for an answer', async (_name, bytes, code) => {
    const server = createServer((socket) => void socket.once('data', () => socket.end(bytes)))
    const port = await listen(server as never)
    const error = await failure(client({ url: `http://127.0.0.1:${port}` }).request(get, never))
    expect(error.code).toBe(code)
    await shut(server as never)
  })

  it('aborts a request under way with the reason given', async () => {
    const server = await started(() => undefined)
    const reason = new Error('enough')
    const abort = new AbortController()
    const request = client({ url: server.url }).request(get, abort.signal)
    setTimeout(() => abort.abort(reason), 50)
    await expect(request).rejects.toBe(reason)
  })

  it('refuses headers that cannot be sent without showing them', async () => {
    const http = client({ url: 'http://127.0.0.1:1', auth: { bearer: { token: 'hush\nhush' } } })
    const error = await failure(http.request(get, never))
    expect(error.code).toBe('http_client_error')
    expect(error.message).not.toContain('hush')
  })
})

function endless(response: ServerResponse): void {
  const block = Buffer.alloc(65_536, 32)
  const more = (): void => {
    if (!response.destroyed) response.write(block, () => setImmediate(more))
  }
  more()
}

describe('large answers', () => {
  it('are cut off while they come, whether they name their size or not', async () => {
    const server = await started((request, response) => {
      if (request.url.pathname === '/endless') endless(response)
      else response.writeHead(200, { 'content-length': 5_000_000 }).write('[')
    })
    const http = client({ url: server.url })
    for (const url of ['/endless', '/named']) {
      expect((await failure(http.request({ ...get, url, attempts: 3 }, never))).code).toBe('http_too_large')
    }
    expect(server.seen.length).toBe(2)
  })

  const encodings: [string, (bytes: Buffer) => Buffer][] = [
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
    ['deflate, gzip', (bytes) => gzipSync(deflateSync(bytes))],
  ]
  it.each(encodings)('are taken as %s, and count as decompressed', async (encoding, compress) => {
    const small = Buffer.from('[1,2,3]')
    const bomb = compress(Buffer.alloc(3_000_000))
    expect(bomb.length).toBeLessThan(10_000)
    const server = await started(({ url }, response) => {
      const bytes = { '/bomb': bomb, '/cut': compress(small).subarray(0, -3) }[url.pathname] ?? compress(small)
      response.writeHead(200, { 'content-encoding': encoding }).end(bytes)
    })
    const http = client({ url: server.url })
    expect(textOf((await http.request(get, never)).body)).toBe('[1,2,3]')
    expect((await failure(http.request({ ...get, url: '/bomb' }, never))).code).toBe('http_too_large')
    expect((await failure(http.request({ ...get, url: '/cut' }, never))).code).toBe('http_network')
    expect(server.seen[0]?.headers['accept-encoding']).toContain(encoding.split(', ').at(-1))
  })

  it('may be empty', async () => {
    const server = await started((_, response) => void response.writeHead(204, { 'content-encoding': 'gzip' }).end())
    expect((await client({ url: server.url }).request(get, never)).body.length).toBe(0)
  })

  it('of an encoding that nobody knows are refused', async () => {
    const server = await started(
      (_, response) => void response.writeHead(200, { 'content-encoding': 'x-lzw' }).end('x'),
    )
    expect((await failure(client({ url: server.url }).request(get, never))).message).toContain('x-lzw')
  })
})
