import { describe, expect, it } from 'vitest'
import type { WebhookContext } from '../../src/connectors/sources/webhook.ts'
import { type WebsocketSource, websocketSource } from '../../src/connectors/sources/websocket.ts'
import { keep } from './clients.ts'
import { eventually, openPushed, reading } from './open-pushed.ts'
import { never } from './opened.ts'
import { pushedSourceContract } from './pushed-source-contract.ts'
import { openPeer, type Peer, type PeerOptions } from './websocket-peer.ts'

async function started(options: PeerOptions = {}): Promise<Peer> {
  return keep(await openPeer(options))
}

const quick = { reconnect: { first: '10ms', most: '50ms' } }

async function opened(config: object, parts: Partial<WebhookContext> = {}): Promise<WebsocketSource> {
  return keep((await openPushed(websocketSource, { ...quick, ...config }, parts)) as WebsocketSource)
}

/** A source that is read, and has made its first connection. */
async function connected(peer: Peer, config: object = {}, parts: Partial<WebhookContext> = {}) {
  const source = await opened({ url: peer.url, ...config }, parts)
  const read = reading(source)
  await eventually(() => peer.sockets.length === 1 && source.counts().connections === 1)
  return { source, ...read }
}

pushedSourceContract('websocket', async () => {
  const peer = await openPeer()
  return {
    open: () => openPushed(websocketSource, { url: peer.url, ...quick }),
    send: async (text) => {
      await eventually(() => peer.sockets.some((each) => each.readyState === each.OPEN))
      peer.sockets.find((each) => each.readyState === each.OPEN)?.send(text)
    },
    [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose](),
  }
})

describe('a websocket source', () => {
  it('says that what it misses is gone', () => {
    expect(websocketSource.volatile).toBe(true)
  })

  it('subscribes with text as it is and anything else as JSON, with its headers and protocols', async () => {
    const peer = await started({ socket: { handleProtocols: () => 'v2.feed' } })
    const subscribe = ['hello', { type: 'subscribe', ids: ['BTC-USD'] }, [1]]
    await connected(peer, { subscribe, headers: { authorization: 'Bearer abc' }, protocols: ['v1.feed', 'v2.feed'] })
    await eventually(() => peer.received.length === 3)
    expect(peer.received).toEqual(['hello', '{"type":"subscribe","ids":["BTC-USD"]}', '[1]'])
    expect(peer.requests[0]?.headers).toMatchObject({
      authorization: 'Bearer abc',
      'sec-websocket-protocol': 'v1.feed,v2.feed',
    })
    expect(peer.requests[0]?.headers['sec-websocket-extensions']).toBeUndefined()
  })

  it('hands a message on at once at low rates, and takes together what came while the one before was in hand', async () => {
    const peer = await started()
    const source = await opened({ url: peer.url })
    const reader = source.read(undefined, never, never)
    const first = reader.next()
    await eventually(() => peer.sockets.length === 1)
    peer.last().send('0')
    const { value: alone } = await first
    expect([alone?.size, Buffer.from(alone?.bytes(0) ?? []).toString()]).toEqual([1, '0'])
    for (let index = 1; index <= 500; index += 1) peer.last().send(`${index}`)
    await new Promise((resolve) => {
      setTimeout(resolve, 100)
    })
    const { value: together } = await reader.next()
    expect([together?.size, together?.values().at(-1), together?.position]).toEqual([500, 500, undefined])
    await reader.return(undefined)
    await eventually(() => peer.closes.get(1) === 1000)
  })

  it('gives binary messages, empty ones and fragmented ones whole', async () => {
    const peer = await started()
    const { texts, sizes } = await connected(peer)
    const socket = peer.last()
    socket.send(Buffer.from('{"binary":true}'))
    socket.send('')
    socket.send('{"frag', { fin: false })
    socket.send('men', { fin: false })
    socket.ping()
    socket.send('ted":1}', { fin: true })
    await eventually(() => texts.length === 3)
    expect(texts).toEqual(['{"binary":true}', '', '{"fragmented":1}'])
    expect(sizes.length).toBeLessThanOrEqual(3)
  })

  it('takes compressed messages when it offers to', async () => {
    const peer = await started({ socket: { perMessageDeflate: { threshold: 0 } } })
    const { texts } = await connected(peer, { compression: true })
    expect(peer.requests[0]?.headers['sec-websocket-extensions']).toContain('permessage-deflate')
    const long = JSON.stringify({ text: 'x'.repeat(200_000) })
    peer.last().send(long)
    await eventually(() => texts.length === 1)
    expect(texts).toEqual([long])
  })

  it('reads no further than a bound while nobody takes, and loses nothing', async () => {
    const peer = await started()
    const source = await opened({ url: peer.url, ping: { every: '50ms' }, idleTimeout: '50ms' })
    const reader = source.read(undefined, never, never)
    const first = reader.next()
    await eventually(() => peer.sockets.length === 1)
    const socket = peer.last()
    const filler = 'x'.repeat(1_000)
    const total = 60_000
    socket.send('0')
    const { value } = await first
    let seen = value?.size ?? 0
    for (let index = 1; index < total; index += 1) socket.send(`{"n":${index},"filler":"${filler}"}`)
    await new Promise((resolve) => {
      setTimeout(resolve, 500)
    })
    // Of sixty megabytes the kernel may hold some; we hold one at most, and the peer must keep the rest.
    expect(socket.bufferedAmount).toBeGreaterThan(30_000_000)
    let largest = 0
    while (seen < total) {
      const { value: batch } = await reader.next()
      if (batch === undefined) throw new Error('it ended')
      expect((batch.value(0) as { n: number }).n).toBe(seen)
      largest = Math.max(largest, batch.byteLength)
      seen += batch.size
    }
    expect(largest).toBeLessThan(1_048_576 + 131_072)
    expect(source.counts().connections).toBe(1)
    await reader.return(undefined)
  })

  it('answers a ping by a connection that subscribes to nothing', async () => {
    const peer = await started()
    const source = await opened({ url: peer.url, subscribe: ['hello'] })
    await source.ping(never)
    await eventually(() => peer.closes.get(1) === 1000)
    expect(peer.received).toEqual([])
    await expect(source.ping(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
  })
})
