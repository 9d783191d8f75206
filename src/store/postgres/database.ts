import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely'
import type { Pool, PoolClient } from 'pg'
import type { Database, Loader, SqlValue } from '../database.ts'
import type { HermesTables } from '../hermes-tables.ts'
import { checkSchemaVersion, ownTables, ownTablesSql } from '../own-tables.ts'
import { identifier } from '../sql-text.ts'
import { type Address, inTransaction, openPool, parseAddress, withClient } from './connection.ts'
import { isCollision, postgresError } from './failure.ts'
import { leftBehindEnded } from './left-behind.ts'
import type { Liveness } from './liveness.ts'
import { postgresLoader } from './loader.ts'

/** Connects and creates the schema and Hermes' own tables where missing. Everything lives in one schema. */
export async function openPostgres(url: string): Promise<Database> {
  const address = parseAddress(url)
  const { pool, liveness } = openPool(address)
  const database = new PostgresDatabase(address, pool, liveness)
  try {
    await createOwnTables(address, pool)
    return database
  } catch (error) {
    await database[Symbol.asyncDispose]()
    throw postgresError(error, address.location)
  }
}

/** Connections at most to a database that is not Hermes' own. */
const guestConnections = 6

/**
 * A database that holds nothing of Hermes' own: nothing is made there, not even the schema, and nobody is asked before
 * the first statement. Throws `setting_invalid`.
 */
export function guestPostgres(url: string): Database {
  const address = parseAddress(url)
  const { pool, liveness } = openPool(address, guestConnections)
  return new PostgresDatabase(address, pool, liveness)
}

/** How long a dispose waits for a server that says nothing, milliseconds. */
const endMs = 2_000

/** Of a script that collided with another one: it left nothing, so it may run again. */
const maxAttempts = 4

class PostgresDatabase implements Database {
  readonly dialect = 'postgres'
  readonly location: string
  readonly kysely: Kysely<HermesTables>
  readonly #pool: Pool
  readonly #liveness: Liveness
  #ended: Promise<void> | undefined

  constructor(address: Address, pool: Pool, liveness: Liveness) {
    this.location = address.location
    this.#pool = pool
    this.#liveness = liveness
    this.kysely = new Kysely<HermesTables>({ dialect: new PostgresDialect({ pool: translating(pool, this.location) }) })
  }

  async query<Row>(sql: string, values: readonly SqlValue[] = [], signal?: AbortSignal): Promise<readonly Row[]> {
    return await this.#use(
      signal,
      async (client) => (await client.query({ text: sql, values: [...values] })).rows as Row[],
    )
  }

  async script(sql: string, signal?: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        // Statements that are sent together are one transaction.
        return await this.#use(signal, async (client) => void (await client.query(sql)))
      } catch (error) {
        if (attempt === maxAttempts || !isCollision(error)) throw error
      }
    }
  }

  async leftBehindEnded(signal: AbortSignal): Promise<void> {
    try {
      await leftBehindEnded(this.#pool, signal)
    } catch (error) {
      signal.throwIfAborted()
      throw postgresError(error, this.location)
    }
  }

  async load(target: Parameters<Database['load']>[0]): Promise<Loader> {
    return await postgresLoader(this.#pool, this.location, target)
  }

  /** An abort cancels on the server and rejects with the signal's reason. */
  async #use<T>(signal: AbortSignal | undefined, work: (client: PoolClient) => Promise<T>): Promise<T> {
    signal?.throwIfAborted()
    try {
      return await withClient(this.#pool, work, signal)
    } catch (error) {
      signal?.throwIfAborted()
      throw postgresError(error, this.location)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#ended ??= this.#end()
    return this.#ended
  }

  /** What is under way may end, and connections close in order, unless the server is gone. */
  async #end(): Promise<void> {
    const late = setTimeout(() => this.#liveness.endAll(), endMs)
    await this.#pool.end()
    clearTimeout(late)
    setTimeout(() => this.#liveness.endAll(), endMs).unref()
  }
}

/** kysely's way to the pool, with our errors. */
function translating(pool: Pool, location: string): PostgresPool {
  const failed = (error: unknown): never => {
    throw postgresError(error, location)
  }
  return {
    options: {},
    end: async () => undefined,
    connect: async () => {
      const client = await pool.connect().catch(failed)
      const query = (sql: string, values: readonly unknown[]) => client.query(sql, [...values]).catch(failed)
      return { query: query as unknown as PostgresPoolClient['query'], release: () => client.release() }
    },
  }
}

/** Concurrent starts wait for each other: CREATE … IF NOT EXISTS alone may fail when two do it at once. */
async function createOwnTables(address: Address, pool: Pool): Promise<void> {
  await inTransaction(pool, async (client) => {
    await client.query(`SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('hermes own tables'))`)
    if (address.schema !== undefined) await client.query(`CREATE SCHEMA IF NOT EXISTS ${identifier(address.schema)}`)
    const named = `SELECT each FROM pg_catalog.unnest($1::text[]) AS each WHERE pg_catalog.to_regclass(each) IS NOT NULL`
    const found = await client.query<{ each: string }>(named, [ownTables])
    if (found.rows.some(({ each }) => each === 'hermes_meta')) {
      const version = await client.query(`SELECT value FROM hermes_meta WHERE key = 'schema_version'`)
      checkSchemaVersion(version.rows[0]?.value, address.location)
    }
    if (found.rows.length < ownTables.length) await client.query(ownTablesSql)
  })
}
