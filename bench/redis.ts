import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'

/** Where the benches' Redis listens. */
export const redisUrl = process.env['HERMES_TEST_REDIS'] ?? 'redis://127.0.0.1:6379'

/** A key or channel that nobody else uses. */
export const freshKey = (): string => `hermes:bench:${randomBytes(6).toString('hex')}`

/** The bare client; disconnected when disposed. Throws when no server answers. */
export async function bareRedis(): Promise<Disposable & { readonly client: Redis }> {
  const client = new Redis(redisUrl, { lazyConnect: true, protocol: 2 })
  await client.connect()
  return { client, [Symbol.dispose]: () => client.disconnect() }
}
