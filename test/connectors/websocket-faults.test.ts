import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { generate } from 'selfsigned'
import { describe, expect, it } from 'vitest'
import type { WebhookContext } from '../../src/connectors/sources/webhook.ts'
import { type WebsocketSource, websocketSource } from '../../src/connectors/sources/websocket.ts'
import { waitBefore } from '../../src/connectors/sources/websocket-wait.ts'
import { failure, keep } from './clients.ts'
import { eventually, keepingLog, openPushed, reading } from './open-pushed.ts'
import { never } from './opened.ts'
import { openPeer, type Peer, type PeerOptions, refuse } from './websocket-peer.ts'

async function started(options: PeerOptions = {}): Promise<Peer> {
  return keep(await openPeer(options))
}

const quick = { reconnect: { first: '10ms', most: '50ms' } }

async function opened(config: object, parts: Partial<WebhookContext> = {}): Promise<WebsocketSource> {
  return keep((await openPushed(websocketSource, { ...quick, ...config }, parts)) as WebsocketSource)
}

async function connected(peer: Peer, config: object = {}, parts: Partial<WebhookContext> = {}) {
  const source = await opened({ url: peer.url, ...config }, parts)
  const read = reading(source)
  await eventually(() => peer.sockets.length > 0 && source.counts().connections > 0)
  return { source, ...read }
}

describe('waiting before the next try', () => {
  const waits = { firstMs: 1_000, mostMs: 60_000 }

  it('doubles up to the bound, and leaves half to chance', () => {
    const longest = Array.from({ length: 9 }, (_, failed) => waitBefore(failed, waits, 0, () => 1))
    expect(longest).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000])
    const shortest = Array.from({ length: 9 }, (_, failed) => waitBefore(failed, waits, 0, () => 0))
    expect(shortest).toEqual(longest.map((each) => each / 2))
    expect(waitBefore(1e9, waits, 0, () => 1)).toBe(60_000)
  })

  it('is never shorter than what the server asks for', () => {
    expect(waitBefore(0, waits, 120_000, () => 0)).toBe(120_000)
  })
})

describe('a server that is not there', () => {
  it('is asked again until it comes, and then subscribed to', async () => {
    const gone = await openPeer()
    await gone[Symbol.asyncDispose]()
    const log = keepingLog()
    const source = await opened({ url: gone.url, subscribe: ['hello'] }, { log })
    expect(await failure(source.ping(never))).toMatchObject({ code: 'connector_unavailable' })
    const { texts } = reading(source)
    await eventually(() => log.lines.length >= 3)
    expect(source.trouble()).toMatchObject({ code: 'connector_unavailable', next: 'retry' })
    expect(source.trouble()?.message).toBe(`ws://127.0.0.1:${gone.port}: the connection was refused (ECONNREFUSED)`)
    expect(log.lines[0]).toMatchObject({ level: 'warn', message: 'websocket lost' })
    const peer = await started({ port: gone.port, connected: (socket) => socket.send('1') })
    await eventually(() => texts.length === 1 && peer.received.length === 1)
    expect(source.trouble()).toBeUndefined()
  })

  it('answers late: the try is given up in time', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined))
    await new Promise<void>((resolve) => {
      silent.listen(0, '127.0.0.1', resolve)
    })
    const { port } = silent.address() as { port: number }
    const source = await opened({ url: `ws://127.0.0.1:${port}`, connectTimeout: '50ms' })
    expect((await failure(source.ping(never))).message).toBe(
      `ws://127.0.0.1:${port}: the connection was not made in time`,
    )
    const { stop, ended } = reading(await opened({ url: `ws://127.0.0.1:${port}` }))
    stop.abort()
    await ended
    silent.close()
  })
})

describe('a server that refuses', () => {
  it.each([
    ['401 Unauthorized', 'Check the headers, the address and their secrets.'],
    ['403 Forbidden', 'Check the headers, the address and their secrets.'],
    ['404 Not Found', 'Check the address: another path, or another host, speaks WebSocket.'],
    ['301 Moved Permanently', 'Check the address: another path, or another host, speaks WebSocket.'],
    ['200 OK', 'Check the address: another path, or another host, speaks WebSocket.'],
  ])('with %s ends the reading', async (status, fix) => {
    const peer = await started({ upgrade: (_, socket) => refuse(socket, status) })
    const source = await opened({ url: peer.url })
    const error = await failure(reading(source).ended)
    expect(error).toMatchObject({ code: 'connector_refused', next: 'stalled', fix })
    expect(error.message).toContain(`answered ${status.slice(0, 3)} instead`)
    expect(await failure(source.ping(never))).toMatchObject({ code: 'connector_refused' })
    expect(peer.requests).toHaveLength(2)
  })

  it.each(['503 Service Unavailable', '429 Too Many Requests'])(
    'with %s is asked again when it says',
    async (status) => {
      let asked = 0
      const peer = await started({
        upgrade: (_, socket) => {
          asked += 1
          return asked === 1 ? refuse(socket, status, 'Retry-After: 1\r\n') : false
        },
      })
      const begun = performance.now()
      await connected(peer)
      expect(performance.now() - begun).toBeGreaterThan(990)
    },
  )

  it('is asked again, after the longest wait, when it took us once', async () => {
    let open = true
    const peer = await started({ upgrade: (_, socket) => (open ? false : refuse(socket, '401 Unauthorized')) })
    const { source, texts } = await connected(peer)
    open = false
    peer.last().terminate()
    await eventually(() => source.trouble()?.code === 'connector_refused')
    open = true
    await eventually(() => peer.sockets.length === 2)
    peer.last().send('1')
    await eventually(() => texts.length === 1)
  })

  it('by a certificate that nobody knows ends the reading; one that is trusted does not', async () => {
    const pem = await generate([{ name: 'commonName', value: 'localhost' }], {
      extensions: [
        { name: 'basicConstraints', cA: true },
        { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
      ],
    })
    const peer = await started({ tls: { key: pem.private, cert: pem.cert } })
    const error = await failure(reading(await opened({ url: peer.url })).ended)
    expect(error.code).toBe('connector_refused')
    expect(error.fix).toContain('tls.ca')
    expect(error.message).toMatch(/TLS connection failed: self-signed certificate/)
    await connected(peer, { tls: { ca: pem.cert } })
    await connected(peer, { tls: { insecureSkipVerify: true } })
  })
})

describe('a connection', () => {
  it('that is closed in the middle is made anew, and subscribed again; what came before is kept', async () => {
    const peer = await started({ connected: (socket, number) => socket.send(`${number}`) })
    const log = keepingLog()
    const { source, texts } = await connected(peer, { subscribe: ['hello'] }, { log })
    await eventually(() => texts.length === 1 && peer.received.length === 1)
    peer.last().close(1012, 'restarting')
    await eventually(() => texts.length === 2 && peer.received.length === 2)
    peer.last().terminate()
    await eventually(() => texts.length === 3 && peer.received.length === 3)
    expect(texts).toEqual(['1', '2', '3'])
    expect(source.counts().connections).toBe(3)
    const reasons = log.lines.flatMap(({ message, fields }) => (message === 'websocket lost' ? [fields['error']] : []))
    expect(reasons[0]).toContain('closed the connection with code 1012: restarting')
    expect(reasons[1]).toContain('went away without closing')
  })

  it('that lasts for an instant only is not made again at once', async () => {
    const peer = await started({ connected: (socket) => socket.close(1000) })
    const source = await opened({ url: peer.url, reconnect: { first: '50ms', most: '400ms' } })
    reading(source)
    await new Promise((resolve) => {
      setTimeout(resolve, 1_000)
    })
    // 25–50, 50–100, 100–200, 200–400, 200–400 …: without growing waits there would be at least twenty.
    expect(peer.sockets.length).toBeGreaterThan(3)
    expect(peer.sockets.length).toBeLessThan(9)
  })

  it('that is dead although nobody closed it is made anew', async () => {
    const peer = await started({ socket: { autoPong: false } })
    const { source } = await connected(peer, { ping: { every: '60ms' } })
    // As long as anything comes it is alive, whether it answers pings or not.
    for (let turn = 0; turn < 10; turn += 1) {
      peer.last().send('alive')
      await new Promise((resolve) => {
        setTimeout(resolve, 30)
      })
    }
    expect(source.counts().connections).toBe(1)
    await eventually(() => peer.sockets.length >= 2)
    expect(peer.closes.get(1)).toBe(1006)
  })

  it('that answers pings but brings nothing is made anew after idleTimeout, if that is set', async () => {
    const peer = await started()
    const log = keepingLog()
    await connected(peer, { ping: { every: '20ms' }, idleTimeout: '100ms' }, { log })
    await eventually(() => peer.sockets.length === 2)
    expect(log.lines.find(({ message }) => message === 'websocket lost')?.fields['error']).toContain(
      'sent no message for 100 ms',
    )
    const other = await started()
    await connected(other, { ping: { every: '20ms' } })
    await new Promise((resolve) => {
      setTimeout(resolve, 200)
    })
    expect(other.sockets).toHaveLength(1)
  })

  it('is kept by a message of the server’s own, where one is set', async () => {
    const peer = await started({
      socket: { autoPong: false },
      connected: (socket) => socket.on('message', () => socket.send('{"op":"pong"}')),
    })
    const { texts } = await connected(peer, { ping: { every: '30ms', message: { op: 'ping' } } })
    await eventually(() => texts.length >= 3)
    expect(peer.received.slice(0, 2)).toEqual(['{"op":"ping"}', '{"op":"ping"}'])
    expect(peer.sockets).toHaveLength(1)
  })

  it.each<[string, Buffer, RegExp]>([
    ['garbage', Buffer.from('this is not a frame at all'), /broke the protocol/],
    ['text that is not UTF-8', Buffer.from([0x81, 0x02, 0xc3, 0x28]), /broke the protocol: Invalid WebSocket frame/],
    ['a masked frame', Buffer.from([0x81, 0x81, 1, 2, 3, 4, 5]), /broke the protocol/],
    ['half a frame, and then nothing', Buffer.from([0x81, 0x7e, 0x01]), /does not answer a ping|went away/],
    ['the head of a frame of eight exabytes', Buffer.concat([Buffer.from([0x81]), Buffer.alloc(9, 0x7f)]), /./],
    ['noise', randomBytes(4_096), /./],
  ])('that brings %s is made anew, and what came before is kept', async (_what, bytes, reason) => {
    const peer = await started({
      socket: { autoPong: false },
      connected: (socket, number, wire) => {
        socket.send(`${number}`)
        if (number === 1) wire.write(bytes)
        else socket.on('ping', () => socket.pong())
      },
    })
    const log = keepingLog()
    const { texts, source } = await connected(peer, { ping: { every: '60ms' } }, { log })
    await eventually(() => source.counts().connections === 2 && texts.includes('2'))
    expect(texts[0]).toBe('1')
    expect(log.lines.find(({ message }) => message === 'websocket lost')?.fields['error']).toMatch(reason)
  })

  it('that brings too large a message is made anew, before it is read whole', async () => {
    const peer = await started({
      connected: (socket, number) => socket.send(number === 1 ? 'x'.repeat(1_000_001) : 'x'.repeat(1_000_000)),
    })
    const log = keepingLog()
    const { texts } = await connected(peer, { maxPayload: 1_000_000 }, { log })
    await eventually(() => texts.length === 1)
    expect(texts[0]).toHaveLength(1_000_000)
    expect(log.lines.find(({ message }) => message === 'websocket lost')?.fields['error']).toContain(
      'larger than maxPayload: 1000000',
    )
  })

  it('that brings a small bomb is made anew: the bound is on what it unpacks to', async () => {
    const peer = await started({
      socket: { perMessageDeflate: { threshold: 0 } },
      connected: (socket, number) => socket.send(number === 1 ? 'x'.repeat(50_000_000) : 'small'),
    })
    const { texts } = await connected(peer, { compression: true, maxPayload: 1_000_000 })
    await eventually(() => texts.length === 1)
    expect(texts).toEqual(['small'])
  })

  it('never gives a secret away', async () => {
    const secrets = ['key-in-the-address', 'key-in-the-path', 'key-in-a-header', 'key-in-a-message']
    const echo = secrets.join(' ')
    const peer = await started({
      connected: (socket, number) => {
        if (number < 3) socket.close(1008, `bad ${echo}`)
        else socket.terminate()
      },
    })
    const log = keepingLog()
    const config = {
      url: `${peer.url}/key-in-the-path?key=key-in-the-address`,
      headers: { 'x-key': 'key-in-a-header' },
      subscribe: [{ auth: { token: 'key-in-a-message' } }],
    }
    const { source } = await connected(peer, config, { log })
    await eventually(() => source.counts().connections >= 4)
    const told = JSON.stringify(log.lines) + String(source.trouble())
    expect(told).toContain('code 1008: bad *** *** *** ***')
    for (const secret of secrets) expect(told).not.toContain(secret)
  })
})

it.each(['https://example.com', 'not an address', 'ws://user:password@127.0.0.1'])(
  '%s is refused at once',
  async (url) => {
    await expect(websocketSource.open({ url, reconnect: {}, ping: {} } as never, {} as never)).rejects.toMatchObject({
      code: 'invalid_value',
    })
  },
)
