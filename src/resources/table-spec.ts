import type { Location } from '../errors.ts'
import { canonicalHash } from '../manifest/hash.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { joinWindows, type SyncWindow } from '../manifest/sync-window.ts'
import { type Column, formatColumnType, parseColumnType } from '../store/column-type.ts'
import type { SourceSpec } from './source-spec.ts'
import { type SourceView, viewOf } from './source-view.ts'

/** `spec` of a Table: what the sources that name it want of it together. Derived, never written by a person. */
export interface TableSpec {
  /** Declared types by column name. */
  readonly columns: Readonly<Record<string, string>>
  readonly primaryKey: readonly string[]
  /** Columns behind `source_name` in further indexes: one for each incremental cursor. */
  readonly indexes: readonly (readonly string[])[]
  /** The sources that write here, and what their removal does to their rows. */
  readonly sources: Readonly<Record<string, 'delete' | 'orphan'>>
  /** Declared columns that stand in for a reserved field name. */
  readonly renamed: readonly string[]
  /** When it may change: while one of its sources may, and none is denied to. */
  readonly syncWindow?: SyncWindow
  /** The highest of its sources; 0 when absent. */
  readonly priority?: number
  /** Why the sources cannot share this table; nothing changes while they disagree. */
  readonly conflict?: string
}

/** The columns that the sources of a table declare together. */
export function declaredColumns({ columns }: TableSpec): Column[] {
  return Object.entries(columns).map(([name, type]) => ({ name, type: parseColumnType(type) ?? { type: 'text' } }))
}

interface Draft {
  readonly at: Location
  readonly owner: Manifest<SourceSpec>
  readonly columns: Map<string, { type: string; source: Manifest }>
  readonly key: readonly string[]
  readonly cursors: Set<string>
  readonly renamed: Set<string>
  readonly sources: Record<string, 'delete' | 'orphan'>
  readonly windows: (SyncWindow | undefined)[]
  priority: number
  conflict: string | undefined
}

/**
 * One Table manifest for every table that the sources name, beside the manifests themselves: sources that share a
 * table then have one plan for it, whichever of them is taken up first (invariant 10).
 */
export function withTables(manifests: readonly Manifest[]): Manifest[] {
  return [...manifests, ...[...sourcesByTable(manifests)].map(([name, sources]) => tableOf(name, sources))]
}

function sourcesByTable(manifests: readonly Manifest[]): ReadonlyMap<string, Sources> {
  const tables = new Map<string, Sources>()
  for (const manifest of manifests) {
    if (manifest.kind !== 'SourceDefinition') continue
    const source = manifest as Manifest<SourceSpec>
    const { table } = viewOf(source)
    const others = tables.get(table)
    if (others === undefined) tables.set(table, [source])
    else others.push(source)
  }
  return tables
}

/** The same, remembering the last answer: when manifests were edited and nothing else, only their tables are made anew. */
export function tableDeriver(): (manifests: readonly Manifest[]) => readonly Manifest[] {
  let last: Derivation | undefined
  return (manifests) => {
    last = (last && edited(last, manifests)) ?? derivation(manifests)
    return last.derived
  }
}

interface Derivation {
  readonly manifests: readonly Manifest[]
  readonly derived: readonly Manifest[]
  /** By name, with the place of the table behind the manifests. */
  readonly tables: ReadonlyMap<string, { readonly sources: Sources; readonly place: number }>
}

function derivation(manifests: readonly Manifest[]): Derivation {
  const derived = withTables(manifests)
  const sources = sourcesByTable(manifests)
  const tables = new Map(
    [...sources].map(([name, of], index) => [name, { sources: of, place: manifests.length + index }]),
  )
  return { manifests, derived, tables }
}

/** Undefined where more changed than what some manifests say of the same table. */
function edited(last: Derivation, manifests: readonly Manifest[]): Derivation | undefined {
  if (last.manifests.length !== manifests.length) return undefined
  const derived = [...last.derived]
  const tables = new Map(last.tables)
  for (const [index, manifest] of manifests.entries()) {
    const before = last.manifests[index]
    if (before === undefined || before === manifest) continue
    if (before.key !== manifest.key) return undefined
    derived[index] = manifest
    if (manifest.kind !== 'SourceDefinition') continue
    const [from, to] = [before as Manifest<SourceSpec>, manifest as Manifest<SourceSpec>]
    const { table } = viewOf(to)
    const known = tables.get(table)
    if (viewOf(from).table !== table || known === undefined) return undefined
    const [first, ...rest] = known.sources.map((source) => (source === from ? to : source))
    if (first === undefined) return undefined
    const sources: Sources = [first, ...rest]
    tables.set(table, { ...known, sources })
    derived[known.place] = tableOf(table, sources)
  }
  return { manifests, derived, tables }
}

/** All sources of one table, in the order of the manifests. */
type Sources = [Manifest<SourceSpec>, ...Manifest<SourceSpec>[]]

/** The table last made of sources of which this is the first: when one source changes, all other tables stay. */
const made = new WeakMap<Manifest, { readonly sources: Sources; readonly table: Manifest<TableSpec> }>()

function tableOf(name: string, sources: Sources): Manifest<TableSpec> {
  const [owner] = sources
  const before = made.get(owner)
  if (before?.sources.length === sources.length && before.sources.every((each, index) => each === sources[index])) {
    return before.table
  }
  const draft = newDraft(owner)
  for (const source of sources) contribute(draft, source)
  const table = tableManifest(name, draft)
  made.set(owner, { sources, table })
  return table
}

function newDraft(owner: Manifest<SourceSpec>): Draft {
  return {
    at: owner.at,
    owner,
    columns: new Map(),
    key: viewOf(owner).key,
    cursors: new Set(),
    renamed: new Set(),
    sources: {},
    windows: [],
    priority: Number.NEGATIVE_INFINITY,
    conflict: undefined,
  }
}

function contribute(draft: Draft, source: Manifest<SourceSpec>): void {
  const view = viewOf(source)
  draft.sources[source.name] = view.orphan ? 'orphan' : 'delete'
  draft.windows.push(source.spec.syncWindow)
  draft.priority = Math.max(draft.priority, source.spec.priority ?? 0)
  if (view.cursor !== undefined) draft.cursors.add(view.cursor)
  for (const field of view.renamed) draft.renamed.add(field)
  draft.conflict ??= keyConflict(draft, source, view)
  for (const column of view.columns) addColumn(draft, source, column.name, formatColumnType(column.type))
}

function keyConflict(draft: Draft, source: Manifest, view: SourceView): string | undefined {
  if (draft.key.join('\0') === view.key.join('\0')) return undefined
  const [first, second] = [draft.key, view.key].map((key) =>
    key.length === 0 ? 'no primary key' : `the primary key (${key.join(', ')})`,
  )
  return `${draft.owner.name} (${place(draft.owner)}) gives it ${first}, ${source.name} (${place(source)}) ${second}`
}

function addColumn(draft: Draft, source: Manifest, name: string, type: string): void {
  const before = draft.columns.get(name)
  if (before === undefined) {
    draft.columns.set(name, { type, source })
  } else if (before.type !== type) {
    draft.conflict ??=
      `${before.source.name} (${place(before.source)}) declares column ${name} as ${before.type}, ` +
      `${source.name} (${place(source)}) as ${type}`
  }
}

function place(manifest: Manifest): string {
  return `${manifest.at.file}:${manifest.at.line}`
}

/** A column has its place where it is declared, all else with the first of the sources. */
function locate(path: string, { columns, owner }: Draft): Location {
  const field = path.replace(/^spec\.(?!table\b)/, 'spec.table.')
  const column = /^spec\.table\.columns\.(.+)$/.exec(field)?.[1] ?? ''
  return (columns.get(column)?.source ?? owner).locate(field)
}

function tableManifest(name: string, draft: Draft): Manifest<TableSpec> {
  const syncWindow = joinWindows(draft.windows)
  const spec: TableSpec = {
    columns: Object.fromEntries([...draft.columns].map(([column, { type }]) => [column, type])),
    primaryKey: draft.key,
    indexes: [...draft.cursors].toSorted().map((column) => [column]),
    sources: draft.sources,
    renamed: [...draft.renamed].toSorted(),
    ...(syncWindow === undefined ? {} : { syncWindow }),
    ...(draft.priority === 0 ? {} : { priority: draft.priority }),
    ...(draft.conflict === undefined ? {} : { conflict: draft.conflict }),
  }
  return {
    key: `Table/${name}`,
    kind: 'Table',
    name,
    labels: {},
    annotations: {},
    spec,
    at: draft.at,
    locate: (path) => locate(path, draft),
    hash: canonicalHash({ kind: 'Table', name, spec }),
  }
}
