import type { Clock } from '../clock.ts'
import { HermesError } from '../errors.ts'
import { durationMs } from '../manifest/duration.ts'
import type { HttpClient, HttpRequest, HttpResponse, Log } from '../stream/connector.ts'
import { addressOf, linkOf, parseAddress } from './http-address.ts'
import { type Auth, openAuth } from './http-auth.ts'
import { acceptedEncodings } from './http-body.ts'
import type { HttpConnectionConfig } from './http-connection-config.ts'
import { dispatcherSecrets } from './http-dispatcher.ts'
import type { Answer, WireRequest } from './http-exchange.ts'
import { type Hop, isRedirect, redirected } from './http-hop.ts'
import { OAuthTokens } from './http-oauth.ts'
import { backoffMs, failureProblem, mayRepeat, type Problem, statusProblem } from './http-problem.ts'
import { Wire } from './http-wire.ts'
import { excerptOf, headerSecrets, type Mask, maskOf } from './masking.ts'

/** The HTTP client of one Connection, shared by everything that uses it. */
export interface HttpConnection extends HttpClient, AsyncDisposable {
  /** Takes no more requests, lets those under way end, and closes the sockets. Closing twice is closing once. */
  close(): Promise<void>
}

export interface HttpServices {
  readonly clock: Clock
  readonly log: Log
  /** Hermes' version, for the User-Agent. */
  readonly version?: string
}

/**
 * The client of a resolved Connection. Nothing is loaded or opened before the first request. Without `url` it takes
 * absolute addresses only and sends no credentials. Throws `invalid_value` for an address that is none.
 */
export function httpConnection(config: HttpConnectionConfig, services: HttpServices): HttpConnection {
  return new Connection(config, services)
}

interface Reached {
  readonly answer: Answer
  readonly url: URL
}

const MAX_REDIRECTS = 5
const EXCERPT = 200
const DEFAULT_TIMEOUT = '30s'

class Connection implements HttpConnection {
  readonly #config: HttpConnectionConfig
  readonly #services: HttpServices
  readonly #base: URL | undefined
  readonly #headers: Readonly<Record<string, string>>
  readonly #auth: Auth
  readonly #never = new AbortController().signal
  readonly #wire: Wire

  constructor(config: HttpConnectionConfig, services: HttpServices) {
    this.#config = config
    this.#services = services
    this.#wire = new Wire(config)
    this.#base = config.url === undefined ? undefined : parseAddress(config.url, 'url')
    this.#headers = lowerCased(config.headers ?? {})
    this.#auth = openAuth(config.auth, () => this.#tokens())
  }

  async request(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const hop = this.#firstHop(request)
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#send(hop, request, signal)
      if ('answer' in outcome) return this.#response(outcome)
      if (attempt >= request.attempts || !mayRepeat(outcome, hop.method, request.repeatable ?? false)) {
        throw this.#error(hop, outcome)
      }
      this.#services.log.debug({ code: outcome.code, attempt, method: hop.method }, 'http request repeated')
      await this.#sleep(backoffMs(attempt, Math.random()), signal)
    }
  }

  close(): Promise<void> {
    return this.#wire.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #firstHop({ method, url: target, query, headers, body }: HttpRequest): Hop {
    const url = addressOf(this.#base, target, query)
    return {
      method: method.toUpperCase(),
      url,
      headers: lowerCased(headers ?? {}),
      body,
      trusted: this.#base?.origin === url.origin,
    }
  }

  /** One try: through redirects, and once more with a fresh token. */
  async #send(first: Hop, request: HttpRequest, signal: AbortSignal): Promise<Reached | Problem> {
    let hop = first
    let renewed = false
    for (let redirects = 0; redirects <= MAX_REDIRECTS; ) {
      const wire = await this.#wireRequest(hop, request, signal)
      const answer = await this.#wire.send(wire, signal)
      if ('code' in answer) return failureProblem(answer)
      if (answer.status === 401 && hop.trusted && !renewed && this.#auth.renew(wire.headers)) {
        renewed = true
        continue
      }
      if (!isRedirect(answer)) return this.#judge(answer, wire)
      const next = redirected(hop, answer)
      if ('code' in next) return next
      hop = next
      redirects += 1
    }
    return { code: 'http_client_error', message: `more than ${MAX_REDIRECTS} redirects`, again: 'never' }
  }

  #judge(answer: Answer, wire: WireRequest): Reached | Problem {
    if (answer.status >= 200 && answer.status <= 299) return { answer, url: wire.url }
    return statusProblem(answer, this.#services.clock.now(), excerptOf(answer.body, EXCERPT, this.#mask(wire.headers)))
  }

  async #wireRequest(hop: Hop, request: HttpRequest, signal: AbortSignal): Promise<WireRequest> {
    const url = new URL(hop.url)
    const { version } = this.#services
    const headers: Record<string, string> = {
      'user-agent': version === undefined ? 'hermes' : `hermes/${version}`,
      accept: 'application/json, */*;q=0.5',
      'accept-encoding': acceptedEncodings,
      ...(hop.trusted ? this.#headers : {}),
      ...hop.headers,
    }
    if (hop.trusted) await this.#auth.apply(url, headers, signal)
    const timeoutMs = request.timeoutMs ?? durationMs(this.#config.timeout ?? DEFAULT_TIMEOUT)
    return { method: hop.method, url, headers, body: hop.body, timeoutMs, maxBytes: request.maxResponseBytes }
  }

  #tokens(): OAuthTokens {
    const config = this.#config.auth?.oauth2
    if (config === undefined) throw new TypeError('no oauth2')
    return new OAuthTokens(config, (request) => this.#requestToken(request), this.#services.clock)
  }

  /** Beside the limiter: the token server is another one, and everything waits for it. */
  async #requestToken(wire: WireRequest): Promise<Answer> {
    const answer = await this.#wire.sendAtOnce(wire, this.#never)
    const where = { ...wire, trusted: true }
    if ('code' in answer) throw this.#error(where, failureProblem(answer))
    const outcome = this.#judge(answer, wire)
    if ('answer' in outcome) return answer
    throw this.#error(where, outcome.code === 'http_client_error' ? { ...outcome, code: 'http_unauthorized' } : outcome)
  }

  #response({ answer, url }: Reached): HttpResponse {
    const { status, headers, body } = answer
    const bare = this.#bare(url)
    const mask = (): Mask => this.#mask({})
    return {
      status,
      headers,
      body,
      url: bare,
      follow: (link) => this.#bare(linkOf(url, link)),
      excerpt: (length) => excerptOf(body, length, mask()),
    }
  }

  #error({ method, url, headers }: Hop, { code, message, retryAfterMs }: Problem): HermesError {
    const mask = this.#mask(headers)
    const text = `${method} ${mask(this.#bare(url))}: ${mask(message)}`
    return new HermesError(code, text, retryAfterMs === undefined ? {} : { retryAfterMs })
  }

  #bare(url: URL): string {
    const bare = new URL(url)
    this.#auth.strip(bare)
    return bare.href
  }

  #mask(headers: Readonly<Record<string, string>>): Mask {
    const fixed = [...this.#auth.secrets(), ...headerSecrets(this.#headers), ...dispatcherSecrets(this.#config)]
    return maskOf([...fixed, ...headerSecrets(headers)])
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#services.clock.sleep(ms, signal)
    } catch (error) {
      signal.throwIfAborted()
      throw error
    }
  }
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
