import type { FromSchema } from 'json-schema-to-ts'
import { secret, secretOnly } from './secret-text.ts'

/** The schema of `tls` of a server that is not spoken to by HTTP. */
export const serverTlsSchema = {
  type: 'object',
  description: 'Trust and identity; its presence asks for TLS whatever the address says.',
  additionalProperties: false,
  properties: {
    ca: { ...secret, description: 'PEM certificates to trust instead of the public ones.' },
    cert: { ...secret, description: 'PEM certificate of this client.' },
    key: { ...secretOnly, description: 'PEM key of this client; only from a secret.' },
    servername: { type: 'string', minLength: 1, description: 'Name to expect in the certificate.' },
    insecureSkipVerify: { type: 'boolean', default: false, description: 'Accepts any certificate. For tests only.' },
  },
} as const

export type ServerTlsConfig = FromSchema<typeof serverTlsSchema>

/** The same as `node:tls` takes it. */
export interface TlsOptions {
  ca?: string
  cert?: string
  key?: string
  servername?: string
  rejectUnauthorized?: boolean
}

/** Options for `tls.connect`; what is absent keeps Node's default. */
export function tlsOptions({ ca, cert, key, servername, insecureSkipVerify }: Partial<ServerTlsConfig>): TlsOptions {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
    ...(insecureSkipVerify === true ? { rejectUnauthorized: false } : {}),
  }
}
