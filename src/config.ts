import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { HermesError } from './errors.ts'

/** Every setting, validated once; paths are absolute. */
export interface Config {
  readonly manifestsDir: string
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
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const
const logFormats = ['auto', 'pretty', 'json'] as const
export type LogLevel = (typeof logLevels)[number]
export type LogFormat = (typeof logFormats)[number]

interface Setting {
  readonly flag: string
  readonly variable: string
  readonly argument: string
  readonly summary: string
}

/** The settings, by the name the command line parser gives their flag. */
export const settings = {
  manifests: setting('manifests', 'DIR', 'directory of manifests (default: manifests)'),
  dataDir: setting('data-dir', 'DIR', 'where Hermes keeps its files (default: .hermes)'),
  database: setting('database', 'URL', 'postgres://… or sqlite:PATH (default: sqlite:DATA_DIR/hermes.db)'),
  socket: setting('socket', 'PATH', "the service's unix socket (default: DATA_DIR/hermes.sock)"),
  http: setting('http', 'HOST:PORT', 'serve the API on TCP too; :PORT means 127.0.0.1'),
  server: setting('server', 'URL', 'ask the service at this http(s) address instead of the socket'),
  tokenFile: setting('token-file', 'FILE', 'file with the token for TCP (or HERMES_TOKEN)'),
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
  const http = read('http')
  const secretsDir = read('secretsDir')?.value
  const server = read('server')
  const logLevel = read('logLevel')
  const token = readToken(read('tokenFile'), environment, cwd)
  return {
    manifestsDir: resolve(cwd, read('manifests')?.value ?? 'manifests'),
    dataDir,
    database: readDatabase(read('database'), dataDir, cwd),
    socketPath: readSocket(read('socket'), dataDir, cwd),
    ...(http === undefined ? {} : { http: readHttp(http, token) }),
    ...(server === undefined ? {} : { server: readServer(server) }),
    secretsDir: secretsDir === undefined ? join(dataDir, 'secrets') : resolve(cwd, secretsDir),
    statusDir: resolve(cwd, read('statusDir')?.value ?? join(dataDir, 'status')),
    concurrency: readConcurrency(read('concurrency')),
    resyncMs: readResync(read('resync')),
    ...(logLevel === undefined ? {} : { logLevel: readChoice(logLevel, logLevels) }),
    logFormat: readChoice(read('logFormat') ?? { value: 'auto', from: 'the default' }, logFormats),
    ...(token === undefined ? {} : { token }),
  }
}

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

interface Given {
  readonly value: string
  /** The flag or variable it came from, for errors. */
  readonly from: string
}

function setting(flag: string, argument: string, summary: string): Setting {
  return { flag: `--${flag}`, variable: `HERMES_${flag.toUpperCase().replaceAll('-', '_')}`, argument, summary }
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

function invalid(given: Given, valid: string, shown = given.value): HermesError {
  return new HermesError('setting_invalid', `${given.from} is ${JSON.stringify(shown)}: it must be ${valid}`)
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

function readHttp(given: Given, token: string | undefined): { host: string; port: number } {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/\s]*))?:(\d{1,5})$/i.exec(given.value)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) throw invalid(given, 'HOST:PORT, such as 127.0.0.1:8080 or :8080')
  const host = match[1] ?? (match[2] || '127.0.0.1')
  if (token === undefined && !isLoopback(host)) {
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

function readToken(file: Given | undefined, environment: EnvironmentVariables, cwd: string): string | undefined {
  if (file === undefined) {
    const value = environment.HERMES_TOKEN
    return value === undefined || value === '' ? undefined : checkToken(value, 'HERMES_TOKEN')
  }
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

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function readResync(given: Given | undefined): number {
  if (given === undefined) return 60_000
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(given.value)
  const ms = Number(match?.[1]) * (unitMs[match?.[2] ?? ''] ?? Number.NaN)
  if (!(ms >= 1000 && ms <= 86_400_000)) throw invalid(given, 'a duration from 1s to 1d, such as 30s, 5m or 1h')
  return ms
}

function readChoice<T extends string>(given: Given, choices: readonly T[]): T {
  const choice = choices.find((each) => each === given.value)
  if (choice === undefined) throw invalid(given, `one of ${choices.join(', ')}`)
  return choice
}
