import type { Answer } from './http-exchange.ts'
import type { Problem } from './http-problem.ts'

/** One request on its way through redirects. */
export interface Hop {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | undefined
  /** It goes to the Connection's origin and always did: only then it carries credentials. */
  readonly trusted: boolean
}

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

export function isRedirect({ status, headers }: Answer): boolean {
  return redirects.has(status) && headers['location'] !== undefined
}

/** Where a redirect leads. At another origin the request keeps no credentials, no header that may be one, and no body. */
export function redirected(hop: Hop, { status, headers }: Answer): Hop | Problem {
  const url = URL.parse(String(headers['location']), hop.url.href)
  if (url === null || !/^https?:$/.test(url.protocol))
    return refusal('the server redirects to something that is no address')
  url.username = ''
  url.password = ''
  url.hash = ''
  const away = url.origin !== hop.url.origin
  const drops = status === 303 ? hop.method !== 'HEAD' : status < 303 && hop.method === 'POST'
  if (away && !drops && hop.body !== undefined) {
    return refusal(`the server redirects a request with a body from ${hop.url.host} to ${url.host}`)
  }
  return {
    method: drops ? 'GET' : hop.method,
    url,
    headers: Object.fromEntries(Object.entries(hop.headers).filter(([name]) => keeps(name, away, drops))),
    body: drops ? undefined : hop.body,
    trusted: hop.trusted && !away,
  }
}

function keeps(name: string, away: boolean, drops: boolean): boolean {
  if (drops && name.startsWith('content-')) return false
  return !away || name === 'accept' || name === 'content-type'
}

function refusal(message: string): Problem {
  return { code: 'http_client_error', message, again: 'never' }
}
