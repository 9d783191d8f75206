import type { FromSchema } from 'json-schema-to-ts'
import { durationSchema } from './duration-schema.ts'
import { headerNamePattern, headersSchema } from './http-headers.ts'
import { credentialsInUrl, secret, secretOnly } from './secret-text.ts'

const auth = {
  type: 'object',
  description: 'How to prove who asks. Sent to the origin of `url` only.',
  additionalProperties: false,
  'x-one-of': ['none', 'bearer', 'basic', 'apiKey', 'oauth2'],
  properties: {
    none: { type: 'object', description: 'No credentials.', additionalProperties: false, properties: {} },
    bearer: {
      type: 'object',
      description: 'Authorization: Bearer TOKEN.',
      additionalProperties: false,
      required: ['token'],
      properties: { token: secretOnly },
    },
    basic: {
      type: 'object',
      description: 'User name and password.',
      additionalProperties: false,
      required: ['username', 'password'],
      properties: { username: secret, password: { ...secretOnly, minLength: 0 } },
    },
    apiKey: {
      type: 'object',
      description: 'A key in a header or in the query.',
      additionalProperties: false,
      required: ['value'],
      'x-one-of': ['header', 'query'],
      properties: {
        header: { type: 'string', pattern: headerNamePattern, description: 'Name of the header.' },
        query: { type: 'string', minLength: 1, description: 'Name of the query parameter.' },
        value: secretOnly,
      },
    },
    oauth2: {
      type: 'object',
      description: 'OAuth 2 client credentials; the token is kept until shortly before it expires.',
      additionalProperties: false,
      required: ['tokenUrl', 'clientId', 'clientSecret'],
      properties: {
        tokenUrl: {
          type: 'string',
          pattern: '^https?://',
          'x-pattern-hint': 'an http:// or https:// address',
          'x-template': true,
        },
        clientId: secret,
        clientSecret: secretOnly,
        scope: { type: 'string', minLength: 1 },
        audience: { type: 'string', minLength: 1 },
        credentials: {
          enum: ['header', 'body'],
          default: 'header',
          description: 'Where id and secret stand in the token request: HTTP Basic, or fields of the form.',
        },
      },
    },
  },
} as const

const rateLimit = {
  type: 'object',
  description: 'Shared by everything that uses the Connection.',
  additionalProperties: false,
  properties: {
    requests: { type: 'integer', minimum: 1, description: 'Requests within `per`, whichever way it is laid.' },
    per: { ...durationSchema, default: '1s', description: 'The interval, 1m.' },
    concurrency: { type: 'integer', minimum: 1, description: 'Requests under way at once.' },
    burst: {
      type: 'integer',
      minimum: 1,
      description: 'Requests back to back; the rest spreads evenly. 1 is a steady beat; left out: all of `requests`.',
    },
  },
} as const

const tls = {
  type: 'object',
  description: 'Trust and identity for https.',
  additionalProperties: false,
  properties: {
    ca: { ...secret, description: 'PEM certificates to trust instead of the public ones.' },
    cert: { ...secret, description: 'PEM certificate of this client.' },
    key: { ...secretOnly, description: 'PEM key of this client; only from a secret.' },
    servername: { type: 'string', minLength: 1, description: 'Name to expect in the certificate.' },
    insecureSkipVerify: { type: 'boolean', default: false, description: 'Accepts any certificate. For tests only.' },
  },
} as const

/** The schema of `spec.http` of a Connection. */
export const httpConnectionSchema = {
  type: 'object',
  description: 'An HTTP API.',
  additionalProperties: false,
  required: ['url'],
  properties: {
    url: {
      type: 'string',
      pattern: '^(https?://(?![^/?#\\s]*@)[^\\s/]|\\$\\{)',
      'x-pattern-hint': 'an http:// or https:// address; user and password belong into auth',
      'x-template': true,
      description: 'Base address; the path of a source is appended to it.',
    },
    auth,
    headers: {
      ...headersSchema,
      description: `Headers of every request to this origin. ${headersSchema.description}`,
    },
    rateLimit,
    tls,
    proxy: {
      ...secret,
      pattern: '^(environment$|https?://|\\$\\{)',
      'x-pattern-hint': 'an http:// or https:// address, or environment',
      'x-secret-only': credentialsInUrl,
      description: 'http://HOST:PORT, or `environment` for HTTP_PROXY, HTTPS_PROXY and NO_PROXY. Left out: direct.',
    },
    timeout: { ...durationSchema, default: '30s', description: 'Time for one request and its whole answer.' },
  },
} as const

type Spec = FromSchema<typeof httpConnectionSchema>

/** A resolved Connection; without `url` it is bound to no origin and sends no credentials. */
export type HttpConnectionConfig = Partial<Spec>
export type AuthConfig = NonNullable<Spec['auth']>
export type TlsConfig = Partial<NonNullable<Spec['tls']>>
export type RateLimitConfig = Partial<NonNullable<Spec['rateLimit']>>
export type OAuthConfig = NonNullable<AuthConfig['oauth2']>
