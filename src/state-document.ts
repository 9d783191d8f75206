import { HermesError } from './errors.ts'
import { blankedSpec } from './resources/blanked-spec.ts'
import { type RecordedTable, type RecordedWorld, recordWorld } from './store/recorded-store.ts'
import type { Store, StoredClaim, StoredEntry } from './store/store.ts'

/** The format that this Hermes writes and reads. It grows with every change that an older reader would get wrong. */
const version = 1
const format = 'hermes-state'

/** What `hermes export-state` writes: all that a plan needs of a database, without any row or secret. */
export interface StateDocument extends RecordedWorld {
  readonly format: typeof format
  readonly version: typeof version
  /** The Hermes that wrote it, and when. */
  readonly hermes: string
  readonly time: string
}

/** Records a database for plans elsewhere. */
export async function stateDocument(store: Store, about: { hermes: string; now: number }): Promise<StateDocument> {
  const { entries, ...world } = await recordWorld(store)
  const { hermes, now } = about
  const time = new Date(now).toISOString()
  return { format, version, hermes, time, ...world, entries: entries.map(blankedEntry) }
}

/** The world that a document tells of. Throws `state_invalid` and `state_version`. */
export function parseState(text: string): RecordedWorld {
  const document = parseJson(text)
  if (!isRecord(document) || document['format'] !== format)
    throw new HermesError('state_invalid', 'the file is not what `hermes export-state` writes')
  if (document['version'] !== version) {
    const found = JSON.stringify(document['version'])
    throw new HermesError('state_version', `the state has version ${found} of the format; this Hermes reads ${version}`)
  }
  const { dialect, entries, tables } = document
  if ((dialect !== 'sqlite' && dialect !== 'postgres') || !isList(entries, isEntry) || !isList(tables, isTable))
    throw new HermesError('state_invalid', 'the state is damaged: its dialect, entries or tables are not as they were')
  return { dialect, entries, tables }
}

/** A world that nothing was ever made in, for the database of this address. */
export function emptyWorld(database: string): RecordedWorld {
  return { dialect: database.startsWith('sqlite:') ? 'sqlite' : 'postgres', entries: [], tables: [] }
}

function blankedEntry(entry: StoredEntry): StoredEntry {
  const blanked = (claim: StoredClaim): StoredClaim => ({ ...claim, spec: blankedSpec(entry.kind, claim.spec) })
  const settled = entry.settled === undefined ? {} : { settled: blanked(entry.settled) }
  return { ...entry, ...settled, intents: entry.intents.map(blanked) }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isList<T>(value: unknown, isItem: (each: unknown) => each is T): value is readonly T[] {
  return Array.isArray(value) && value.every(isItem)
}

function isEntry(value: unknown): value is StoredEntry {
  return (
    isRecord(value) && typeof value['kind'] === 'string' && isRecord(value['at']) && Array.isArray(value['intents'])
  )
}

function isTable(value: unknown): value is RecordedTable {
  return isRecord(value) && isRecord(value['shape']) && Array.isArray(value['sources'])
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
