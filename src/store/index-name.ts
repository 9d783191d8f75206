import { createHash } from 'node:crypto'
import { maxNameBytes } from './sql-text.ts'

/** The name of the index `(source_name, created_at)`. */
export function runIndexName(table: string): string {
  return shortened(`${table}_hermes_run`)
}

/** The name of the index `(source_name, …columns)`: the same for the same columns, and only for them. */
export function indexName(table: string, columns: readonly string[]): string {
  return shortened(`${table}_hermes_${columns.join('_')}_${digest(JSON.stringify(columns))}`)
}

/** Whether an index is one of Hermes' own: its name is the one that its columns give. */
export function isOwnIndex(table: string, name: string, columns: readonly string[]): 'run' | 'index' | undefined {
  if (columns.length < 2 || columns[0] !== 'source_name') return undefined
  if (columns.length === 2 && columns[1] === 'created_at' && name === runIndexName(table)) return 'run'
  return name === indexName(table, columns.slice(1)) ? 'index' : undefined
}

/** The name of the table that a rebuild fills before it takes the old one's place. */
export function rebuildName(table: string): string {
  return shortened(`${table}_hermes_rebuild`)
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}

/** Names over the limit keep their beginning and end in a hash of the whole. */
function shortened(name: string): string {
  if (Buffer.byteLength(name) <= maxNameBytes) return name
  // Streaming keeps an incomplete last character back.
  const kept = new TextDecoder().decode(Buffer.from(name).subarray(0, maxNameBytes - 9), { stream: true })
  return `${kept}_${digest(name)}`
}
