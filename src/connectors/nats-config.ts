import type { FromSchema } from 'json-schema-to-ts'
import { durationSchema } from './duration-schema.ts'
import { secretAddress, secretOnly } from './secret-text.ts'
import { type ServerTlsConfig, serverTlsSchema } from './server-tls.ts'

/** How a NATS server is reached: fields of every NATS connector. */
export const natsServerProperties = {
  url: {
    ...secretAddress,
    pattern: '^((nats|tls)://[^\\s/]|\\$\\{)',
    'x-pattern-hint': 'a nats:// or tls:// address',
    'x-secret-only': '^[a-z]+://[^/@]+@',
    description:
      'nats://USER:PASSWORD@HOST:PORT or nats://TOKEN@HOST, tls:// for TLS. Port 4222 when left out; credentials may ' +
      'be secrets: nats://${secrets.NATS_TOKEN}@broker. Other servers of a cluster are learnt from this one.',
  },
  credentials: { ...secretOnly, description: 'Text of a .creds file (JWT and seed), only from a secret.' },
  tls: serverTlsSchema,
  timeout: {
    ...durationSchema,
    default: '10s',
    description: 'Time for the server to take a connection, and to answer a batch.',
  },
} as const

/** Subjects of a stream, for making it. */
export const streamSubjects = {
  type: 'array',
  minItems: 1,
  items: { type: 'string', minLength: 1 },
  description: 'Subjects that the stream takes in; with them it is made when it is not there, kept in files.',
} as const

/** What a stream or consumer may be called. */
export const natsName = {
  type: 'string',
  pattern: '^[^\\s.*>/\\\\]+$',
  'x-pattern-hint': 'a name without spaces, dots, slashes and wildcards',
} as const

const schema = { type: 'object', required: ['url'], properties: natsServerProperties } as const

/** A server and the way to it, secrets resolved. */
export type NatsServerConfig = Pick<FromSchema<typeof schema>, 'url'> & {
  readonly credentials?: string
  readonly tls?: Partial<ServerTlsConfig>
  readonly timeout?: string | number
}
