import { formatDuration } from '../manifest/duration.ts'
import type { Key, Manifest } from '../manifest/manifest.ts'
import type { Controller, Step, Subject } from '../reconcile/controller.ts'
import type { Claim } from '../reconcile/ledger.ts'
import { sharedText } from '../shared-text.ts'
import type { DataTables, Holding, Store } from '../store/store.ts'
import type { ActualTable, TableShape, TableStep } from '../store/table-shape.ts'
import { type RegistrationSummary, Registrations, registrationStep } from './registration.ts'
import type { SourceSpec } from './source-spec.ts'
import { type SourceView, sourceView, viewOf } from './source-view.ts'

/** Rows that stand elsewhere than the manifest wants them, or that nobody wants any more. */
export interface Stray extends Holding {
  readonly rows: number
  readonly shape: ActualTable
}

/** A source as it is. */
export interface ActualSource {
  /** Hash it is taken up with. */
  readonly hash: string | undefined
  readonly strays: readonly Stray[]
  /** The table that the strays should go to; absent while it is not there. */
  readonly target?: ActualTable
}

export interface SourceControllerOptions {
  readonly store: Store
  /** Throws what keeps the source from being fetched; secrets above all. */
  readonly check: (source: Manifest<SourceSpec>) => Promise<void>
  /** Stops the source's run, if any, and waits for its end: before its rows are moved or deleted. */
  readonly halt: (name: string) => Promise<void>
}

/** Sources: their rows follow the manifest from table to table and name to name, and go with it. */
export function sourceController(options: SourceControllerOptions): Controller<SourceSpec, ActualSource> {
  const { tables, runs } = options.store
  const registrations = new Registrations()
  return {
    kind: 'SourceDefinition',
    references: referencesOf,
    window: ({ syncWindow }) => syncWindow,
    priority: ({ priority = 0 }) => priority,
    observe: async (subjects, signal) => {
      const strays = await findStrays(tables, subjects, signal)
      const actual = (subject: Subject<SourceSpec>): ActualSource => {
        const found = strays.get(subject.name)
        const hash = registrations.hash(subject)
        return found === undefined ? { hash, strays: [] } : { hash, ...found }
      }
      return new Map(subjects.map((subject) => [subject.name, actual(subject)]))
    },
    plan: (subject, actual) => plan(tables, subject, actual ?? { hash: undefined, strays: [] }),
    apply: async (subject, step, signal) => {
      await options.halt(subject.name)
      if (subject.takesFrom !== undefined) await options.halt(subject.takesFrom.name)
      if (step.sql !== undefined) return execute(tables, subject, step.sql, signal)
      if (subject.desired !== undefined) return registrations.set(subject.name, subject.desired.hash)
      await runs.forget([subject.name])
      registrations.release(subject.name)
    },
    check: options.check,
  }
}

const shared = sharedText()

/** Other sources of the table that the rows go to keep away meanwhile: it may get columns. */
function execute(
  tables: DataTables,
  { desired }: Subject<SourceSpec>,
  sql: string,
  signal: AbortSignal,
): Promise<void> {
  if (desired === undefined) return tables.execute(sql, signal)
  return tables.alone(viewOf(desired).table, () => tables.execute(sql, signal))
}

function referencesOf(name: string, spec: SourceSpec): readonly Key[] {
  const table = shared(`Table/${sourceView(name, spec).table}`)
  return spec.connection === undefined ? [table] : [shared(`Connection/${spec.connection}`), table]
}

type StrayMap = ReadonlyMap<string, { strays: readonly Stray[]; target?: ActualTable }>

/** Looks only where a claim points elsewhere than the manifest: for most sources there is nothing to ask. */
async function findStrays(
  tables: DataTables,
  subjects: readonly Subject<SourceSpec>[],
  signal: AbortSignal,
): Promise<StrayMap> {
  const places = new Map<string, readonly Holding[]>()
  for (const subject of subjects) {
    const holdings = strayPlaces(subject)
    if (holdings.length > 0) places.set(subject.name, holdings)
  }
  if (places.size === 0) return new Map()
  const all = [...places.values()].flat()
  const targets = subjects.flatMap(({ desired }) => (desired === undefined ? [] : [viewOf(desired).table]))
  const shapes = await tables.shapes([...new Set([...all.map(({ table }) => table), ...targets])], signal)
  const counts = await tables.counts(all, signal)
  const found = new Map<string, { strays: readonly Stray[]; target?: ActualTable }>()
  for (const subject of subjects) {
    const strays = (places.get(subject.name) ?? []).flatMap((holding) => {
      const shape = shapes.get(holding.table)
      const rows = counts.get(`${holding.table}/${holding.source}`) ?? 0
      return shape === undefined || !shape.ours || rows === 0 ? [] : [{ ...holding, rows, shape }]
    })
    const target = subject.desired === undefined ? undefined : shapes.get(viewOf(subject.desired).table)
    if (strays.length > 0) found.set(subject.name, { strays, ...(target === undefined ? {} : { target }) })
  }
  return found
}

/** Where rows may stand that the subject does not want to be there. */
function strayPlaces(subject: Subject<SourceSpec>): Holding[] {
  if (subject.takenBy !== undefined || isWhereItWas(subject)) return []
  const home = subject.desired === undefined ? undefined : viewOf(subject.desired).table
  const own = tablesOf(subject.name, subject.claims).filter((table) => table !== home)
  const taken = subject.takesFrom === undefined ? [] : tablesOf(subject.takesFrom.name, subject.takesFrom.claims)
  return [
    ...own.map((table) => ({ table, source: subject.name })),
    ...taken.map((table) => ({ table, source: subject.takesFrom?.name ?? '' })),
  ]
}

/** The usual case, told at a glance: what is claimed is what is desired. */
function isWhereItWas({ desired, claims, takesFrom }: Subject<SourceSpec>): boolean {
  return takesFrom === undefined && claims.length === 1 && claims[0]?.hash === desired?.hash
}

function tablesOf(name: string, claims: readonly Claim<SourceSpec>[]): string[] {
  return [...new Set(claims.map(({ spec }) => sourceView(name, spec).table))]
}

function plan(tables: DataTables, subject: Subject<SourceSpec>, actual: ActualSource): readonly Step[] {
  const { desired } = subject
  const data =
    desired === undefined
      ? planRemoval(tables, subject, actual)
      : actual.strays.flatMap((stray) => planHandover(tables, desired, stray, actual.target))
  const registration = registrationStep(subject, actual.hash, registered)
  return registration === undefined ? data : [...data, registration]
}

const registered: RegistrationSummary<SourceSpec> = {
  create: (desired) => summary(viewOf(desired)),
  change: (desired, before) => summary(viewOf(desired), sourceView(desired.name, before)),
  remove: 'stop fetching',
}

function planRemoval(tables: DataTables, subject: Subject<SourceSpec>, actual: ActualSource): readonly Step[] {
  const last = subject.claims.at(-1)
  const orphan = last !== undefined && sourceView(subject.name, last.spec).orphan
  if (orphan) return []
  return actual.strays.map((stray) => ({
    ...strip(tables.planDelete(stray, stray.rows)),
    reason: 'the manifest was removed',
  }))
}

/** Rows go along to the new table or name; where no table can take them they are given up, which needs approval. */
function planHandover(
  tables: DataTables,
  desired: Manifest<SourceSpec>,
  stray: Stray,
  actual: ActualTable | undefined,
): Step[] {
  const view = viewOf(desired)
  const to = { table: view.table, source: desired.name }
  const reason =
    stray.source === desired.name
      ? `spec.table.name changed from ${stray.table} to ${to.table}`
      : `hermes/moved-from names ${stray.source}`
  const target = actual ?? targetShape(view, stray)
  if (target === undefined) {
    return [
      {
        ...strip(tables.planDelete(stray, stray.rows)),
        reason: `${reason}, and it has no column for the new primary key`,
      },
    ]
  }
  const create =
    actual === undefined && !declaresKey(view) ? tables.plan(target, undefined, { retired: new Set() }) : []
  const move = tables.planMove(stray, to, { from: stray.shape, to: target }, stray.rows)
  return [...create, move].map((step) => ({ ...strip(step), reason }))
}

/** The table that the rows will go to while it is not there: key columns that nobody declared are typed as they were. */
function targetShape(view: SourceView, stray: Stray): TableShape | undefined {
  const known = new Map([...stray.shape.columns, ...view.columns].map((column) => [column.name, column]))
  const columns = new Map(view.columns.map((column) => [column.name, { name: column.name, type: column.type }]))
  for (const key of view.key) {
    const column = known.get(key)
    if (column === undefined) return undefined
    columns.set(key, { name: key, type: column.type })
  }
  return { name: view.table, columns: [...columns.values()], key: view.key, indexes: [] }
}

/** Whether the Table resource can create the table before any data is there. */
function declaresKey({ key, columns }: SourceView): boolean {
  return key.every((name) => columns.some((column) => column.name === name))
}

/** Then the table is there, or is waited for already. */
function hasSameKey(one: SourceView, other: SourceView): boolean {
  return one.table === other.table && one.key.join('\0') === other.key.join('\0')
}

function strip({ column: _column, ...step }: TableStep): Omit<TableStep, 'column'> {
  return step
}

function summary(view: SourceView, before?: SourceView): string {
  const isMade = declaresKey(view) || (before !== undefined && hasSameKey(view, before))
  const created = isMade ? '' : ', which the first fetch creates: its key has no declared types'
  const target = `into ${view.table} (${view.write}${view.key.length > 0 ? ` on ${view.key.join(', ')}` : ''})${created}`
  if (view.suspended) return `keep ${view.table}, fetch nothing: suspended`
  const { everyMs, cron } = view.schedule
  if (cron !== undefined) return `fetch at "${cron.expression}" ${cron.timezone ?? 'UTC'} ${target}`
  if (everyMs === undefined) return `fetch once ${target}`
  return everyMs === 0 ? `fetch continuously ${target}` : `fetch every ${formatDuration(everyMs)} ${target}`
}
