import { bookmarkOf } from './bookmark.ts'
import { chunks } from './chunks.ts'
import type { Column, ColumnType } from './column-type.ts'
import type { Database } from './database.ts'
import { readShapes, tableSqlOf } from './dialects.ts'
import { instantText } from './instant.ts'
import { allRetries } from './retries.ts'
import { identifier } from './sql-text.ts'
import type { RunSubject } from './store.ts'
import type { ActualTable } from './table-shape.ts'
import { textList } from './text-list.ts'

/** The columns that cursors of a table stand in, with the sources of each. */
interface Probe {
  readonly table: string
  readonly column: Column
  /** The sources, each behind the moment that its finished rows are older than. */
  readonly sources: readonly string[]
}

const probesPerQuery = 100

/** After every run there can be; as long as any canonical moment. */
const noBound = '9999-12-31T23:59:59.999999Z'

/**
 * The greatest value of a source's cursor column among rows older than `before` (milliseconds), as canonical text.
 * Undefined without table, column or value.
 */
export async function readCursor(
  database: Database,
  shape: ActualTable | undefined,
  subject: RunSubject,
  before: number,
): Promise<string | undefined> {
  const column = cursorColumn(shape, subject)
  if (column === undefined) return undefined
  const sources = [instantText(before) + subject.source]
  const [row] = await probe(database, [{ table: subject.table, column, sources }], undefined)
  return row?.cursor ?? undefined
}

/** The cursors of many sources, rows of unfinished runs left out; one probe of an index each. Keyed by source. */
export async function readCursors(
  database: Database,
  subjects: readonly RunSubject[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const wanted = subjects.filter(({ cursor }) => cursor !== undefined)
  if (wanted.length === 0) return new Map()
  const retries = await allRetries(database, signal)
  const shapes = await readShapes(database, [...new Set(wanted.map(({ table }) => table))], signal)
  const probes = new Map<string, { table: string; column: Column; sources: string[] }>()
  for (const subject of wanted) {
    const { table, source } = subject
    const column = cursorColumn(shapes.get(table), subject)
    if (column === undefined) continue
    const before = bookmarkOf(retries.get(source))?.before
    const key = JSON.stringify([table, column.name])
    const found = probes.get(key) ?? { table, column, sources: [] }
    found.sources.push((before === undefined ? noBound : instantText(before)) + source)
    probes.set(key, found)
  }
  const answers = chunks([...probes.values()], probesPerQuery).map((chunk) => probe(database, chunk, signal))
  const rows = (await Promise.all(answers)).flat()
  return new Map(rows.flatMap(({ source, cursor }) => (cursor === null ? [] : [[source, cursor] as const])))
}

function cursorColumn(shape: ActualTable | undefined, { cursor }: RunSubject): Column | undefined {
  const column = shape?.columns.find(({ name }) => name === cursor)
  return shape?.ours === true && column?.foreignType === undefined ? column : undefined
}

async function probe(
  database: Database,
  probes: readonly Probe[],
  signal: AbortSignal | undefined,
): Promise<readonly { source: string; cursor: string | null }[]> {
  const { dialect } = database
  const list = textList(dialect)
  const terms = probes.map(({ table, column }, index) => {
    const bound = dialect === 'sqlite' ? 'substr(l.value, 1, 27)' : 'substr(l.value, 1, 27)::timestamptz'
    // By its table: a bare name behind ORDER BY would mean the text that is selected.
    const name = `d.${identifier(column.name)}`
    const greatest =
      `SELECT ${asText(dialect, name, column.type)} FROM ${identifier(table)} AS d ` +
      `WHERE d.source_name = substr(l.value, 28) AND ${name} IS NOT NULL AND d.created_at < ${bound} ` +
      `ORDER BY d.source_name DESC, ${ordered(dialect, name, column.type)} DESC LIMIT 1`
    return `SELECT substr(l.value, 28) AS source, (${greatest}) AS cursor FROM ${list.from(index + 1)} AS l`
  })
  const values = probes.map(({ sources }) => list.value(sources))
  return await database.query(terms.join('\nUNION ALL '), values, signal)
}

function asText(dialect: Database['dialect'], name: string, type: ColumnType): string {
  return type.type === 'text' ? name : tableSqlOf(dialect).conversion(name, type, { type: 'text' })
}

/** What orders a column's values the same way on both databases, and as its index does. */
function ordered(dialect: Database['dialect'], name: string, type: ColumnType): string {
  if (type.type === 'text') return dialect === 'sqlite' ? name : `${name} COLLATE "C"`
  if (type.type === 'json') return dialect === 'sqlite' ? name : `${name}::text COLLATE "C"`
  return dialect === 'sqlite' && type.type === 'numeric' ? `hermes_decimal_order(${name})` : name
}
