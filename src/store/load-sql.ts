import type { LoadTarget } from './database.ts'
import { identifier, identifiers } from './sql-text.ts'

/** The columns of a load as a list for SQL. */
export function columnList(target: LoadTarget): string {
  return identifiers(target.columns.map(({ name }) => name))
}

/** The ON CONFLICT clause of an INSERT; the same on both databases. Empty without a key. */
export function onConflict(target: LoadTarget): string {
  if (target.key.length === 0) return ''
  const key = new Set(target.key)
  const updates = target.columns
    .filter(({ name }) => !key.has(name))
    .map(({ name }) => `${identifier(name)} = excluded.${identifier(name)}`)
  const action = target.onConflict === 'ignore' ? 'DO NOTHING' : `DO UPDATE SET ${updates.join(', ')}`
  return ` ON CONFLICT (${identifiers(target.key)}) ${action}`
}
