import { type Clock, systemClock } from '../clock.ts'
import { HermesError } from '../errors.ts'
import { createCheckpoints } from './checkpoint-table.ts'
import { createDataTables } from './data-tables.ts'
import type { Database } from './database.ts'
import { createDeadLetterStore } from './dead-letter-table.ts'
import { createLedgerTable } from './ledger-table.ts'
import { createMessageTables } from './message-table.ts'
import { createRuns } from './runs.ts'
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

/** The database under a store; see `openStore`. Only the driver that is needed is loaded. */
export async function openDatabase(url: string): Promise<Database> {
  const scheme = /^([a-z]+):/.exec(url)?.[1]
  if (scheme === 'postgres' || scheme === 'postgresql') {
    const { openPostgres } = await import('./postgres/database.ts')
    return await openPostgres(url)
  }
  const path = url.slice('sqlite:'.length)
  if (scheme === 'sqlite' && path !== '') {
    const { openSqlite } = await import('./sqlite/database.ts')
    return await openSqlite(path)
  }
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
    ping: async (signal) => {
      await database.query('SELECT 1', [], signal)
    },
    ledger: createLedgerTable(database, clock),
    tables: createDataTables(database, gate),
    runs: createRuns(database, gate),
    deadLetters: createDeadLetterStore(database),
    checkpoints: createCheckpoints(database, clock),
    messages: createMessageTables({ database, gate }, clock),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}
