import type { Home } from '../store/homes.ts'
import type { Fleet } from './edits.ts'
import { type FleetSource, tableOf, writeOf } from './fleet.ts'
import { fields } from './records.ts'
import { type SeenTable, seenTables, spelled } from './witness.ts'

const reserved = new Set(['source_name', 'created_at'])
const columnNames = new Set(Object.keys(fields).map((name) => (name === 'created_at' ? 'record_created_at' : name)))

/**
 * What differs between a database with a history and one that saw only the last manifests. Left out is exactly what a
 * history leaves behind by design:
 * - columns that were inferred, or declared by a source that moved on, stay; no source of today has values in them;
 * - an undeclared column that was declared once may have kept the type of that time, if that holds its values;
 * - rows of sources that were removed with `deletionPolicy: orphan`, and the tables that they keep alive;
 * - `append` keeps what earlier runs brought; with a key the first row for a key stays as it was;
 * - a suspended source has what it had: nothing of its own making is compared.
 */
export async function differences(home: Home, fresh: Home, fleet: Fleet): Promise<string[]> {
  const [found, wanted] = [await seenTables(home), await seenTables(fresh)]
  return [
    ...tableDifferences(found, wanted, fleet),
    ...[...wanted].flatMap(([name, table]) => {
      const here = found.get(name)
      const sources = fleet.sources.filter((source) => tableOf(source) === name)
      return here === undefined ? [] : compareTable({ name, found: here, wanted: table, sources, fleet })
    }),
    ...(await bookkeepingDifferences(home, fresh)),
  ]
}

type Tables = ReadonlyMap<string, SeenTable>

function tableDifferences(found: Tables, wanted: Tables, fleet: Fleet): string[] {
  const missing = [...wanted.keys()].filter((name) => !found.has(name)).map((name) => `${name} is missing`)
  const suspended = new Set(fleet.sources.filter((source) => source.suspend).map(tableOf))
  const extra = [...found]
    .filter(([name]) => !wanted.has(name) && !suspended.has(name))
    .filter(
      ([name, { rows }]) => !fleet.orphanTables.has(name) || owners(rows).some((each) => !fleet.orphans.has(each)),
    )
    .map(([name, { rows }]) => `${name} should be gone; it has rows of ${owners(rows).join(' ')}`)
  return [...missing, ...extra]
}

function owners(rows: SeenTable['rows']): string[] {
  return [...new Set(rows.map((row) => String(row['source_name'])))].toSorted()
}

interface Pair {
  readonly name: string
  readonly found: SeenTable
  readonly wanted: SeenTable
  /** The sources of today in this table. */
  readonly sources: readonly FleetSource[]
  readonly fleet: Fleet
}

function compareTable(pair: Pair): string[] {
  const { name, found, sources, fleet } = pair
  const named = new Set(sources.map((source) => source.name))
  const strangers = owners(found.rows).filter((owner) => !named.has(owner) && !fleet.orphans.has(owner))
  const faults = [
    ...columnFaults(pair),
    ...indexFaults(pair),
    ...strangers.map((owner) => `rows of ${owner} are left`),
    ...sources.filter((source) => !source.suspend).flatMap((source) => rowFaults(pair, source)),
  ]
  return faults.map((fault) => `${name}: ${fault}`)
}

function columnFaults({ found, wanted, sources, fleet }: Pair): string[] {
  const declared = new Set(sources.flatMap((source) => Object.keys(source.declared)).map(stored))
  const kept = new Set([...fleet.declaredOnce].map(stored))
  const wrong = [...wanted.columns].flatMap(([column, type]) => {
    const here = found.columns.get(column)
    if (here === type) return []
    if (here !== undefined && !declared.has(column) && kept.has(column) && placeOf(here) === placeOf(type)) return []
    return [`column ${column} is ${here ?? 'missing'}, not ${type}`]
  })
  const strange = [...found.columns]
    .filter(([column, type]) => !wanted.columns.has(column) && (!columnNames.has(column) || placeOf(type) !== ''))
    .map(([column, type]) => `column ${column} ${type} is too many`)
  return [...wrong, ...strange]
}

function stored(field: string): string {
  return field === 'created_at' ? 'record_created_at' : field
}

function placeOf(type: string): string {
  return / (key|required)$/.exec(type)?.[1] ?? ''
}

/** An index over a cursor column needs the column, which only data brings where nobody declares it. */
function indexFaults({ found, wanted, sources }: Pair): string[] {
  const missing = wanted.indexes.filter((index) => !found.indexes.includes(index))
  const suspended = new Set(sources.flatMap(({ suspend, incremental }) => (suspend ? [incremental] : [])))
  const extra = found.indexes
    .filter((index) => !wanted.indexes.includes(index))
    .filter((index) => !suspended.has(index.split(',').at(-1) ?? ''))
  return [...missing.map((index) => `index ${index} is missing`), ...extra.map((index) => `index ${index} is too many`)]
}

function rowFaults({ found, wanted }: Pair, source: FleetSource): string[] {
  const write = writeOf(source)
  const mine = (table: SeenTable) => table.rows.filter((row) => row['source_name'] === source.name)
  const columns = [...new Set([...found.columns.keys(), ...wanted.columns.keys()])].filter(
    (each) => !reserved.has(each),
  )
  const compared = write === 'append' && source.key.length > 0 ? source.key.map(stored) : columns
  const print = (table: SeenTable, rows: SeenTable['rows']): string[] =>
    rows
      .map((row) => compared.map((column) => spelled(row[column], table.columns.get(column) ?? '') ?? '-').join('|'))
      .toSorted()
  const told = (table: SeenTable) => (write === 'append' && source.key.length === 0 ? newest(mine(table)) : mine(table))
  const [is, should] = [print(found, told(found)), print(wanted, told(wanted))]
  if (is.join('\n') === should.join('\n')) return []
  return [`rows of ${source.name} (${write}) by ${compared.join('|')} are\n${is.join('\n')}\nnot\n${should.join('\n')}`]
}

function newest(rows: SeenTable['rows']): SeenTable['rows'] {
  const last = rows.reduce((most, row) => (String(row['created_at']) > most ? String(row['created_at']) : most), '')
  return rows.filter((row) => String(row['created_at']) === last)
}

async function ledger(home: Home): Promise<string> {
  const rows = await home.witness('SELECT kind, name, intents FROM hermes_resources')
  return rows
    .map((row) => `${String(row['kind'])}/${String(row['name'])} ${String(row['intents'])}`)
    .toSorted()
    .join(', ')
}

/** The ledger knows the same resources, and nobody is in the middle of anything. */
async function bookkeepingDifferences(home: Home, fresh: Home): Promise<string[]> {
  const [is, should] = [await ledger(home), await ledger(fresh)]
  // A run that brought nothing new is remembered here, because no row tells of it.
  const retries = await home.witness('SELECT * FROM hermes_retries WHERE attempt > 0 OR started_at IS NOT NULL')
  return [
    ...(is === should ? [] : [`the ledger has ${is}, not ${should}`]),
    ...retries.map((row) => `unfinished: ${JSON.stringify(row)}`),
  ]
}
