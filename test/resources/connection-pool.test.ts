import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { httpConnection } from '../../src/connectors/http-client.ts'
import { ConnectionPool } from '../../src/resources/connection-pool.ts'
import { quiet } from '../quiet-log.ts'

const signal = new AbortController().signal

/** A server that tells which credentials came. */
async function echo() {
  const seen: (string | undefined)[] = []
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization)
    response.end('[]')
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, seen, [Symbol.dispose]: () => void server.close() }
}

function poolOver(url: string, token: () => string): ConnectionPool {
  const at = { file: 'a.yaml', line: 1, column: 1 }
  const manifest = {
    key: 'Connection/api',
    kind: 'Connection',
    name: 'api',
    labels: {},
    annotations: {},
    spec: {},
    at,
    locate: () => at,
    hash: 'same',
  }
  return new ConnectionPool({
    lookup: (name) => (name === 'api' ? manifest : undefined),
    resolve: () => ({ url, auth: { bearer: { token: token() } } }),
    open: (config) => httpConnection(config, { clock: systemClock, log: quiet }),
  })
}

const request = { method: 'GET', url: '/', maxResponseBytes: 1_000, attempts: 1 }

test('a secret that was rotated is in force with the next run, without a new manifest', async () => {
  using server = await echo()
  let token = 'first-token'
  await using pool = poolOver(server.url, () => token)
  const before = await pool.client('api')
  await before.request(request, signal)
  expect(await pool.client('api')).toBe(before)
  token = 'second-token'
  await (await pool.client('api')).request(request, signal)
  expect(server.seen).toEqual(['Bearer first-token', 'Bearer second-token'])
})

test('a Connection that does not exist is named', async () => {
  await using pool = poolOver('http://127.0.0.1:9', () => 'token')
  await expect(pool.client('other')).rejects.toMatchObject({
    code: 'missing_reference',
    message: 'Connection/other does not exist',
  })
})
