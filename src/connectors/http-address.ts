import { HermesError } from '../errors.ts'

const absolute = /^[a-z][a-z0-9+.-]*:/i

/** Reads an http or https address; throws `invalid_value` without repeating it when it holds credentials. */
export function parseAddress(text: string, what: string): URL {
  const url = URL.parse(text)
  if (url === null) throw new HermesError('invalid_value', `${what} is not an address`)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new HermesError('invalid_value', `${what} must begin with http:// or https://, not ${url.protocol}//`)
  }
  if (url.username !== '' || url.password !== '') {
    throw new HermesError('invalid_value', `${what} holds a user name or password`, {
      fix: 'Take it out of the address and use auth.basic of the Connection.',
    })
  }
  return url
}

/**
 * The address of a request: a path is appended to the base and cannot leave its host; an absolute address stands for
 * itself. Parameters of the base and of the path stay, those of `query` replace equal ones.
 */
export function addressOf(base: URL | undefined, target: string, query: Readonly<Record<string, string>> = {}): URL {
  const url = absolute.test(target) ? parseAddress(target, 'the address') : below(base, target)
  url.hash = ''
  for (const [name, value] of Object.entries(query)) setParameter(url, name, value)
  return url
}

function below(base: URL | undefined, path: string): URL {
  if (base === undefined) {
    throw new HermesError('invalid_value', `the path ${JSON.stringify(path)} needs a Connection with a url`)
  }
  const root = base.pathname.replace(/\/+$/, '')
  const rest = path.replace(/^[/\\]+/, '')
  const joined = rest === '' || rest.startsWith('?') ? (root === '' ? `/${rest}` : `${root}${rest}`) : `${root}/${rest}`
  const url = parseAddress(`${base.origin}${joined}`, 'the address')
  for (const [name, value] of base.searchParams) {
    if (!url.searchParams.has(name)) setParameter(url, name, value)
  }
  return url
}

/** Sets a parameter and leaves the others spelled as they are, for links that are signed. */
export function setParameter(url: URL, name: string, value: string): void {
  if (url.searchParams.has(name)) url.searchParams.set(name, value)
  else url.search += `${url.search === '' ? '' : '&'}${encodeURIComponent(name)}=${encodeURIComponent(value)}`
}

/**
 * Where a link in an answer from `from` leads. It stays at that origin: the same host by another scheme or port is led
 * back, another host throws `http_client_error`.
 */
export function linkOf(from: URL, link: string): URL {
  const url = URL.parse(link, from.href)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new HermesError('pagination_invalid', 'the link to the next page is not an address')
  }
  if (url.hostname !== from.hostname) {
    throw new HermesError('http_client_error', `the link to the next page leads from ${from.host} to ${url.host}`, {
      fix: 'Point the Connection at the host that serves the pages.',
    })
  }
  return new URL(`${from.origin}${url.pathname}${url.search}`)
}
