import type { Manifest } from '../manifest/manifest.ts'
import type { Plan, Refetch, ResourcePlan } from '../reconcile/plan.ts'
import { columnChange } from '../store/column-change.ts'
import type { Column, ColumnType } from '../store/column-type.ts'
import type { DataTables } from '../store/store.ts'
import type { ActualTable } from '../store/table-shape.ts'
import type { SourceSpec } from './source-spec.ts'
import { type SourceView, viewOf } from './source-view.ts'
import { declaredColumns, type TableSpec, withTables } from './table-spec.ts'

/** A source that a plan may have fetched from the start: something is planned for it, or for its table. */
interface Candidate {
  readonly source: string
  readonly view: SourceView
  readonly own: ResourcePlan | undefined
  readonly table: ResourcePlan | undefined
}

/** A table as it is, and what all of its sources declare together. */
interface Place {
  readonly shape: ActualTable | undefined
  readonly declared: readonly Column[]
}

/**
 * The plan with the sources that it has fetched from the start, and how many rows come again: with the source where it is
 * planned itself, else with its table. Only looks.
 */
export async function withRefetches(plan: Plan, manifests: readonly Manifest[], tables: DataTables): Promise<Plan> {
  const planned = new Map(plan.resources.map((each) => [each.key, each]))
  const candidates = manifests.flatMap((manifest) => candidateOf(manifest, planned))
  if (candidates.length === 0) return plan
  const places = await placesOf(candidates, manifests, tables)
  const counts = await tables.counts(candidates.map(({ source, view }) => ({ source, table: view.table })))
  const found = new Map<string, Refetch[]>()
  for (const candidate of candidates) {
    const { source, view, own, table } = candidate
    const place = places.get(view.table) ?? { shape: undefined, declared: [] }
    const refetch = refetchOf(candidate, place, counts.get(`${view.table}/${source}`) ?? 0)
    const key = (own ?? table)?.key
    if (refetch !== undefined && key !== undefined) found.set(key, [...(found.get(key) ?? []), refetch])
  }
  const resources = plan.resources.map((each) => {
    const refetches = found.get(each.key)
    return refetches === undefined ? each : { ...each, refetches }
  })
  return { ...plan, resources }
}

function candidateOf(manifest: Manifest, planned: ReadonlyMap<string, ResourcePlan>): readonly Candidate[] {
  if (manifest.kind !== 'SourceDefinition') return []
  const source = manifest.name
  const view = viewOf(manifest as Manifest<SourceSpec>)
  const own = planned.get(`SourceDefinition/${source}`)
  const table = planned.get(`Table/${view.table}`)
  return view.suspended || (own ?? table) === undefined ? [] : [{ source, view, own, table }]
}

async function placesOf(
  candidates: readonly Candidate[],
  manifests: readonly Manifest[],
  tables: DataTables,
): Promise<ReadonlyMap<string, Place>> {
  const names = new Set(candidates.map(({ view }) => view.table))
  const shapes = await tables.shapes([...names])
  const wanted = withTables(manifests).filter(({ kind, name }) => kind === 'Table' && names.has(name))
  return new Map(
    wanted.map(({ name, spec }) => [name, { shape: shapes.get(name), declared: declaredColumns(spec as TableSpec) }]),
  )
}

function refetchOf(candidate: Candidate, place: Place, rows: number): Refetch | undefined {
  const { source, view, own, table } = candidate
  // Rows that come from another table or name come along, or are given up.
  const handover = own?.steps.find((step) => step.sql !== undefined)
  if (handover !== undefined)
    return handover.code === 'rows_deleted' ? again(source, handover.destroys?.rows) : undefined
  if (own?.action === 'create' && rows === 0) return { source }
  if (table !== undefined && losesRows(view, place)) return again(source, rows)
  const isScheduled = view.schedule.everyMs !== undefined || view.schedule.cron !== undefined
  return isScheduled && losesCursor(view, place) ? again(source, rows) : undefined
}

function again(source: string, rows = 0): Refetch {
  return rows === 0 ? { source } : { source, rows }
}

/** A table that is made anew has no rows, and one with a new key keeps none of those that have no value for it. */
function losesRows({ key }: SourceView, { shape, declared }: Place): boolean {
  return shape === undefined || key.some((name) => isLost(typeOf(shape.columns, name), typeOf(declared, name)))
}

/** A cursor goes on from the greatest value there is: without any, everything comes again. */
function losesCursor({ cursor }: SourceView, { shape, declared }: Place): boolean {
  if (cursor === undefined) return false
  return isLost(shape && typeOf(shape.columns, cursor), typeOf(declared, cursor))
}

/** Whether a column has no values once it is as declared. */
function isLost(actual: ColumnType | undefined, declared: ColumnType | undefined): boolean {
  return actual === undefined || (declared !== undefined && columnChange(actual, declared) === 'narrow')
}

function typeOf(columns: readonly Column[], name: string): ColumnType | undefined {
  return columns.find((column) => column.name === name)?.type
}
