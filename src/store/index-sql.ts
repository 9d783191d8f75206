import { indexName, runIndexName } from './index-name.ts'
import { identifier } from './sql-text.ts'

/** `CREATE INDEX` reads the same on both databases. */
export function createRunIndex(table: string): string {
  return `CREATE INDEX IF NOT EXISTS ${identifier(runIndexName(table))} ON ${identifier(table)} (source_name, created_at)`
}

/** `ordered` prints a column with what orders it. */
export function createIndex(table: string, columns: readonly string[], ordered = identifier): string {
  const name = identifier(indexName(table, columns))
  return `CREATE INDEX IF NOT EXISTS ${name} ON ${identifier(table)} (source_name, ${columns.map(ordered).join(', ')})`
}

export function dropIndex(name: string): string {
  return `DROP INDEX IF EXISTS ${identifier(name)}`
}
