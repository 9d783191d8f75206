import type { Clock } from '../clock.ts'
import { HermesError } from '../errors.ts'
import { parseAddress } from './http-address.ts'
import type { OAuthConfig } from './http-connection-config.ts'
import type { Answer, WireRequest } from './http-exchange.ts'

/** Sends a token request; throws what became of it otherwise. */
export type SendTokenRequest = (request: WireRequest) => Promise<Answer>

interface Token {
  readonly value: string
  readonly staleAt: number
}

const TIMEOUT_MS = 15_000
const MAX_BYTES = 1_000_000
const DEFAULT_LIFE_S = 300
const MARGIN_MS = 60_000

/** The access token of a Connection: one for all its requests, and one request for it under way at most. */
export class OAuthTokens {
  readonly #config: OAuthConfig
  readonly #send: SendTokenRequest
  readonly #clock: Clock
  #token: Token | undefined
  #pending: Promise<Token> | undefined

  constructor(config: OAuthConfig, send: SendTokenRequest, clock: Clock) {
    this.#config = config
    this.#send = send
    this.#clock = clock
  }

  async get(signal: AbortSignal): Promise<string> {
    if (this.#token !== undefined && this.#clock.now() < this.#token.staleAt) return this.#token.value
    this.#pending ??= this.#refresh().finally(() => {
      this.#pending = undefined
    })
    return (await unlessAborted(this.#pending, signal)).value
  }

  /** The server refused a token: forgets it if it is still the present one. False when there never was one. */
  refuse(value: string): boolean {
    if (this.#token?.value === value) this.#token = undefined
    return value !== ''
  }

  secrets(): string[] {
    const { clientId, clientSecret } = this.#config
    return [clientSecret, basic(clientId, clientSecret), this.#token?.value ?? '']
  }

  async #refresh(): Promise<Token> {
    const answer = await this.#send(this.#request())
    const { access_token: value, expires_in: life } = fields(answer.body)
    if (typeof value !== 'string' || value === '') {
      throw new HermesError('http_unauthorized', 'the token server answered without an access_token')
    }
    const lifeMs = Number(life ?? DEFAULT_LIFE_S) * 1000 || DEFAULT_LIFE_S * 1000
    this.#token = { value, staleAt: this.#clock.now() + lifeMs - Math.min(MARGIN_MS, lifeMs / 10) }
    return this.#token
  }

  #request(): WireRequest {
    const { tokenUrl, clientId, clientSecret, scope, audience, credentials } = this.#config
    const form = new URLSearchParams({ grant_type: 'client_credentials' })
    if (scope !== undefined) form.set('scope', scope)
    if (audience !== undefined) form.set('audience', audience)
    const headers: Record<string, string> = {
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
    }
    if (credentials === 'body') {
      form.set('client_id', clientId)
      form.set('client_secret', clientSecret)
    } else headers['authorization'] = `Basic ${basic(clientId, clientSecret)}`
    const url = parseAddress(tokenUrl, 'auth.oauth2.tokenUrl')
    return { method: 'POST', url, headers, body: form.toString(), timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES }
  }
}

/** RFC 6749 has both parts form-encoded before they are joined. */
function basic(id: string, secret: string): string {
  return Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')
}

function fields(body: Uint8Array): { access_token?: unknown; expires_in?: unknown } {
  try {
    return (JSON.parse(new TextDecoder().decode(body)) as object | null) ?? {}
  } catch {
    return {}
  }
}

/** The promise goes on for the others who wait for it. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
