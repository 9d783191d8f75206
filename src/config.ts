import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { type GitConfig, type Given, invalid, readDuration, readGit } from './config-git.ts'
import { HermesError } from './errors.ts'

/** Every setting, validated once; paths are absolute. */
export interface Config {
  /** What relative paths in manifests start from; with `git` the place of its path in a checkout. */
  readonly manifestsDir: string
  /** Absent: manifests are read from `manifestsDir`. */
  readonly git?: GitConfig
  readonly dataDir: string
  /** `sqlite:/absolute/path` or `postgres://…`. */
  readonly database: string
  readonly socketPath: string
  /** Absent: no TCP. */
  readonly http?: { readonly host: string; readonly port: number }
  /** The service to ask instead of the socket: its address over TCP. */
  readonly server?: string
  /** May be absent. */
  readonly secretsDir: string
  /** Where status is written back. */
  readonly statusDir: string
  /** How many fetches run at once. */
  readonly concurrency: number
  /** Milliseconds between two laps for drift. */
  readonly resyncMs: number
  /** Absent: as the command likes. */
  readonly logLevel?: LogLevel
  readonly logFormat: LogFormat
  readonly token?: string
  /** Lets look and plan, and change nothing. */
  readonly readToken?: string
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const
const logFormats = ['auto', 'pretty', 'json'] as const
export type LogLevel = (typeof logLevels)[number]
export type LogFormat = (typeof logFormats)[number]

export interface Setting {
  readonly flag: string
  readonly variable: string
  /** Absent: the flag is a switch, and the variable 1 or 0. */
  readonly argument?: string
  readonly summary: string
  /** Heading in the help. */
  readonly group?: string
}

/** The settings, by the name the command line parser gives their flag. */
export const settings = {
  manifests: setting('manifests', 'DIR', 'directory of manifests (default: manifests)'),
  git: git('git', 'URL', 'read manifests from this repository instead: https, ssh or a path'),
  branch: git('branch', 'NAME', "branch to follow (default: the repository's own)"),
  tag: git('tag', 'NAME', 'tag to read instead of a branch'),
  commit: git('commit', 'ID', 'commit to read instead of a branch'),
  path: git('path', 'DIR', 'directory in the repository (default: all of it)'),
  interval: git('interval', 'DURATION', 'time between two looks at the repository (default: 30s)'),
  verify: git('verify', 'KIND', 'ssh or gpg: only signed heads come into force'),
  statusBranch: git(
    'status-branch',
    'NAME',
    'write the status to this branch of it, such as hermes-status (default: to none)',
  ),
  statusInterval: git('status-interval', 'DURATION', 'time between two commits on it, at least (default: 1m)'),
  statusName: git('status-name', 'NAME', 'who writes it there (default: from branch, path and database)'),
  gitWrite: git('git-write', undefined, 'let add, update, delete, suspend and resume commit to the branch, and push'),
  gitAuthor: git('git-author', 'AUTHOR', 'whose commits they are (default: Hermes <hermes@localhost>)'),
  commitStatus: git('commit-status', 'NAME', 'show each revision at the Git host as the check hermes/NAME'),
  gitHost: git('git-host', 'KIND', "github, gitlab or gitea, where the host's name does not tell"),
  gitApi: git('git-api', 'URL', "where the host's API is, when not at its usual place"),
  dataDir: setting('data-dir', 'DIR', 'where Hermes keeps its files (default: .hermes)'),
  database: setting('database', 'URL', 'postgres://… or sqlite:PATH (default: sqlite:DATA_DIR/hermes.db)'),
  socket: setting('socket', 'PATH', "the service's unix socket (default: DATA_DIR/hermes.sock)"),
  http: setting('http', 'HOST:PORT', 'serve the API on TCP too; :PORT means 127.0.0.1'),
  server: setting('server', 'URL', 'ask the service at this http(s) address instead of the socket'),
  tokenFile: setting('token-file', 'FILE', 'file with the token for TCP (or HERMES_TOKEN)'),
  readTokenFile: setting('read-token-file', 'FILE', 'file with a token that may only look (or HERMES_READ_TOKEN)'),
  secretsDir: setting('secrets-dir', 'DIR', 'directory with one file per secret (default: DATA_DIR/secrets)'),
  statusDir: setting('status-dir', 'DIR', 'where status is written back (default: DATA_DIR/status)'),
  concurrency: setting('concurrency', 'N', 'fetches at once, 1 to 1024 (default: 4)'),
  resync: setting('resync', 'DURATION', 'time between two laps for drift (default: 1m)'),
  logLevel: setting('log-level', 'LEVEL', `${logLevels.join(', ')} (default: info for serve, warn otherwise)`),
  logFormat: setting('log-format', 'FORMAT', `${logFormats.join(', ')} (default: auto, pretty on a terminal)`),
} as const satisfies Record<string, Setting>

export type SettingName = keyof typeof settings
export type Flags = Readonly<Partial<Record<SettingName, string>>>
export type EnvironmentVariables = Readonly<Record<string, string | undefined>>

/** A path of a unix socket may have 103 bytes on every system that has them (107 on Linux). */
const LONGEST_SOCKET_PATH = 103
/** The service binds under a temporary name of this length beside the final one. */
const BINDING_NAME = 10

/**
 * Reads flags first, then the environment, then the defaults; an empty value counts as absent.
 * Throws `setting_invalid` naming the flag or variable, its value and what is valid.
 */
export function readConfig(flags: Flags, environment: EnvironmentVariables, cwd: string): Config {
  const read = reader(flags, environment)
  const dataDir = resolve(cwd, read('dataDir')?.value ?? '.hermes')
  const repository = readGit(read, cwd)
  const http = read('http')
  const secretsDir = read('secretsDir')?.value
  const server = read('server')
  const logLevel = read('logLevel')
  const tokens = readTokens(read, environment, cwd)
  return {
    manifestsDir: resolve(cwd, repository?.path ?? read('manifests')?.value ?? 'manifests'),
    ...(repository === undefined ? {} : { git: repository }),
    dataDir,
    database: readDatabase(read('database'), dataDir, cwd),
    socketPath: readSocket(read('socket'), dataDir, cwd),
    ...(http === undefined ? {} : { http: readHttp(http, tokens) }),
    ...(server === undefined ? {} : { server: readServer(server) }),
    secretsDir: secretsDir === undefined ? join(dataDir, 'secrets') : resolve(cwd, secretsDir),
    statusDir: resolve(cwd, read('statusDir')?.value ?? join(dataDir, 'status')),
    concurrency: readConcurrency(read('concurrency')),
    resyncMs: readResync(read('resync')),
    ...(logLevel === undefined ? {} : { logLevel: readChoice(logLevel, logLevels) }),
    logFormat: readChoice(read('logFormat') ?? { value: 'auto', from: 'the default' }, logFormats),
    ...tokens,
  }
}

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

function setting(flag: string, argument: string | undefined, summary: string): Setting {
  return { flag: `--${flag}`, variable: variableOf(flag), ...(argument === undefined ? {} : { argument }), summary }
}

function git(flag: string, argument: string | undefined, summary: string): Setting {
  return {
    ...setting(flag, argument, summary),
    variable: variableOf(flag.startsWith('git') ? flag : `git-${flag}`),
    group: 'Git:',
  }
}

function variableOf(name: string): string {
  return `HERMES_${name.toUpperCase().replaceAll('-', '_')}`
}

function reader(flags: Flags, environment: EnvironmentVariables) {
  return (name: SettingName): Given | undefined => {
    const { flag, variable } = settings[name]
    const given = flags[name]
    if (given !== undefined) {
      if (given === '') throw invalid({ value: given, from: flag }, 'a value; it is empty')
      return { value: given, from: flag }
    }
    const value = environment[variable]
    return value === undefined || value === '' ? undefined : { value, from: variable }
  }
}

function readDatabase(given: Given | undefined, dataDir: string, cwd: string): string {
  if (given === undefined) return `sqlite:${join(dataDir, 'hermes.db')}`
  if (given.value.startsWith('sqlite:')) {
    const path = given.value.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '')
    if (path === '' || path.startsWith('//')) throw invalid(given, 'sqlite:PATH')
    if (path === ':memory:') throw invalid(given, 'a file: data in memory would be fetched again at every start')
    return `sqlite:${resolve(cwd, path)}`
  }
  if (/^postgres(ql)?:\/\//.test(given.value)) {
    if (!URL.canParse(given.value)) throw invalid(given, 'postgres://USER@HOST:PORT/DATABASE', withoutPassword(given))
    return given.value
  }
  throw invalid(given, 'postgres://… or sqlite:PATH', withoutPassword(given))
}

/** What is printed of an address that may hold a password. */
function withoutPassword(given: Given): string {
  return given.value.replace(/\/\/[^@/]*@/, '//***@').replace(/^(?!.*\/\/)[^:]*:.*@/, '***@')
}

function readSocket(given: Given | undefined, dataDir: string, cwd: string): string {
  if (given !== undefined) {
    const path = resolve(cwd, given.value)
    if (!fitsSocket(path)) throw invalid(given, `a path of at most ${LONGEST_SOCKET_PATH} bytes`)
    return path
  }
  const path = join(dataDir, 'hermes.sock')
  return fitsSocket(path) ? path : shortSocketPath(dataDir)
}

/** A place of the user's own in the system's directory for temporary files, the same for the same data directory. */
function shortSocketPath(dataDir: string): string {
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 16)
  const path = join(tmpdir(), `hermes-${userInfo().uid}`, `${name}.sock`)
  if (fitsSocket(path)) return path
  throw new HermesError('setting_invalid', `the path of the socket, ${path}, is too long for a unix socket`, {
    fix: `Name a path of at most ${LONGEST_SOCKET_PATH} bytes with --socket.`,
  })
}

function fitsSocket(path: string): boolean {
  const name = Math.max(Buffer.byteLength(basename(path)), BINDING_NAME)
  return Buffer.byteLength(dirname(path)) + 1 + name <= LONGEST_SOCKET_PATH
}

function readHttp(given: Given, tokens: Tokens): { host: string; port: number } {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/\s]*))?:(\d{1,5})$/i.exec(given.value)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) throw invalid(given, 'HOST:PORT, such as 127.0.0.1:8080 or :8080')
  const host = match[1] ?? (match[2] || '127.0.0.1')
  if (tokens.token === undefined && tokens.readToken === undefined && !isLoopback(host)) {
    throw new HermesError(
      'setting_invalid',
      `${given.from} is "${given.value}": other machines could read everything`,
      {
        fix: 'Set a token with --token-file or HERMES_TOKEN, or use a loopback address.',
      },
    )
  }
  return { host, port }
}

function readServer(given: Given): string {
  const url = URL.parse(given.value)
  if (url === null || !/^https?:$/.test(url.protocol)) throw invalid(given, 'http://HOST:PORT', withoutPassword(given))
  return url.origin + url.pathname.replace(/\/$/, '')
}

type Tokens = Pick<Config, 'token' | 'readToken'>

function readTokens(read: ReturnType<typeof reader>, environment: EnvironmentVariables, cwd: string): Tokens {
  const token = readToken(read('tokenFile'), ['HERMES_TOKEN', environment.HERMES_TOKEN], cwd)
  const reading = readToken(read('readTokenFile'), ['HERMES_READ_TOKEN', environment.HERMES_READ_TOKEN], cwd)
  if (token !== undefined && token === reading) {
    throw new HermesError('setting_invalid', 'the token for reading is the one that may change everything', {
      fix: 'Make another one with `openssl rand -hex 32`.',
    })
  }
  return { ...(token === undefined ? {} : { token }), ...(reading === undefined ? {} : { readToken: reading }) }
}

type Variable = readonly [name: string, value: string | undefined]

function readToken(file: Given | undefined, [variable, value]: Variable, cwd: string): string | undefined {
  if (file === undefined) return value === undefined || value === '' ? undefined : checkToken(value, variable)
  try {
    return checkToken(readFileSync(resolve(cwd, file.value), 'utf8').trim(), `${file.from} ${file.value}`)
  } catch (error) {
    if (error instanceof HermesError) throw error
    throw invalid(file, `a readable file (${error instanceof Error ? error.message : String(error)})`)
  }
}

function checkToken(token: string, from: string): string {
  if (/^[\x21-\x7e]{8,}$/.test(token)) return token
  throw new HermesError('setting_invalid', `${from}: a token is at least 8 visible ASCII characters without spaces`, {
    fix: 'Make one with `openssl rand -hex 32`.',
  })
}

function readConcurrency(given: Given | undefined): number {
  if (given === undefined) return 4
  const value = /^\d{1,4}$/.test(given.value) ? Number(given.value) : 0
  if (value < 1 || value > 1024) throw invalid(given, 'a whole number from 1 to 1024')
  return value
}

function readResync(given: Given | undefined): number {
  return given === undefined ? 60_000 : readDuration(given)
}

function readChoice<T extends string>(given: Given, choices: readonly T[]): T {
  const choice = choices.find((each) => each === given.value)
  if (choice === undefined) throw invalid(given, `one of ${choices.join(', ')}`)
  return choice
}
