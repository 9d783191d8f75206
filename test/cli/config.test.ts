import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type Flags, readConfig, type Setting, settings } from '../../src/config.ts'
import { HermesError } from '../../src/errors.ts'

const directory = mkdtempSync(join(tmpdir(), 'hermes-config-'))
afterAll(() => rmSync(directory, { recursive: true }))
const tokenFile = join(directory, 'token')
writeFileSync(tokenFile, 'from-the-file-1\n')
const shortFile = join(directory, 'short')
writeFileSync(shortFile, 'short')

const cwd = '/srv/project'
const read = (flags: Flags = {}, variables: Record<string, string> = {}) => readConfig(flags, variables, cwd)
const TOKEN = 'a-token-of-some-length'

it('has defaults that all lie below the working directory', () => {
  expect(read()).toEqual({
    manifestsDir: `${cwd}/manifests`,
    dataDir: `${cwd}/.hermes`,
    database: `sqlite:${cwd}/.hermes/hermes.db`,
    socketPath: `${cwd}/.hermes/hermes.sock`,
    secretsDir: `${cwd}/.hermes/secrets`,
    statusDir: `${cwd}/.hermes/status`,
    concurrency: 4,
    resyncMs: 60_000,
    logFormat: 'auto',
  })
})

describe('a setting', () => {
  it.each([
    [
      'data-dir',
      { dataDir: 'd' },
      { dataDir: `${cwd}/d`, database: `sqlite:${cwd}/d/hermes.db`, statusDir: `${cwd}/d/status` },
    ],
    ['an absolute directory', { manifests: '/m' }, { manifestsDir: '/m' }],
    ['sqlite by a relative path', { database: 'sqlite:a/b.db' }, { database: `sqlite:${cwd}/a/b.db` }],
    ['sqlite by an absolute path', { database: 'sqlite:/a/b.db' }, { database: 'sqlite:/a/b.db' }],
    ['sqlite as a URL', { database: 'sqlite:///a/b.db' }, { database: 'sqlite:/a/b.db' }],
    ['postgres', { database: 'postgres://ada:secret@db/data' }, { database: 'postgres://ada:secret@db/data' }],
    ['postgresql', { database: 'postgresql:///data?host=/run' }, { database: 'postgresql:///data?host=/run' }],
    ['a port', { http: ':8080' }, { http: { host: '127.0.0.1', port: 8080 } }],
    ['a host and port', { http: 'localhost:0' }, { http: { host: 'localhost', port: 0 } }],
    ['an IPv6 host', { http: '[::1]:80' }, { http: { host: '::1', port: 80 } }],
    ['a server', { server: 'https://hermes.example/base/' }, { server: 'https://hermes.example/base' }],
    ['a token file', { tokenFile }, { token: 'from-the-file-1' }],
    ['a file with a token for reading', { readTokenFile: tokenFile }, { readToken: 'from-the-file-1' }],
    ['durations', { resync: '90s' }, { resyncMs: 90_000 }],
    ['concurrency', { concurrency: '16' }, { concurrency: 16 }],
    ['logging', { logLevel: 'debug', logFormat: 'json' }, { logLevel: 'debug', logFormat: 'json' }],
  ] as [string, Flags, object][])('%s', (_what, flags, expected) => {
    expect(read(flags)).toMatchObject(expected)
  })

  it.each(Object.entries(settings))(
    '%s can come from the environment too, and the flag wins',
    (name, setting: Setting) => {
      const { variable, group } = setting
      // What is said of a repository is refused without one.
      const git: Flags = group === 'Git:' && name !== 'git' ? { git: 'https://git.example.com/data.git' } : {}
      const good: Record<string, [string, string]> = {
        database: ['sqlite:a.db', 'sqlite:b.db'],
        http: [':1', ':2'],
        server: ['http://a', 'http://b'],
        tokenFile: [tokenFile, tokenFile],
        readTokenFile: [tokenFile, tokenFile],
        concurrency: ['1', '2'],
        resync: ['1m', '2m'],
        logLevel: ['info', 'warn'],
        logFormat: ['json', 'pretty'],
        commit: ['1'.repeat(40), '2'.repeat(40)],
        interval: ['1m', '2m'],
        verify: ['ssh', 'gpg'],
        statusInterval: ['1m', '2m'],
        gitAuthor: ['Ada <ada@example.com>', 'Bo <bo@example.com>'],
        gitHost: ['github', 'gitlab'],
        gitWrite: ['1', '0'],
        gitApi: ['https://a', 'https://b'],
      }
      const [one, two] = good[name] ?? ['one', 'two']
      expect(variable).toMatch(/^HERMES_[A-Z_]+$/)
      expect(read(git, { [variable]: one })).toEqual(read({ ...git, [name]: one }))
      expect(read({ ...git, [name]: two }, { [variable]: one })).toEqual(read({ ...git, [name]: two }))
      expect(read(git, { [variable]: '' })).toEqual(read(git))
    },
  )

  it('HERMES_TOKEN is the token, and the file wins', () => {
    expect(read({}, { HERMES_TOKEN: TOKEN }).token).toBe(TOKEN)
    expect(read({ tokenFile }, { HERMES_TOKEN: TOKEN }).token).toBe('from-the-file-1')
    expect(read({ http: '0.0.0.0:80' }, { HERMES_TOKEN: TOKEN }).http?.host).toBe('0.0.0.0')
  })
})

it('HERMES_READ_TOKEN is the token for reading: it guards the service too, and is no other than the full one', () => {
  const reading = { HERMES_READ_TOKEN: 'a-token-for-reading' }
  expect(read({}, { ...reading, HERMES_TOKEN: TOKEN })).toMatchObject({
    token: TOKEN,
    readToken: 'a-token-for-reading',
  })
  expect(read({ http: '0.0.0.0:80' }, reading).http?.host).toBe('0.0.0.0')
  const same = { HERMES_READ_TOKEN: TOKEN, HERMES_TOKEN: TOKEN }
  expect(problemOf(() => read({}, same)).message).toBe('the token for reading is the one that may change everything')
})

describe('what does not work is refused by its name', () => {
  it.each([
    ['--database', { database: 'mysql://ada:hunter22@db/x' }, 'postgres'],
    ['--database', { database: 'sqlite:' }, 'sqlite:PATH'],
    ['--database', { database: 'sqlite://host/a.db' }, 'sqlite:PATH'],
    ['--database', { database: 'sqlite::memory:' }, 'file'],
    ['--database', { database: 'postgres://ada:hunter22@db:port/x' }, 'postgres://USER'],
    ['--http', { http: '8080' }, 'HOST:PORT'],
    ['--http', { http: 'a:99999' }, 'HOST:PORT'],
    ['--http', { http: '0.0.0.0:80' }, 'other machines'],
    ['--http', { http: 'localhost.evil.example:80' }, 'other machines'],
    ['--server', { server: 'hermes.example' }, 'http://'],
    ['--server', { server: 'ftp://ada:hunter22@x' }, 'http://'],
    ['--socket', { socket: `/${'x'.repeat(120)}` }, '103 bytes'],
    ['--socket', { socket: `/${'ä'.repeat(60)}` }, '103 bytes'],
    ['--token-file', { tokenFile: '/nowhere/token' }, 'readable'],
    ['--token-file', { tokenFile: shortFile }, '8 visible'],
    ['--read-token-file', { readTokenFile: shortFile }, '8 visible'],
    ['--concurrency', { concurrency: '0' }, '1 to 1024'],
    ['--concurrency', { concurrency: '2.5' }, '1 to 1024'],
    ['--git-write', { git: '/r', gitWrite: 'maybe' }, '1 or 0'],
    ['--git-write', { gitWrite: '1' }, '--git'],
    ['--git-write', { git: '/r', gitWrite: '1', tag: 'v1' }, '--tag'],
    ['--git-write', { git: '/r', gitWrite: '1', verify: 'gpg' }, '--verify'],
    ['--resync', { resync: '5' }, '1s to 1d'],
    ['--resync', { resync: '500ms' }, '1s to 1d'],
    ['--log-level', { logLevel: 'loud' }, 'trace, debug'],
    ['--manifests', { manifests: '' }, 'empty'],
  ] as [string, Flags, string][])('%s %o', (flag, flags, valid) => {
    const error = problemOf(() => read(flags))
    expect(error.code).toBe('setting_invalid')
    expect(error.message).toContain(flag)
    expect(`${error.message} ${error.fix}`).toContain(valid)
    expect(error.message).not.toContain('hunter22')
  })

  it('and the variable by its own', () => {
    const error = problemOf(() => read({}, { HERMES_LOG_LEVEL: 'loud' }))
    expect(error.message).toMatch(/^HERMES_LOG_LEVEL is "loud"/)
    expect(problemOf(() => read({}, { HERMES_TOKEN: 'x y' })).message).toMatch(/^HERMES_TOKEN/)
  })
})

describe('the socket of a data directory with a long path', () => {
  const long = `/${'d'.repeat(120)}`

  it('stands in a place of the user, the same for the same directory', () => {
    const { socketPath } = read({ dataDir: long })
    expect(socketPath).toMatch(/\/hermes-\d+\/[0-9a-f]{16}\.sock$/)
    expect(Buffer.byteLength(socketPath)).toBeLessThanOrEqual(103)
    expect(read({ dataDir: long }).socketPath).toBe(socketPath)
    expect(read({ dataDir: `${long}e` }).socketPath).not.toBe(socketPath)
  })
})

function problemOf(work: () => unknown): HermesError {
  try {
    work()
  } catch (error) {
    if (error instanceof HermesError) return error
    throw error
  }
  throw new Error('it was accepted')
}
