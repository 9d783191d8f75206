import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { SqlValue } from '../database.ts'
import type { QueryAnswer, ThreadSettings } from './protocol.ts'
import { registerFunctions } from './sql-functions.ts'
import { bindable, plainIntegers } from './values.ts'

const busyMs = 10_000
const cachedStatements = 200

/**
 * Of pages. Keys in random order need the writer's; the reader goes over every source in turn, so that of any cache
 * that does not hold all of the indexes only their upper levels are ever found again.
 */
const cacheKib = { writer: 16 * 1024, reader: 4 * 1024 } as const

/** Opens the database the way both threads need it. */
export function openConnection(settings: ThreadSettings): DatabaseSync {
  const db = new DatabaseSync(settings.path, {
    timeout: busyMs,
    enableForeignKeyConstraints: false,
    enableDoubleQuotedStringLiterals: false,
    readBigInts: true,
  })
  db.exec(`PRAGMA cache_size = -${cacheKib[settings.role]}`)
  if (settings.role === 'reader') db.exec('PRAGMA query_only = ON')
  else prepareWriter(db)
  registerFunctions(db)
  return db
}

function prepareWriter(db: DatabaseSync): void {
  enterWal(db)
  // A rename during a table's rebuild must not look at views and triggers: they mean the name, not the old table.
  db.exec('PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000; PRAGMA legacy_alter_table = ON')
  // A WAL that once grew big is cut back after a checkpoint.
  db.exec('PRAGMA journal_size_limit = 67108864')
}

/** Changing the journal mode does not wait for busy_timeout, so concurrent first opens try again for themselves. */
function enterWal(db: DatabaseSync): void {
  const deadline = Date.now() + busyMs
  for (;;) {
    try {
      db.exec('PRAGMA journal_mode = WAL')
      return
    } catch (error) {
      if (!isBusy(error) || Date.now() > deadline) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
    }
  }
}

function isBusy(error: unknown): boolean {
  return (
    error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && (error.errcode & 255) === 5
  )
}

/** Runs statements given as text, keeping the prepared ones. */
export function statementRunner(db: DatabaseSync): (sql: string, values: readonly SqlValue[]) => QueryAnswer {
  const cache = new Map<string, StatementSync>()
  return (sql, values) => {
    const statement = cache.get(sql) ?? db.prepare(sql)
    if (cache.size >= cachedStatements) cache.clear()
    cache.set(sql, statement)
    const bound = values.map(bindable)
    if (statement.columns().length === 0) return { rows: [], changes: Number(statement.run(...bound).changes) }
    return { rows: statement.all(...bound).map(plainIntegers) }
  }
}

/**
 * Runs `work` on one state of the database. A statement by itself reads the schema first and the data after it; where
 * somebody creates tables all the time the schema is out of date by then, and SQLite gives up after fifty tries.
 */
export function inSnapshot<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN')
  try {
    return work()
  } finally {
    if (db.isTransaction) db.exec('COMMIT')
  }
}

/** Runs `work` in one transaction: all or nothing. */
export function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  // Reading the schema sees what another process has changed of it; ALTER TABLE by itself trusts its own memory.
  db.exec('BEGIN IMMEDIATE; SELECT 1 FROM sqlite_schema LIMIT 1')
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    // Some failures (a full disk) have rolled back already.
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}
