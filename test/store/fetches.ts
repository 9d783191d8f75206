import { type Column, parseColumnType } from '../../src/store/column-type.ts'
import type { DeclaredColumn, Run, RunFacts, RunTarget, Store } from '../../src/store/store.ts'
import type { Home } from './homes.ts'

export const never = new AbortController().signal

/** Columns as a manifest declares them: `{ close: 'numeric(10,2)' }`. */
export function declared(columns: Readonly<Record<string, string>>): Column[] {
  return Object.entries(columns).map(([name, text]) => {
    const type = parseColumnType(text)
    if (type === undefined) throw new Error(`no column type ${text}`)
    return { name, type }
  })
}

export interface TargetOptions extends Partial<Omit<RunTarget, 'columns'>> {
  readonly columns?: Readonly<Record<string, string>> | readonly DeclaredColumn[]
}

/** A source `quotes` that appends to a table `quotes`, but for what is said. */
export function targetOf({ columns = {}, ...rest }: TargetOptions = {}): RunTarget {
  return {
    table: 'quotes',
    source: 'quotes',
    key: [],
    write: 'append',
    evolve: 'additive',
    spec: 'spec 1',
    ...rest,
    columns: isList(columns) ? columns : declared(columns),
  }
}

function isList(columns: NonNullable<TargetOptions['columns']>): columns is readonly DeclaredColumn[] {
  return Array.isArray(columns)
}

/** A whole run: pages from behind where it resumes, each with its number as position. */
export async function fetchPages(
  store: Store,
  target: RunTarget,
  pages: readonly (readonly unknown[])[],
  now = 1_700_000_000_000,
): Promise<Run> {
  await using run = await store.runs.begin(target, now)
  const from = typeof run.resumeFrom === 'number' ? run.resumeFrom : 0
  for (const [index, page] of pages.entries()) if (index >= from) await run.write(page, index + 1, never)
  await run.finish(now + 60_000)
  return run
}

export async function factsOf(store: Store, target: RunTarget): Promise<RunFacts | undefined> {
  return (await store.runs.facts([target])).get(target.source)
}

/** All values of one column of a table by id, read by the vendor's driver as text that is the same on both databases. */
export async function witnessed(home: Home, table: string, column: Column): Promise<Record<string, string | null>> {
  const name = `"${column.name}"`
  const rows = await home.witness(`SELECT id, ${asText(home.dialect, name, column)} AS value FROM "${table}"`)
  return Object.fromEntries(
    rows.map(({ id, value }) => [Number(id), value === null ? null : `${value as string | number}`]),
  )
}

function asText(dialect: Home['dialect'], name: string, { type }: Column): string {
  if (dialect === 'sqlite') {
    if (type.type === 'bytes') return `CASE WHEN ${name} IS NOT NULL THEN lower(hex(${name})) END`
    return type.type === 'double' ? name : `CAST(${name} AS TEXT)`
  }
  switch (type.type) {
    case 'boolean':
      return `${name}::int::text`
    case 'timestamptz':
      return `to_char(${name} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
    case 'bytes':
      return `encode(${name}, 'hex')`
    case 'double':
      return name
    default:
      return `${name}::text`
  }
}
