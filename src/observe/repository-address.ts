/** What an address says of a repository, however it is spelt. */
export interface RepositoryAddress {
  /** In lower case, without a port; empty for a path on this machine. */
  readonly host: string
  /** Without slashes at its ends, and without `.git`. */
  readonly path: string
  /** Where the host's pages are: `https://host`, or what the address itself says where that is HTTP. */
  readonly web: string
}

const scp = /^(?:[^@/\s]+@)?([^@:/\s]+|\[[^\]]+\]):(?!\/\/)(\S+)$/

/** Reads `https://…`, `ssh://…`, `user@host:path`, `file://…` or an absolute path; undefined for what is none of them. */
export function repositoryAddress(text: string): RepositoryAddress | undefined {
  if (text.startsWith('/')) return addressOf('', text)
  const url = text.includes('://') ? URL.parse(text) : null
  if (url !== null) {
    if (/^https?:$/.test(url.protocol)) return addressOf(url.hostname, url.pathname, url.origin)
    return addressOf(url.protocol === 'file:' ? '' : url.hostname, url.pathname)
  }
  const [, host, path] = scp.exec(text) ?? []
  return host === undefined || path === undefined ? undefined : addressOf(host, path)
}

/**
 * Whether both lead to one repository: scheme, user, port and a trailing `.git` do not count, and neither does the case of
 * host and path, as GitHub, GitLab, Gitea and Bitbucket have it; that of a path on this machine does.
 */
export function isSameRepository(one: RepositoryAddress | undefined, other: RepositoryAddress | undefined): boolean {
  if (one === undefined || other === undefined || one.host !== other.host) return false
  return one.host === '' ? one.path === other.path : one.path.toLowerCase() === other.path.toLowerCase()
}

function addressOf(hostname: string, pathname: string, origin?: string): RepositoryAddress | undefined {
  const host = hostname.toLowerCase()
  const path = pathname.replaceAll(/^\/+|\/+$/g, '').replace(/\.git$/i, '')
  return path === '' ? undefined : { host, path, web: origin ?? `https://${host}` }
}
