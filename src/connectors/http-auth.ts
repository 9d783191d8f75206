import { setParameter } from './http-address.ts'
import type { AuthConfig } from './http-connection-config.ts'
import type { OAuthTokens } from './http-oauth.ts'

/** How a Connection proves who asks. */
export interface Auth {
  /** Adds the credentials to a request to the Connection's own origin. */
  apply(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<void>
  /** The server refused the credentials that `apply` gave: whether it can give others. */
  renew(headers: Readonly<Record<string, string>>): boolean
  /** Takes the credentials out of an address. */
  strip(url: URL): void
  /** Everything that must not be seen. */
  secrets(): string[]
}

const none: Auth = { apply: async () => {}, renew: () => false, strip: () => {}, secrets: () => [] }

/** The auth of a Connection; `tokens` is needed for oauth2 only. */
export function openAuth(config: AuthConfig | undefined, tokens: () => OAuthTokens): Auth {
  if (config?.bearer !== undefined)
    return fixedHeader('authorization', `Bearer ${config.bearer.token}`, [config.bearer.token])
  if (config?.basic !== undefined) return basic(config.basic)
  if (config?.apiKey !== undefined) return apiKey(config.apiKey)
  if (config?.oauth2 !== undefined) return oauth(tokens())
  return none
}

function fixedHeader(name: string, value: string, secrets: readonly string[]): Auth {
  return {
    ...none,
    apply: async (_url, headers) => {
      headers[name] = value
    },
    secrets: () => [...secrets],
  }
}

function basic({ username, password }: { username: string; password: string }): Auth {
  const token = Buffer.from(`${username}:${password}`).toString('base64')
  return fixedHeader('authorization', `Basic ${token}`, [token, password])
}

function apiKey({ header, query, value }: NonNullable<AuthConfig['apiKey']>): Auth {
  if (header !== undefined) return fixedHeader(header.toLowerCase(), value, [value])
  const name = query ?? ''
  return {
    ...none,
    apply: async (url) => setParameter(url, name, value),
    strip: (url) => {
      if (url.searchParams.has(name)) url.searchParams.delete(name)
    },
    secrets: () => [value],
  }
}

function oauth(tokens: OAuthTokens): Auth {
  return {
    ...none,
    apply: async (_url, headers, signal) => {
      headers['authorization'] = `Bearer ${await tokens.get(signal)}`
    },
    renew: (headers) => tokens.refuse(headers['authorization']?.slice('Bearer '.length) ?? ''),
    secrets: () => tokens.secrets(),
  }
}
