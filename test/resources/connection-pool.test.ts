import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { httpConnection } from '../../src/connectors/http-client.ts'
import { connectionConfig, databaseUrl, secretsOfConnection } from '../../src/resources/connection.ts'
import { ConnectionPool } from '../../src/resources/connection-pool.ts'
import { quiet } from '../quiet-log.ts'
import { manifest } from '../reconcile/manifests.ts'

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
  const api = {
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
    lookup: (name) => (name === 'api' ? api : undefined),
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

const secrets = { get: (name: string) => `${name}-value` }
const shop = (spec: object) => ({ ...manifest('Connection', 'shop', {}), spec: { ...spec } })

test('a Connection is for HTTP or for a database, and refused for the other', () => {
  const http = shop({ http: { url: 'http://a' } })
  const database = shop({ database: { url: 'sqlite:../${secrets.A}.db' } })
  expect(connectionConfig(http, secrets)).toEqual({ url: 'http://a' })
  expect(databaseUrl(database, { secrets, root: '/etc/manifests' })).toBe('sqlite:/etc/A-value.db')
  expect(secretsOfConnection(database)).toEqual(['A'])
  const wrong = { code: 'wrong_connection' }
  expect(() => connectionConfig(database, secrets)).toThrow(expect.objectContaining(wrong))
  expect(() => databaseUrl(http, { secrets, root: '/' })).toThrow(expect.objectContaining(wrong))
})
