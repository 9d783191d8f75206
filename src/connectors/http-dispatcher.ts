import type { Dispatcher } from 'undici'
import { parseAddress } from './http-address.ts'
import type { HttpConnectionConfig, TlsConfig } from './http-connection-config.ts'

/** undici's agent for a Connection: its TLS settings, and its proxy if it has one. */
export async function openDispatcher({ tls, proxy }: HttpConnectionConfig): Promise<Dispatcher> {
  const { Agent, EnvHttpProxyAgent, ProxyAgent } = await import('undici')
  const connect = tlsOptions(tls)
  if (proxy === undefined) return new Agent({ connect })
  if (proxy === 'environment') return new EnvHttpProxyAgent({ requestTls: connect, connect })
  return new ProxyAgent({ requestTls: connect, ...proxyAddress(proxy) })
}

function tlsOptions({ ca, cert, key, servername, insecureSkipVerify }: TlsConfig = {}): object {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
    ...(insecureSkipVerify === true ? { rejectUnauthorized: false } : {}),
  }
}

function proxyAddress(proxy: string): { uri: string; token?: string } {
  const token = proxyToken(proxy)
  const uri = parseAddress(proxy.replace(/^(https?:\/\/)[^/]*@/, '$1'), 'the proxy').href
  return token === undefined ? { uri } : { uri, token: `Basic ${token}` }
}

function proxyToken(proxy: string): string | undefined {
  const [user] = /(?<=^https?:\/\/)[^/]*(?=@)/.exec(proxy) ?? []
  if (user === undefined) return undefined
  return Buffer.from(user.split(':').map(decoded).join(':')).toString('base64')
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** What of the settings must never be seen. */
export function dispatcherSecrets({ tls, proxy = '' }: HttpConnectionConfig): string[] {
  const [password = ''] = /(?<=^https?:\/\/[^/:]*:)[^/]+(?=@)/.exec(proxy) ?? []
  return [tls?.key ?? '', password, decoded(password), proxyToken(proxy) ?? '']
}
