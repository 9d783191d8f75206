import { type Clock, systemClock } from '../clock.ts'
import { HermesError } from '../errors.ts'
import { createCheckpoints } from './checkpoint-table.ts'
import { createDataTables } from './data-tables.ts'
import type { Database } from './database.ts'
import { createDeadLetterStore } from './dead-letter-table.ts'
import { createLedgerTable } from './ledger-table.ts'
import { createMessageTables } from './message-table.ts'
import type * as PostgresDriver from './postgres/database.ts'
import { createRuns } from './runs.ts'
import type * as SqliteDriver from './sqlite/database.ts'
import type { Store } from './store.ts'
import { TableGate } from './table-gate.ts'

export interface StoreOptions {
  readonly clock?: Clock
}

/**
 * Opens `sqlite:PATH`, `postgres://…` or `postgresql://…`, creating Hermes' own tables where missing. `?schema=NAME`
 * chooses PostgreSQL's schema. Throws `setting_invalid`, `database_unavailable`, `database_newer`.
 */
export async function openStore(url: string, { clock = systemClock }: StoreOptions = {}): Promise<Store> {
  return storeOver(await openDatabase(url), clock)
}

/** The database under a store; see `openStore`. */
export function openDatabase(url: string): Promise<Database> {
  return withDriver(url, {
    postgres: ({ openPostgres }) => openPostgres(url),
    sqlite: ({ openSqlite }, path) => openSqlite(path),
  })
}

/** Tables for messages in a database that holds nothing else of Hermes. */
export type GuestTables = Pick<Store, 'dialect' | 'location' | 'ping' | 'messages'> & AsyncDisposable

/**
 * Opens a database for messages alone: none of Hermes' own tables is made or looked for, and no checkpoint can be
 * committed with the rows. Of a PostgreSQL server nothing is asked before the first write, and the schema that `?schema=`
 * names has to be there. Throws `setting_invalid`, and `database_unavailable` for a file that cannot be opened.
 */
export async function openGuestTables(url: string, { clock = systemClock }: StoreOptions = {}): Promise<GuestTables> {
  const database = await withDriver(url, {
    postgres: ({ guestPostgres }) => guestPostgres(url),
    sqlite: ({ guestSqlite }, path) => guestSqlite(path),
  })
  return {
    dialect: database.dialect,
    location: database.location,
    ping: (signal) => ping(database, signal),
    messages: createMessageTables({ database, gate: new TableGate() }, clock),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

interface Drivers<T> {
  readonly postgres: (driver: typeof PostgresDriver) => T | Promise<T>
  readonly sqlite: (driver: typeof SqliteDriver, path: string) => T | Promise<T>
}

/** Only the driver that is needed is loaded. */
async function withDriver<T>(url: string, { postgres, sqlite }: Drivers<T>): Promise<T> {
  const scheme = /^([a-z]+):/.exec(url)?.[1]
  if (scheme === 'postgres' || scheme === 'postgresql') return await postgres(await import('./postgres/database.ts'))
  const path = url.slice('sqlite:'.length)
  if (scheme === 'sqlite' && path !== '') return await sqlite(await import('./sqlite/database.ts'), path)
  throw new HermesError('setting_invalid', 'the database URL is neither sqlite:PATH nor postgres://…', {
    fix: 'Use sqlite:PATH or postgres://USER@HOST:PORT/DATABASE.',
  })
}

/** Composes the parts over one database; disposing the store closes it. */
export function storeOver(database: Database, clock: Clock): Store {
  const gate = new TableGate()
  return {
    dialect: database.dialect,
    location: database.location,
    leftBehindEnded: (signal) => database.leftBehindEnded(signal),
    ping: (signal) => ping(database, signal),
    ledger: createLedgerTable(database, clock),
    tables: createDataTables(database, gate),
    runs: createRuns(database, gate),
    deadLetters: createDeadLetterStore(database),
    checkpoints: createCheckpoints(database, clock),
    messages: createMessageTables({ database, gate }, clock),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

async function ping(database: Database, signal?: AbortSignal): Promise<void> {
  await database.query('SELECT 1', [], signal)
}
