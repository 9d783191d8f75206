import type { FromSchema } from 'json-schema-to-ts'
import { HermesError } from '../errors.ts'
import { durationSchema } from './duration-schema.ts'
import { secretAddress } from './secret-text.ts'
import { parseServerAddress, type ServerAddress } from './server-address.ts'
import { type ServerTlsConfig, serverTlsSchema, type TlsOptions, tlsOptions } from './server-tls.ts'

/** How a PostgreSQL server is reached: fields of every PostgreSQL connector. */
export const postgresServerProperties = {
  url: {
    ...secretAddress,
    pattern: '^(postgres(ql)?://[^\\s/]|\\$\\{)',
    'x-pattern-hint': 'a postgres:// address',
    description:
      'postgres://USER:PASSWORD@HOST:PORT/DATABASE. Port 5432 when left out; the password may be a secret: ' +
      'postgres://hermes:${secrets.PG}@db/shop. `?sslmode=` is understood as by libpq: disable, require, verify-ca, ' +
      'verify-full.',
  },
  tls: serverTlsSchema,
  timeout: {
    ...durationSchema,
    default: '10s',
    description: 'Time for the server to take a connection, and to give a sign of life.',
  },
} as const

const schema = { type: 'object', required: ['url'], properties: postgresServerProperties } as const

/** A server and the way to it, secrets resolved. */
export type PostgresServerConfig = Pick<FromSchema<typeof schema>, 'url'> & {
  readonly tls?: Partial<ServerTlsConfig>
  readonly timeout?: string | number
}

/** Where a database is, and whether TLS leads there. */
export interface PostgresAddress extends ServerAddress {
  readonly database: string
  /** Absent: no TLS. */
  readonly tls?: TlsOptions
}

const plainModes: ReadonlySet<string> = new Set(['disable', 'allow', 'prefer'])

/** Reads the address. Throws `invalid_value`, and never repeats it. */
export function postgresAddress({ url, tls }: PostgresServerConfig): PostgresAddress {
  const address = parseServerAddress(url.replace(/^postgresql:/, 'postgres:'), {
    plain: 'postgres',
    secure: 'postgres',
    port: 5_432,
  })
  const database = address.path === '' ? (address.username ?? '') : address.path
  if (database === '') throw new HermesError('invalid_value', 'url names no database')
  const options = tlsOf(url, tls)
  return { ...address, database, ...(options === undefined ? {} : { tls: options }) }
}

function tlsOf(url: string, tls: PostgresServerConfig['tls']): TlsOptions | undefined {
  const parameters = URL.parse(url)?.searchParams ?? new URLSearchParams()
  const unknown = [...parameters.keys()].find((name) => name !== 'sslmode')
  if (unknown !== undefined) {
    throw new HermesError('invalid_value', `url has the parameter ${unknown}; only sslmode is understood`)
  }
  if (tls !== undefined) return tlsOptions(tls)
  const mode = parameters.get('sslmode') ?? 'disable'
  if (plainModes.has(mode)) return undefined
  if (mode === 'require') return { rejectUnauthorized: false }
  if (mode === 'verify-ca' || mode === 'verify-full') return {}
  throw new HermesError('invalid_value', 'the sslmode in url is none of disable, require, verify-ca and verify-full')
}
