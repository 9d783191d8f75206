import { HermesError } from '../../errors.ts'
import type { PostgresChangesConfig, PostgresPollConfig } from './postgres-config.ts'

const OWN = 'hermes_'

/** A slot and a publication, and whether Hermes makes and drops them. */
export interface ReplicationNames {
  readonly slot: string
  readonly isOwnSlot: boolean
  readonly publication: string
  readonly isOwnPublication: boolean
}

/** The names begin with `hermes_` for what is Hermes' own. */
export function replicationNames({ slot, publication = slot }: PostgresChangesConfig): ReplicationNames {
  return { slot, isOwnSlot: slot.startsWith(OWN), publication, isOwnPublication: publication.startsWith(OWN) }
}

/** Throws `invalid_value` for what the schema cannot say. */
export function checkChanges(config: PostgresChangesConfig): void {
  if (replicationNames(config).isOwnPublication && config.tables === undefined) {
    throw new HermesError('invalid_value', 'changes.tables is needed for a publication that Hermes makes')
  }
}

/** Throws `invalid_value` for what the schema cannot say. */
export function checkPoll({ table, query, key }: PostgresPollConfig): void {
  if (table === undefined && query === undefined) throw new HermesError('invalid_value', 'poll needs table or query')
  if (query !== undefined && key === undefined) {
    throw new HermesError('invalid_value', 'poll.key is needed with a query: nothing else tells its rows apart')
  }
}

/** An identifier as SQL takes it, whatever is in it. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text as SQL takes it, whatever is in it; `standard_conforming_strings` is on. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
