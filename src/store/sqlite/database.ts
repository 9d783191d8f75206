import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { Kysely } from 'kysely'
import type { Database } from '../database.ts'
import type { HermesTables } from '../hermes-tables.ts'
import { checkSchemaVersion, ownTables, ownTablesSql } from '../own-tables.ts'
import { textList } from '../text-list.ts'
import { sqliteDialect } from './kysely-driver.ts'
import { sqliteLoader } from './loader.ts'
import type { QueryAnswer } from './protocol.ts'
import { SqliteThread } from './sqlite-thread.ts'

/** Opens the file, creating it and Hermes' own tables where missing. A writer and a reader thread do the work. */
export function openSqlite(path: string): Promise<Database> {
  return opened(path, createOwnTables)
}

/** Opens a file that holds nothing of Hermes' own, creating it where missing. */
export function guestSqlite(path: string): Promise<Database> {
  return opened(path, async (database, file) => {
    // Only a writer turns WAL on, and says at once why there can be no file.
    if (!existsSync(file)) await database.script('')
  })
}

async function opened(path: string, prepare: (database: Database, file: string) => Promise<void>): Promise<Database> {
  const file = resolve(path)
  const writer = new SqliteThread({ path: file, role: 'writer' })
  const reader = new SqliteThread({ path: file, role: 'reader' })
  const database = sqliteDatabase(file, writer, reader)
  try {
    reader.start()
    await prepare(database, file)
    return database
  } catch (error) {
    await database[Symbol.asyncDispose]()
    throw error
  }
}

function sqliteDatabase(file: string, writer: SqliteThread, reader: SqliteThread): Database {
  const kysely = new Kysely<HermesTables>({ dialect: sqliteDialect(writer, reader) })
  return {
    dialect: 'sqlite',
    // With a process ends what it had under way.
    leftBehindEnded: async () => undefined,
    location: `sqlite:${file}`,
    kysely,
    query: async <Row>(sql: string, values: Parameters<Database['query']>[1] = [], signal?: AbortSignal) => {
      const answer = await (reads(sql) ? reader : writer).ask<QueryAnswer>({ op: 'query', sql, values }, signal)
      signal?.throwIfAborted()
      return answer.rows as readonly Row[]
    },
    script: (sql, signal) => writer.ask({ op: 'script', sql }, signal),
    load: (target) => sqliteLoader(writer, target),
    [Symbol.asyncDispose]: async () => {
      await kysely.destroy()
      await reader[Symbol.asyncDispose]()
      await writer[Symbol.asyncDispose]()
    },
  }
}

/** A statement that begins with WITH has to be a reading one. */
function reads(sql: string): boolean {
  return /^\s*(?:select|with|values|pragma|explain)\b/i.test(sql)
}

/** A database that has all of our tables takes no writer: its thread starts with the first write, if there is one. */
async function createOwnTables(database: Database, file: string): Promise<void> {
  let found = existsSync(file) ? await ownState(database) : undefined
  checkSchemaVersion(found?.version, database.location)
  if (found?.complete === true) return
  if (found === undefined) {
    // Only a writer creates the file and turns WAL on; another process may have made the tables meanwhile.
    await database.script('')
    found = await ownState(database)
    checkSchemaVersion(found.version, database.location)
  }
  if (!found.complete) await database.script(ownTablesSql)
}

interface OwnState {
  readonly complete: boolean
  readonly version: string | undefined
}

async function ownState(database: Database): Promise<OwnState> {
  const list = textList('sqlite')
  const sql = `SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN (SELECT l.value FROM ${list.from(1)} AS l)`
  const tables = await database.query<{ name: string }>(sql, [list.value(ownTables)])
  const complete = tables.length === ownTables.length
  if (!tables.some(({ name }) => name === 'hermes_meta')) return { complete, version: undefined }
  const row = await database.kysely
    .selectFrom('hermes_meta')
    .select('value')
    .where('key', '=', 'schema_version')
    .executeTakeFirst()
  return { complete, version: row?.value }
}
