import { spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, globSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { describe, expect } from 'vitest'
import { eventually } from './opened-stream.ts'
import { freePort } from './servers.ts'

/** The newest that Debian has, or what else is installed. */
const bin = [
  ...globSync('/usr/lib/postgresql/*/bin').toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true })),
  '/usr/local/bin',
  '/opt/homebrew/bin',
].find((directory) => ['initdb', 'pg_ctl'].every((name) => existsSync(join(directory, name))))
/** The server refuses to run as root. */
const runsAsRoot = process.getuid?.() === 0
const identity = runsAsRoot ? idsOf('postgres') : undefined
const isThere = bin !== undefined && (!runsAsRoot || identity !== undefined)

if (!isThere && process.env['HERMES_REQUIRE_SERVICES'] === '1') {
  throw new Error('there is no initdb, or no user postgres to run it as')
}

/** Tests with a PostgreSQL cluster of their own; without the programs for one they show as skipped. */
export function onOwnPostgres(name: string, define: () => void): void {
  describe.skipIf(!isThere)(name, define)
}

/** A cluster of a test's own, with logical replication. Trust for `postgres` from this machine. */
export interface OwnPostgres extends AsyncDisposable {
  readonly port: number
  url(database?: string, port?: number): string
  /** Runs statements as the superuser. */
  sql(text: string, values?: readonly unknown[], database?: string): Promise<Record<string, unknown>[]>
  /** Resolves when somebody is up to date with this replication slot, and waits for more. */
  streaming(slot: string): Promise<void>
  /** `immediate` as after a loss of power, `fast` as an administrator does it. */
  stop(mode: 'immediate' | 'fast'): Promise<void>
  start(): Promise<void>
}

/** Makes a cluster and starts it; with `standbyOf` the copy of another one, which follows it. */
export async function ownPostgres(
  settings: Readonly<Record<string, string>> = {},
  standbyOf?: OwnPostgres,
): Promise<OwnPostgres> {
  const home = await mkdtemp(join(tmpdir(), 'hermes-pg-'))
  if (identity !== undefined) chownSync(home, identity.uid, identity.gid)
  const data = join(home, 'data')
  if (standbyOf === undefined) {
    await run('initdb', ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'])
  } else {
    await run('pg_basebackup', ['-D', data, '-d', standbyOf.url(), '-R', '-X', 'stream', '-c', 'fast', '--no-sync'])
  }
  const port = await freePort()
  const fixed = { wal_level: 'logical', fsync: 'off', max_wal_senders: '20', max_replication_slots: '20' }
  const given = { port: String(port), listen_addresses: '127.0.0.1', unix_socket_directories: home }
  const all = Object.entries({ ...fixed, ...given, shared_buffers: '16MB', ...settings })
  const options = all.map(([name, value]) => `-c ${name}=${value}`).join(' ')
  const start = () => run('pg_ctl', ['-D', data, '-w', '-l', join(home, 'log'), '-o', options, 'start'])
  await start()
  const clients = new Map<string, Promise<Client>>()
  const client = (database: string): Promise<Client> => {
    const known = clients.get(database)
    if (known !== undefined) return known
    const made = new Client({ host: '127.0.0.1', port, user: 'postgres', database })
    made.on('error', () => clients.delete(database))
    const connected = made.connect().then(() => made)
    clients.set(database, connected)
    return connected
  }
  const stop = async (mode: 'immediate' | 'fast'): Promise<void> => {
    const open = [...clients.values()]
    clients.clear()
    for (const each of open) await (await each).end()
    await run('pg_ctl', ['-D', data, '-w', '-m', mode, 'stop'])
  }
  const sql: OwnPostgres['sql'] = async (text, values, database = 'postgres') => {
    const { rows } = await (await client(database)).query(text, values === undefined ? undefined : [...values])
    return (rows ?? []) as Record<string, unknown>[]
  }
  return {
    port,
    sql,
    streaming: (slot) =>
      eventually(async () => {
        const text = `SELECT r.state FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid
          WHERE s.slot_name = $1`
        expect(await sql(text, [slot])).toEqual([{ state: 'streaming' }])
      }, 15_000),
    url: (database = 'postgres', at = port) => `postgres://postgres@127.0.0.1:${at}/${database}`,
    stop,
    start,
    [Symbol.asyncDispose]: async () => {
      await stop('immediate').catch(() => undefined)
      await rm(home, { recursive: true, force: true })
    },
  }
}

function run(name: string, args: readonly string[]): Promise<void> {
  const child = spawn(join(bin ?? '', name), args, { ...identity, stdio: 'ignore', cwd: '/' })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${name} ended with ${code}`))))
  })
}

function idsOf(user: string): { readonly uid: number; readonly gid: number } | undefined {
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(spawnSync('id', [flag, user], { encoding: 'utf8' }).stdout))
  return uid ? { uid, gid: gid ?? uid } : undefined
}
