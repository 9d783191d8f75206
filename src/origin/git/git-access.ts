import { HermesError } from '../../errors.ts'
import { configEnv } from './config-env.ts'
import { type OwnFiles, ownFiles } from './own-files.ts'

/** What is needed to reach a repository; each as its content, never as an address or argument. */
export interface GitCredentials {
  /** A password for HTTP that needs no user name of its own. */
  readonly token?: string
  readonly username?: string
  readonly password?: string
  /** Private key, as `ssh-keygen` writes it. */
  readonly sshKey?: string
  /** Lines of `known_hosts`; no other host is spoken to. */
  readonly knownHosts?: string
  /** Certificates, PEM, that are trusted for HTTPS with this server. */
  readonly ca?: string
}

/** Access to one repository; disposing it removes the files that git and ssh need. */
export interface GitAccess extends AsyncDisposable {
  /** For every run of git that crosses the network. */
  readonly env: Readonly<Record<string, string>>
}

/** The schemes that are spoken; `file` for a path on this machine. */
export type GitScheme = 'https' | 'http' | 'ssh' | 'file'

/** An address, understood: what git is given, and what people are shown. */
export interface GitAddress {
  readonly url: string
  readonly scheme: GitScheme
  /** `https://host`, for whatever holds for this server alone. */
  readonly origin: string
}

const scp = /^(?:[\w.-]+@)?[\w.-]+:(?!\/\/)[^\s]+$/

/** Reads `https://…`, `ssh://…`, `user@host:path`, `file://…` or a path. Throws `setting_invalid`; never with a password. */
export function parseGitAddress(text: string): GitAddress {
  if (text.startsWith('-') || /\p{Cc}/u.test(text)) throw invalid('it must not begin with - or hold control characters')
  if (text.startsWith('/') || text.startsWith('.')) return { url: text, scheme: 'file', origin: '' }
  const url = URL.parse(text)
  if (url !== null && /^(?:https?|ssh|file):$/.test(url.protocol) && text.includes('://')) {
    if (url.password !== '' || (url.protocol !== 'ssh:' && url.username !== '')) {
      throw invalid('credentials must not stand in it')
    }
    const scheme = url.protocol.slice(0, -1) as GitScheme
    return { url: text, scheme, origin: `${url.protocol}//${url.host}` }
  }
  if (scp.test(text) && !text.includes('::')) return { url: text, scheme: 'ssh', origin: '' }
  throw invalid('it is neither https://…, ssh://…, user@host:path nor a path that begins with / or .')
}

function invalid(why: string): HermesError {
  return new HermesError('setting_invalid', `--git is not an address of a repository: ${why}`, {
    fix: 'Write https://HOST/PATH, ssh://USER@HOST/PATH or ./PATH; put credentials into the secrets GIT_TOKEN or GIT_SSH_KEY.',
  })
}

/**
 * The environment that lets git reach the repository, keys and certificates in files that only this user reads, in a
 * directory of their own whose name begins with `dir`.
 */
export async function openGitAccess(address: GitAddress, credentials: GitCredentials, dir: string): Promise<GitAccess> {
  await using opening = new AsyncDisposableStack()
  const files = opening.use(await ownFiles(dir))
  const isSsh = address.scheme === 'ssh'
  const env = isSsh ? await sshEnv(credentials, files.keep) : await httpEnv(address, credentials, files.keep)
  const opened = opening.move()
  return {
    get env() {
      files.touch()
      return env
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

type Keep = OwnFiles['keep']

const limits = [
  ['http.lowSpeedLimit', '1'],
  ['http.lowSpeedTime', '30'],
  ['protocol.ext.allow', 'never'],
] as const

/** Hosts that are not in the list of known ones are refused, also at first sight. */
async function sshEnv({ sshKey, knownHosts }: GitCredentials, keep: Keep): Promise<Record<string, string>> {
  const hosts = await keep('known_hosts', knownHosts ?? '')
  const options = [
    '-F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=15 -o ServerAliveInterval=10',
    `-o GlobalKnownHostsFile=/dev/null -o ${quoted(`UserKnownHostsFile=${sshPath(hosts)}`)}`,
    ...(sshKey === undefined
      ? []
      : [`-o IdentitiesOnly=yes -o ${quoted(`IdentityFile=${sshPath(await keep('key', sshKey))}`)}`]),
  ]
  return { GIT_SSH_COMMAND: `ssh ${options.join(' ')}`, GIT_SSH_VARIANT: 'ssh', ...configEnv(limits) }
}

/** The helper is asked for this server alone, so a redirect elsewhere takes no credentials along. */
const helper =
  '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$HERMES_GIT_USERNAME" "$HERMES_GIT_PASSWORD"; }; f'

async function httpEnv(address: GitAddress, credentials: GitCredentials, keep: Keep): Promise<Record<string, string>> {
  const { token, username, password = token, ca } = credentials
  const settings: (readonly [string, string])[] = [...limits]
  if (ca !== undefined) settings.push([`http.${address.origin}.sslCAInfo`, await keep('ca.pem', ca)])
  if (password === undefined || address.scheme === 'file') return configEnv(settings)
  settings.push([`credential.${address.origin}.helper`, helper])
  return {
    ...configEnv(settings),
    HERMES_GIT_USERNAME: username ?? 'x-access-token',
    HERMES_GIT_PASSWORD: password,
  }
}

/** For a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** As ssh reads a path in an option: blanks would end it, and % begins a variable. */
function sshPath(path: string): string {
  return `"${path.replaceAll('%', '%%')}"`
}
