import { HermesError } from '../errors.ts'

/** An address of a server, taken apart; credentials are decoded. */
export interface ServerAddress {
  readonly host: string
  readonly port: number
  readonly secure: boolean
  readonly username?: string
  readonly password?: string
  /** What stands behind the host, without the slash. */
  readonly path: string
  /** `host:port`, fit for messages. */
  readonly shown: string
}

/** Schemes without and with TLS, and the port when the address names none. */
export interface AddressRules {
  readonly plain: string
  readonly secure: string
  readonly port: number
}

/** Reads `redis://user:password@host:port/0` and the like. Throws `invalid_value`, and never repeats the address. */
export function parseServerAddress(text: string, { plain, secure, port }: AddressRules): ServerAddress {
  const url = URL.parse(text)
  if (url === null || url.hostname === '') throw new HermesError('invalid_value', 'url is not an address')
  const scheme = url.protocol.slice(0, -1)
  if (scheme !== plain && scheme !== secure) {
    throw new HermesError('invalid_value', `url must begin with ${plain}:// or ${secure}://, not ${scheme}://`)
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const number = url.port === '' ? port : Number(url.port)
  return {
    host,
    port: number,
    secure: scheme === secure,
    ...(url.username === '' ? {} : { username: decoded(url.username) }),
    ...(url.password === '' ? {} : { password: decoded(url.password) }),
    path: decoded(url.pathname.replace(/^\//, '')),
    shown: `${url.hostname}:${number}`,
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
