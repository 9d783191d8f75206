import { parseDuration } from '../manifest/duration.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { type ColumnType, parseColumnType } from '../store/column-type.ts'
import type { DeclaredColumn } from '../store/store.ts'
import type { Schedule } from '../stream/schedule.ts'
import type { ScheduleClause, SourceSpec, TableClause } from './source-spec.ts'

/** A SourceDefinition's spec as the code uses it: defaults decided, durations in milliseconds, columns parsed. */
export interface SourceView {
  readonly connector: { readonly type: string; readonly config: Readonly<Record<string, unknown>> }
  readonly connection?: string
  readonly table: string
  readonly key: readonly string[]
  readonly columns: readonly DeclaredColumn[]
  /** The declared columns that stand in for a reserved name: `record_created_at` for `created_at`. */
  readonly renamed: readonly string[]
  readonly write: 'append' | 'merge' | 'replace'
  readonly evolve: 'additive' | 'freeze'
  /** Column of the incremental cursor. */
  readonly cursor?: string
  /** The records' field that fills it, as the manifest names it. */
  readonly cursorField?: string
  readonly schedule: Schedule
  readonly suspended: boolean
  readonly orphan: boolean
}

const RESERVED = new Set(['source_name', 'created_at'])
const CLAUSES = new Set([
  'connection',
  'schedule',
  'params',
  'table',
  'deletionPolicy',
  'suspend',
  'syncWindow',
  'priority',
])

const views = new WeakMap<object, SourceView>()

/** The view of a source's spec; computed once a spec. */
export function sourceView(name: string, spec: SourceSpec): SourceView {
  const known = views.get(spec)
  if (known !== undefined) return known
  const view = build(name, spec)
  views.set(spec, view)
  return view
}

export function viewOf(manifest: Manifest<SourceSpec>): SourceView {
  return sourceView(manifest.name, manifest.spec)
}

/** The column that holds a record's field: reserved names are stored with `record_` before them. */
export function columnName(field: string): string {
  return RESERVED.has(field) ? `record_${field}` : field
}

type Declared = Pick<SourceView, 'key' | 'columns' | 'renamed'>

/** Sources that share a table mostly declare the same: what was made of a clause before serves again. */
const declarations = new Map<string, Declared>()
const mostDeclarations = 2_000

function declarationOf({ primaryKey = [], columns = {} }: Partial<TableClause>): Declared {
  const text = JSON.stringify([primaryKey, columns])
  const known = declarations.get(text)
  if (known !== undefined) return known
  const made = {
    key: primaryKey.map(columnName),
    columns: Object.entries(columns).map(([field, clause]) => declared(field, clause)),
    renamed: Object.keys(columns).filter((field) => RESERVED.has(field)),
  }
  if (declarations.size >= mostDeclarations) declarations.clear()
  declarations.set(text, made)
  return made
}

function build(name: string, spec: SourceSpec): SourceView {
  const table: Partial<TableClause> = spec.table ?? {}
  const connector = connectorOf(spec)
  const cursor = cursorOf(connector.config)
  const { key, columns, renamed } = declarationOf(table)
  return {
    connector,
    ...(spec.connection === undefined ? {} : { connection: spec.connection }),
    table: table.name ?? name.replaceAll(/[-.]/g, '_'),
    key,
    columns,
    renamed,
    write: table.write ?? (key.length > 0 ? 'merge' : cursor === undefined ? 'replace' : 'append'),
    evolve: table.evolve ?? 'additive',
    ...(cursor === undefined ? {} : { cursor: columnName(cursor), cursorField: cursor }),
    schedule: schedule(spec.schedule ?? {}),
    suspended: spec.suspend,
    orphan: spec.deletionPolicy === 'orphan',
  }
}

function connectorOf(spec: SourceSpec): SourceView['connector'] {
  const type = Object.keys(spec).find((field) => !CLAUSES.has(field)) ?? ''
  return { type, config: (spec[type] ?? {}) as Record<string, unknown> }
}

function cursorOf(config: Readonly<Record<string, unknown>>): string | undefined {
  return (config['incremental'] as { column?: string } | undefined)?.column
}

/** A declared column; one of a reserved field stands in for it. */
export function declared(
  field: string,
  clause: string | { readonly type: string; readonly from?: string },
): DeclaredColumn {
  const { type, from } = typeof clause === 'string' ? { type: clause } : clause
  const path = from ?? (RESERVED.has(field) ? field : undefined)
  return {
    name: columnName(field),
    type: parseColumnType(type) ?? ({ type: 'text' } satisfies ColumnType),
    ...(path === undefined ? {} : { from: path }),
  }
}

function schedule(clause: ScheduleClause): Schedule {
  return {
    ...(clause.every === undefined ? {} : { everyMs: milliseconds(clause.every) }),
    ...(clause.cron === undefined
      ? {}
      : { cron: { expression: clause.cron, ...(clause.timezone === undefined ? {} : { timezone: clause.timezone }) } }),
    ...(clause.jitter === undefined ? {} : { jitterMs: milliseconds(clause.jitter) }),
  }
}

function milliseconds(duration: string | number): number {
  return parseDuration(String(duration)) ?? 0
}
