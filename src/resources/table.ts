import { HermesError } from '../errors.ts'
import type { Key, Manifest } from '../manifest/manifest.ts'
import type { Controller, Step, Subject } from '../reconcile/controller.ts'
import { changeReason } from '../reconcile/reason.ts'
import type { DataTables, Store } from '../store/store.ts'
import type { ActualTable, TableShape, TableStep } from '../store/table-shape.ts'
import { declaredColumns, type TableSpec } from './table-spec.ts'

/** A table as it is, with whose rows are in it when that matters. */
export interface ActualData {
  readonly shape?: ActualTable
  /** Sources that have rows in it; only for a table nobody wants any more. */
  readonly owners: readonly string[]
  /** All rows; only where a step would lose some. */
  readonly rows?: number
}

/** Tables: created for the sources that name them, kept in shape, dropped with the last of them. */
export function tableController(store: Store): Controller<TableSpec, ActualData> {
  const { tables } = store
  return {
    kind: 'Table',
    derived: true,
    references: () => [] as Key[],
    window: ({ syncWindow }) => syncWindow,
    priority: ({ priority = 0 }) => priority,
    observe: (subjects, signal) => observe(tables, subjects, signal),
    plan: (subject, actual) => plan(tables, subject, actual),
    apply: (subject, step, signal) =>
      tables.alone(subject.name, async () => {
        if (step.code === 'table_dropped') await refuseOthersRows(tables, subject, signal)
        if (step.op !== '+') await refuseOutdated(tables, subject, step, signal)
        if (step.sql !== undefined) await tables.execute(step.sql, signal)
      }),
  }
}

/** A fetch may have given the table a column since the plan was made, which a rebuild by that plan would lose. */
async function refuseOutdated(
  tables: DataTables,
  subject: Subject<TableSpec>,
  step: Step,
  signal: AbortSignal,
): Promise<void> {
  const actual = (await observe(tables, [subject], signal)).get(subject.name)
  if (plan(tables, subject, actual).some(({ sql }) => sql === step.sql)) return
  throw new HermesError('not_converged', `table ${subject.name} changed while it was planned: ${step.summary}`, {
    fix: 'Nothing; Hermes plans anew.',
  })
}

/** Between plan and drop somebody else may have written: the last look is taken right before. */
async function refuseOthersRows(tables: DataTables, subject: Subject<TableSpec>, signal: AbortSignal): Promise<void> {
  const owners = (await tables.owners([subject.name], signal)).get(subject.name) ?? []
  const others = owners.filter((owner) => !leavingSources(subject).has(owner))
  if (others.length > 0)
    throw new HermesError('table_not_empty', `table ${subject.name} holds rows of ${others.join(', ')}`)
}

async function observe(
  tables: DataTables,
  subjects: readonly Subject<TableSpec>[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ActualData>> {
  const shapes = await tables.shapes(
    subjects.map(({ name }) => name),
    signal,
  )
  const unwanted = subjects
    .filter(({ name, desired }) => desired === undefined && shapes.has(name))
    .map(({ name }) => name)
  const owners = unwanted.length === 0 ? new Map<string, readonly string[]>() : await tables.owners(unwanted, signal)
  const actual = new Map<string, ActualData>()
  for (const subject of subjects) {
    const shape = shapes.get(subject.name)
    const data = { ...(shape === undefined ? {} : { shape }), owners: owners.get(subject.name) ?? [] }
    actual.set(subject.name, await withRows(tables, subject, data, signal))
  }
  return actual
}

/** Counts the rows where the plan would destroy some: counting is dear, so not before it is needed. */
async function withRows(
  tables: DataTables,
  subject: Subject<TableSpec>,
  data: ActualData,
  signal: AbortSignal,
): Promise<ActualData> {
  const { desired } = subject
  if (desired === undefined || desired.spec.conflict !== undefined || data.shape?.ours !== true) return data
  if (!plan(tables, subject, data).some((step) => step.destroys !== undefined)) return data
  const names = (await tables.owners([subject.name], signal)).get(subject.name) ?? []
  const counts = await tables.counts(
    names.map((source) => ({ table: subject.name, source })),
    signal,
  )
  let rows = 0
  for (const count of counts.values()) rows += count
  return { ...data, rows }
}

function plan(tables: DataTables, subject: Subject<TableSpec>, actual: ActualData | undefined): readonly Step[] {
  const { desired } = subject
  if (desired === undefined) return planRemoval(tables, subject, actual)
  refuse(desired, actual)
  const shape = desiredShape(desired, actual?.shape)
  if (shape === undefined) return planAnew(tables, subject, actual)
  const options = { retired: retired(subject), ...(actual?.rows === undefined ? {} : { rows: actual.rows }) }
  return tables.plan(shape, actual?.shape, options).map((step) => explain(step, subject, actual?.shape))
}

/** Throws `table_conflict` and `table_foreign`: nothing is done to the table until a manifest changes. */
function refuse({ name, spec, at }: Manifest<TableSpec>, actual: ActualData | undefined): void {
  if (spec.conflict !== undefined) throw new HermesError('table_conflict', `table ${name}: ${spec.conflict}`, { at })
  if (actual?.shape?.ours !== false) return
  throw new HermesError('table_foreign', `table ${name} exists and is not a table of Hermes`, { at })
}

/** Undefined while the types of key columns are not known: the first fetch creates the table then. */
function desiredShape(desired: Manifest<TableSpec>, actual: ActualTable | undefined): TableShape | undefined {
  const { spec, name } = desired
  const columns = new Map(declaredColumns(spec).map((column) => [column.name, column]))
  const known = new Map([...(actual?.columns ?? []).map((column) => [column.name, column] as const), ...columns])
  for (const key of spec.primaryKey) {
    const column = known.get(key)
    if (column === undefined) return undefined
    columns.set(key, column)
  }
  const indexes = spec.indexes.filter((index) => index.every((column) => known.has(column)))
  for (const column of indexes.flat())
    columns.set(column, known.get(column) ?? { name: column, type: { type: 'text' } })
  return { name, columns: [...columns.values()], key: spec.primaryKey, indexes }
}

/** A table that is there and has no column for a new key makes room for the one that the next fetch creates. */
function planAnew(tables: DataTables, subject: Subject<TableSpec>, actual: ActualData | undefined): readonly Step[] {
  if (actual?.shape === undefined) return []
  const has = new Set(actual.shape.columns.map(({ name }) => name))
  const missing = (subject.desired?.spec.primaryKey ?? []).filter((name) => !has.has(name)).join(', ')
  const rows = actual.rows === undefined ? {} : { rows: actual.rows }
  return tables.plan(undefined, actual.shape, { retired: new Set(), ...rows }).map((step) => {
    const summary = `${step.summary}, whose rows have no ${missing} for the new key; the next fetch creates it anew`
    return explain({ ...step, summary, code: 'key_changed' }, subject, actual.shape)
  })
}

/** Columns that manifests declared and do no longer. */
function retired({ desired, claims }: Subject<TableSpec>): ReadonlySet<string> {
  const columns = new Set(claims.flatMap(({ spec }) => Object.keys(spec.columns)))
  for (const column of Object.keys(desired?.spec.columns ?? {})) columns.delete(column)
  for (const column of desired?.spec.primaryKey ?? []) columns.delete(column)
  return columns
}

function explain(step: TableStep, subject: Subject<TableSpec>, shape: ActualTable | undefined): Step {
  const { column: _column, ...rest } = step
  const renamed = subject.desired?.spec.renamed ?? []
  const told =
    step.op === '+' &&
    renamed.length > 0 &&
    (step.column === undefined || renamed.some((field) => step.column === `record_${field}`))
  return {
    ...rest,
    ...(told && step.code === undefined
      ? {
          code: 'reserved_column',
          summary: `${step.summary}; ${renamed.map((field) => `field ${field} is stored as record_${field}`).join(', ')}`,
        }
      : {}),
    reason: reason(step, subject, shape),
  }
}

function reason(step: TableStep, { desired, settled }: Subject<TableSpec>, shape: ActualTable | undefined): string {
  if (desired === undefined) return 'no source uses it any more'
  if (settled === undefined) return shape === undefined ? 'a source names it' : 'a source names a table that is there'
  const within = step.column === undefined ? undefined : `spec.columns.${step.column}`
  const change = changeReason(relevant(settled.spec), relevant(desired.spec), within)
  if (change !== undefined) return change.replaceAll('spec.', 'spec.table.')
  return shape === undefined ? 'the table is missing in the database' : 'the database differs from the manifests'
}

function relevant({ columns, primaryKey, indexes }: TableSpec): object {
  return { columns, primaryKey, indexes }
}

function planRemoval(tables: DataTables, subject: Subject<TableSpec>, actual: ActualData | undefined): readonly Step[] {
  if (actual?.shape === undefined || !actual.shape.ours) return []
  const leaving = leavingSources(subject)
  if (actual.owners.some((owner) => !leaving.has(owner))) return []
  const steps = tables.plan(undefined, actual.shape, { retired: new Set() })
  return steps.map(({ column: _column, destroys: _destroys, ...step }) => ({
    ...step,
    reason: 'no source uses it any more',
  }))
}

/** The sources whose rows may go with the table; everybody else's keep it. */
function leavingSources({ claims }: Subject<TableSpec>): ReadonlySet<string> {
  const sources = claims.flatMap(({ spec }) => Object.entries(spec.sources))
  return new Set(sources.filter(([, policy]) => policy === 'delete').map(([name]) => name))
}
