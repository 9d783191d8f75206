import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Client, type CustomTypesConfig, types } from 'pg'

/** An empty database of its own for one test, and a way to look into it that owes nothing to Hermes. */
export interface Home extends AsyncDisposable {
  readonly dialect: 'sqlite' | 'postgres'
  /** What `openStore` and `--database` take. */
  readonly url: string
  /** A raw query by the vendor's driver; `$1` or `?` parameters as the dialect has them. */
  witness(sql: string, values?: readonly (string | number)[]): Promise<Record<string, unknown>[]>
}

const server = process.env['HERMES_TEST_POSTGRES'] ?? 'postgres://postgres@127.0.0.1:5432/postgres'

export async function sqliteHome(): Promise<Home> {
  const directory = await mkdtemp(join(tmpdir(), 'hermes-store-'))
  const path = join(directory, 'hermes.db')
  return {
    dialect: 'sqlite',
    url: `sqlite:${path}`,
    witness: async (sql, values = []) => {
      const db = new DatabaseSync(path, { timeout: 5_000 })
      try {
        return db
          .prepare(sql)
          .all(...values)
          .map((row) => ({ ...row }))
      } finally {
        db.close()
      }
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

export async function postgresHome(url: string): Promise<Home> {
  const schema = `t_${randomBytes(4).toString('hex')}`
  const client = new Client({ connectionString: url, types: asText })
  client.on('error', () => undefined)
  await client.connect()
  await client.query(`CREATE SCHEMA ${schema}; SET search_path = ${schema}; SET timezone = 'UTC'`)
  return {
    dialect: 'postgres',
    url: `${url}?schema=${schema}`,
    witness: async (sql, values = []) => (await client.query<Record<string, unknown>>(sql, [...values])).rows,
    [Symbol.asyncDispose]: async () => {
      await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
      await client.end()
    },
  }
}

const builtin = types.getTypeParser as (oid: number, format?: string) => (value: string) => unknown

/** Dates, times and JSON as the server prints them: `pg` would make Dates and objects of them. */
const asText: CustomTypesConfig = {
  getTypeParser: (oid: number, format?: string) =>
    [114, 1082, 1114, 1184, 3802].includes(oid) ? String : builtin(oid, format),
}

/** A throw-away database on the server; the answer is its URL. */
export async function createDatabase(name: string): Promise<string> {
  await onServer(`CREATE DATABASE ${name}`)
  return databaseUrl(name)
}

export async function dropDatabase(name: string): Promise<void> {
  await onServer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
}

export function databaseUrl(name: string): string {
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

export function databaseName(): string {
  return `hermes_test_${randomBytes(5).toString('hex')}`
}

/** An empty database for `use`, gone afterwards; outside of a test runner. */
export async function withHome<T>(dialect: 'sqlite' | 'postgres', use: (home: Home) => Promise<T>): Promise<T> {
  if (dialect === 'sqlite') {
    await using home = await sqliteHome()
    return await use(home)
  }
  const name = databaseName()
  const url = await createDatabase(name)
  try {
    await using home = await postgresHome(url)
    return await use(home)
  } finally {
    await dropDatabase(name)
  }
}

async function onServer(sql: string): Promise<void> {
  const client = new Client({ connectionString: server })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

export async function reachable(): Promise<boolean> {
  const client = new Client({ connectionString: server, connectionTimeoutMillis: 2_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.end()
    return true
  } catch {
    return false
  }
}
