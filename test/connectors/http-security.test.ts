import { createServer as createProxy, type IncomingMessage } from 'node:http'
import { createSecureServer } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { generate } from 'selfsigned'
import { beforeAll, describe, expect, it } from 'vitest'
import { client, failure, get, keep, started, textOf } from './clients.ts'
import { type LocalServer, listen, serve, shut } from './local-server.ts'
import { never } from './opened.ts'

interface Certificate {
  readonly cert: string
  readonly key: string
}

async function certificate(names: readonly string[], notAfterDate?: Date): Promise<Certificate> {
  const altNames = names.map((name) =>
    /^[\d.]+$/.test(name) ? { type: 7 as const, ip: name } : { type: 2 as const, value: name },
  )
  const extensions = [
    { name: 'basicConstraints' as const, cA: true },
    { name: 'subjectAltName' as const, altNames },
  ]
  const options = { keyType: 'ec' as const, algorithm: 'sha256', extensions, ...(notAfterDate ? { notAfterDate } : {}) }
  const { cert, private: key } = await generate([{ name: 'commonName', value: names[0] ?? '' }], options)
  return { cert, key }
}

let own: Certificate
let other: Certificate
let elsewhere: Certificate
beforeAll(async () => {
  own = await certificate(['localhost', '127.0.0.1'])
  other = await certificate(['client'])
  elsewhere = await certificate(['elsewhere.example'])
})

async function secure(options: object = own): Promise<LocalServer> {
  return keep(await serve(({ headers }) => ({ host: headers.host }), options))
}

describe('TLS', () => {
  it('trusts the ca given, and nobody else', async () => {
    const server = await secure()
    const trusting = client({ url: server.url, tls: { ca: own.cert } })
    expect((await trusting.request(get, never)).status).toBe(200)
    const wary = await failure(client({ url: server.url }).request({ ...get, attempts: 3 }, never))
    expect([wary.code, wary.next]).toEqual(['http_tls', 'stalled'])
    const careless = client({ url: server.url, tls: { insecureSkipVerify: true } })
    expect((await careless.request(get, never)).status).toBe(200)
  })

  it('checks the name, and lets another one be expected', async () => {
    const server = await secure(elsewhere)
    const tls = { ca: elsewhere.cert }
    expect((await failure(client({ url: server.url, tls }).request(get, never))).code).toBe('http_tls')
    const named = client({ url: server.url, tls: { ...tls, servername: 'elsewhere.example' } })
    expect((await named.request(get, never)).status).toBe(200)
  })

  it('refuses a certificate that has expired', async () => {
    const old = await certificate(['127.0.0.1'], new Date(Date.now() - 1_000))
    const server = await secure(old)
    const error = await failure(client({ url: server.url, tls: { ca: old.cert } }).request(get, never))
    expect([error.code, error.message.includes('expired')]).toEqual(['http_tls', true])
  })

  it('shows its own certificate to a server that asks for one, and never its key', async () => {
    const server = await secure({ ...own, ca: other.cert, requestCert: true, rejectUnauthorized: true })
    const tls = { ca: own.cert }
    const shown = client({ url: server.url, tls: { ...tls, cert: other.cert, key: other.key } })
    expect((await shown.request(get, never)).status).toBe(200)
    expect((await failure(client({ url: server.url, tls }).request(get, never))).code).toMatch(/http_tls|http_network/)
    const wrong = await failure(
      client({ url: server.url, tls: { ...tls, cert: other.cert, key: own.key } }).request(get, never),
    )
    expect(wrong.message).not.toContain(own.key.slice(40, 60))
  })

  it('says so when the server speaks no TLS', async () => {
    const server = await started(() => [])
    const error = await failure(client({ url: server.url.replace('http', 'https') }).request(get, never))
    expect(error.code).toBe('http_tls')
  })

  it('speaks HTTP/2 with a server that offers it', async () => {
    const server = createSecureServer({ ...own, allowHTTP1: false }, (request, response) => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ version: request.httpVersion, agent: request.headers['user-agent'] }))
    })
    const port = await listen(server as unknown as Parameters<typeof listen>[0])
    keep({ [Symbol.asyncDispose]: () => shut(server as unknown as Parameters<typeof shut>[0]) })
    const http = client({ url: `https://127.0.0.1:${port}`, tls: { ca: own.cert } })
    const answers = await Promise.all([1, 2, 3].map(() => http.request(get, never)))
    for (const { body } of answers) expect(textOf(body)).toBe('{"version":"2.0","agent":"hermes/1.2.3"}')
  })
})

interface Proxy extends AsyncDisposable {
  readonly port: number
  readonly tunnels: string[]
  readonly forwarded: string[]
}

/** A forward proxy with a password: CONNECT for https, absolute addresses for http. */
async function proxied(): Promise<Proxy> {
  const expected = `Basic ${btoa('ann:pro:xy')}`
  const tunnels: string[] = []
  const forwarded: string[] = []
  const server = createProxy((request, response) => {
    const known = request.headers['proxy-authorization'] === expected
    if (known) forwarded.push(request.url ?? '')
    response.writeHead(known ? 200 : 407).end('["forwarded"]')
  })
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    if (request.headers['proxy-authorization'] !== expected) return socket.end('HTTP/1.1 407 No\r\n\r\n')
    tunnels.push(request.url ?? '')
    const [host, port] = (request.url ?? '').split(':')
    const upstream = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      upstream.pipe(socket).pipe(upstream)
    })
    upstream.on('error', () => socket.destroy())
    socket.on('error', () => upstream.destroy())
    return socket
  })
  const port = await listen(server)
  return keep({ port, tunnels, forwarded, [Symbol.asyncDispose]: () => shut(server) })
}

describe('a proxy', () => {
  it('is gone through, by a tunnel for https', async () => {
    const [proxy, server] = [await proxied(), await secure()]
    const http = client({
      url: server.url,
      proxy: `http://ann:pro%3Axy@127.0.0.1:${proxy.port}`,
      tls: { ca: own.cert },
    })
    expect(textOf((await http.request(get, never)).body)).toBe(`{"host":"127.0.0.1:${server.port}"}`)
    expect(proxy.tunnels).toEqual([`127.0.0.1:${server.port}`])
  })

  it('forwards http', async () => {
    const proxy = await proxied()
    const http = client({ url: 'http://api.example', proxy: `http://ann:pro%3Axy@127.0.0.1:${proxy.port}` })
    expect(textOf((await http.request({ ...get, url: '/x' }, never)).body)).toBe('["forwarded"]')
    expect(proxy.forwarded).toEqual(['http://api.example/x'])
  })

  it('that refuses, or is not there, is named as what fails; its password is not shown', async () => {
    const [proxy, server] = [await proxied(), await secure()]
    for (const address of [`http://ann:wrong-word@127.0.0.1:${proxy.port}`, 'http://ann:wrong-word@127.0.0.1:1']) {
      const error = await failure(
        client({ url: server.url, proxy: address, tls: { ca: own.cert } }).request(get, never),
      )
      expect(error.code).toBe('http_network')
      expect(`${error.message}${error.stack}`).not.toContain('wrong-word')
    }
    expect(server.seen).toEqual([])
  })
})
