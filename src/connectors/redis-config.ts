import type { FromSchema } from 'json-schema-to-ts'
import { durationSchema } from './duration-schema.ts'
import { secretAddress } from './secret-text.ts'
import { type ServerTlsConfig, serverTlsSchema } from './server-tls.ts'

/** How a Redis server is reached: fields of every Redis connector. */
export const redisServerProperties = {
  url: {
    ...secretAddress,
    pattern: '^(rediss?://[^\\s/]|\\$\\{)',
    'x-pattern-hint': 'a redis:// or rediss:// address',
    description:
      'redis://USER:PASSWORD@HOST:PORT/DATABASE, rediss:// for TLS. Port 6379 and database 0 when left out; the ' +
      'password may be a secret: redis://:${secrets.REDIS}@cache:6379.',
  },
  tls: serverTlsSchema,
  timeout: {
    ...durationSchema,
    default: '10s',
    description: 'Time for the server to take a connection, and to answer a batch.',
  },
} as const

const schema = { type: 'object', required: ['url'], properties: redisServerProperties } as const

/** A server and the way to it, secrets resolved. */
export type RedisServerConfig = Pick<FromSchema<typeof schema>, 'url'> & {
  readonly tls?: Partial<ServerTlsConfig>
  readonly timeout?: string | number
}
