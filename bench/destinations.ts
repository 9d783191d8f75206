import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Destination } from './fetch.ts'
import { query, throwAwayDatabase } from './workspace.ts'

/** The embedded database. */
export const sqliteDestination: Destination = {
  name: 'sqlite',
  prepare: async (folder) => {
    const file = join(folder, 'bench.db')
    return { database: `sqlite:${file}`, floorArgument: file, [Symbol.asyncDispose]: async () => {} }
  },
  tables: async (file) => {
    using database = new DatabaseSync(file, { readOnly: true })
    const sql = "select sql from sqlite_master where tbl_name = 'trades' and sql is not null order by type desc"
    return database
      .prepare(sql)
      .all()
      .map((row) => String(row.sql))
  },
  count: async (file) => {
    using database = new DatabaseSync(file, { readOnly: true })
    return Number(database.prepare('select count(distinct id) as rows from trades').get()?.rows)
  },
}

const columnsSql = (table: string): string =>
  `select string_agg(format('%I %s%s', attname, format_type(atttypid, atttypmod),
    case when attnotnull then ' not null' else '' end), ', ' order by attnum) as sql
  from pg_attribute where attrelid = '${table}'::regclass and attnum > 0 and not attisdropped`
const indexesSql = (table: string): string =>
  `select pg_get_indexdef(indexrelid) as sql from pg_index where indrelid = '${table}'::regclass`

/** Statements that make a table as the one that is there, with its indexes. */
export async function postgresTables(url: string, table: string): Promise<string[]> {
  const [columns] = await query<{ sql: string }>(url, columnsSql(table))
  const indexes = await query<{ sql: string }>(url, indexesSql(table))
  return [`create table ${table} (${columns?.sql})`, ...indexes.map(({ sql }) => sql)]
}

export const postgresDestination: Destination = {
  name: 'postgres',
  prepare: async () => {
    const database = await throwAwayDatabase()
    return {
      database: database.url,
      floorArgument: database.url,
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    }
  },
  tables: (url) => postgresTables(url, 'trades'),
  count: async (url) => {
    const [row] = await query<{ rows: string }>(url, 'select count(distinct id) as rows from trades')
    return Number(row?.rows)
  },
}
