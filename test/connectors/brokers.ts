import { spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { describe } from 'vitest'

/** Where Redis is looked for. */
export const redisUrl = 'redis://127.0.0.1:6379'
/** Where NATS with JetStream is looked for. */
export const natsUrl = 'nats://127.0.0.1:4222'

const hasRedis = await isThere(redisUrl, 'redis-server')
const hasNats = await isThere(natsUrl, 'nats-server')

/** Tests with a real Redis; without one, or without the program for a server of a test's own, they show as skipped. */
export function onRedis(name: string, define: () => void): void {
  describe.skipIf(!hasRedis)(name, define)
}

/** The same for NATS with JetStream. */
export function onNats(name: string, define: () => void): void {
  describe.skipIf(!hasNats)(name, define)
}

async function isThere(url: string, program: string): Promise<boolean> {
  const found = (await answers(url)) && spawnSync(program, ['--version']).error === undefined
  if (!found && process.env['HERMES_REQUIRE_SERVICES'] === '1') {
    throw new Error(`nothing answers at ${url}, or there is no ${program}`)
  }
  return found
}

function answers(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url)
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect({ host: hostname, port: Number(port), timeout: 2_000 })
  socket.once('connect', () => resolve(true))
  for (const failure of ['error', 'timeout']) socket.once(failure, () => resolve(false))
  return promise.finally(() => socket.destroy())
}
