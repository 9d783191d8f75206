import { mkdtemp, rm } from 'node:fs/promises'
import { createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createServer as createTlsServer } from 'node:tls'
import { generate } from 'selfsigned'
import { expect, it } from 'vitest'
import { socketSink } from '../../src/connectors/sinks/socket.ts'
import { never } from './opened.ts'
import { messages, opened } from './opened-stream.ts'
import { freePort } from './servers.ts'
import { sinkContract } from './sink-contract.ts'

/** A real server that keeps the lines that it was sent, whoever sent them. */
async function receiver(listen: object, make: (take: (socket: Socket) => void) => Server = createTcpServer) {
  const sockets = new Set<Socket>()
  let received = ''
  let lastAt = 0
  const server = make((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    socket.setEncoding('utf8').on('data', (text: string) => {
      received += text
      lastAt = performance.now()
    })
  })
  await new Promise<void>((resolve) => server.listen(listen, resolve))
  return {
    server,
    sockets,
    lines: async (): Promise<readonly unknown[]> => {
      for (const since = performance.now(); performance.now() - Math.max(since, lastAt) < 30; ) await delay(5)
      return received
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as unknown)
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

sinkContract('socket over TCP', async () => {
  const port = await freePort()
  const at = await receiver({ port, host: '127.0.0.1' })
  return {
    open: () => opened(socketSink, { address: `tcp://127.0.0.1:${port}` }),
    written: at.lines,
    [Symbol.asyncDispose]: () => at[Symbol.asyncDispose](),
  }
})

sinkContract('socket over a Unix socket', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hermes-socket-'))
  const at = await receiver({ path: join(directory, 'in.sock') })
  return {
    open: () => opened(socketSink, { address: `unix://${directory}/in.sock` }),
    written: at.lines,
    [Symbol.asyncDispose]: async () => {
      await at[Symbol.asyncDispose]()
      await rm(directory, { recursive: true })
    },
  }
})

it('speaks TLS with those that it trusts', async () => {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }])
  const port = await freePort()
  await using at = await receiver({ port, host: '127.0.0.1' }, (take) => createTlsServer({ cert, key }, take))
  const address = `tls://localhost:${port}`
  await using stranger = await opened(socketSink, { address })
  await expect(stranger.ping(never)).rejects.toThrow(/self-signed|certificate/)
  await using sink = await opened(socketSink, { address, tls: { ca: cert } })
  await sink.write(messages(['{"a":1}']), never)
  expect(await at.lines()).toEqual([{ a: 1 }])
})

it('says who is away, and goes on when the other side is back', async () => {
  const port = await freePort()
  await using sink = await opened(socketSink, { address: `tcp://127.0.0.1:${port}`, timeout: '1s' })
  const away = { code: 'connector_unavailable', message: expect.stringContaining(`127.0.0.1:${port}`) }
  await expect(sink.ping(never)).rejects.toMatchObject(away)
  await expect(sink.write(messages(['1']), never)).rejects.toMatchObject(away)
  const first = await receiver({ port, host: '127.0.0.1' })
  await sink.write(messages(['1']), never)
  expect(await first.lines()).toEqual([1])
  await first[Symbol.asyncDispose]()
  await delay(50)
  await expect(sink.write(messages(['2']), never)).rejects.toMatchObject(away)
  await using second = await receiver({ port, host: '127.0.0.1' })
  await sink.write(messages(['2']), never)
  expect(await second.lines()).toEqual([2])
})

it('gives up what nobody takes, and sends it again whole', async () => {
  const port = await freePort()
  await using at = await receiver({ port, host: '127.0.0.1' })
  await using sink = await opened(socketSink, { address: `tcp://127.0.0.1:${port}`, timeout: '300ms' })
  await sink.ping(never)
  while (at.sockets.size === 0) await delay(5)
  for (const socket of at.sockets) socket.pause()
  const large = Array.from({ length: 200 }, (_, id) => JSON.stringify({ id, text: 'x'.repeat(100_000) }))
  await expect(sink.write(messages(large), never)).rejects.toMatchObject({ code: 'connector_unavailable' })
  for (const socket of at.sockets) socket.destroy()
  await sink.write(messages(large), never)
  const ids = (await at.lines()).map((line) => (line as { id: number }).id)
  expect(ids.slice(-200)).toEqual(Array.from({ length: 200 }, (_, id) => id))
})
