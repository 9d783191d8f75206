import { columnChange } from './column-change.ts'
import { identifier, literal } from './sql-text.ts'
import type { Holding } from './store.ts'
import type { ActualColumn, ActualTable, TableShape, TableStep } from './table-shape.ts'
import { lines, type TableSql } from './table-sql.ts'

/** Deletes a source's rows. */
export function planDelete({ table, source }: Holding, rows: number): TableStep {
  return {
    op: '-',
    summary: `delete ${count(rows)} of ${source} from ${table}`,
    sql: deleteRows(table, source),
    ...(rows === 0 ? {} : { destroys: { what: `rows of ${source} in ${table}`, rows } }),
    code: 'rows_deleted',
  }
}

function count(rows: number): string {
  return rows === 1 ? '1 row' : `${rows.toLocaleString('en')} rows`
}

function deleteRows(table: string, source: string): string {
  return `DELETE FROM ${identifier(table)} WHERE source_name = ${literal(source)}`
}

export interface MoveShapes {
  readonly from: ActualTable
  readonly to: TableShape
}

/**
 * Hands a source's rows over. Columns that the target has not are added to it; values that its types do not hold stay
 * behind, and the step says so. So do rows whose key the target has, and rows without a key there.
 */
export function planMove(sql: TableSql, from: Holding, to: Holding, shape: MoveShapes, rows: number): TableStep {
  const isSame = sql.same(from.table, to.table)
  const added = isSame ? [] : missing(sql, shape)
  const pairs = isSame ? shape.from.columns.map((each) => ({ from: each, to: each })) : shared(sql, shape)
  const columns = [...pairs, ...added.map((each) => ({ from: each, to: each }))]
  const lostKey = shape.to.key.find((name) => !columns.some((each) => sql.same(each.to.name, name)))
  const what =
    from.source === to.source
      ? `move ${count(rows)} of ${from.source}`
      : `hand ${count(rows)} of ${from.source} over to ${to.source}`
  const place = isSame ? `in ${to.table}` : `from ${from.table} to ${to.table}`
  const adding = added.map((column) => sql.addColumn({ name: to.table }, column))
  return {
    op: '~',
    summary: `${what} ${place}`,
    sql: lines(
      lostKey === undefined ? [...adding, copyRows(sql, from, to, columns, shape.to.key)] : [],
      deleteRows(from.table, from.source),
      from.source === to.source ? [] : handOverRetries(from.source, to.source),
    ),
    ...(rows === 0 ? {} : losses(sql, from, shape, { lostKey, isSame, rows })),
  }
}

function losses(
  sql: TableSql,
  from: Holding,
  shape: MoveShapes,
  move: { readonly lostKey: string | undefined; readonly isSame: boolean; readonly rows: number },
): Pick<TableStep, 'destroys' | 'code'> {
  const { lostKey, isSame, rows } = move
  if (lostKey !== undefined) {
    return { destroys: { what: `rows of ${from.source}, which have no ${lostKey}`, rows }, code: 'rows_deleted' }
  }
  const narrowed = isSame ? [] : shape.from.columns.filter((each) => isNarrowed(sql, each, shape.to))
  if (narrowed.length === 0) return {}
  const names = narrowed.map(({ name }) => name).join(', ')
  return {
    destroys: { what: `values of ${names}, which ${shape.to.name} has with another type`, rows },
    code: 'column_narrowed',
  }
}

function isNarrowed(sql: TableSql, column: ActualColumn, to: TableShape): boolean {
  const wanted = to.columns.find((each) => sql.same(each.name, column.name))
  return wanted !== undefined && columnChange(column.type, wanted.type) === 'narrow'
}

function missing(sql: TableSql, { from, to }: MoveShapes): ActualColumn[] {
  return from.columns.filter(
    (column) => column.foreignType === undefined && !to.columns.some((each) => sql.same(each.name, column.name)),
  )
}

interface Pair {
  readonly from: ActualColumn
  readonly to: ActualColumn
}

function shared(sql: TableSql, { from, to }: MoveShapes): Pair[] {
  return to.columns.flatMap((wanted) => {
    const found = from.columns.find((each) => sql.same(each.name, wanted.name))
    if (found === undefined || found.foreignType !== undefined) return []
    return columnChange(found.type, wanted.type) === 'narrow' ? [] : [{ from: found, to: wanted }]
  })
}

function copyRows(sql: TableSql, from: Holding, to: Holding, pairs: readonly Pair[], key: readonly string[]): string {
  const into = ['source_name', 'created_at', ...pairs.map((each) => identifier(each.to.name))].join(', ')
  const values = pairs.map((each) => converted(sql, each))
  const select = [literal(to.source), 'created_at', ...values].join(', ')
  const keyed = pairs.filter((each) => key.some((name) => sql.same(name, each.to.name)))
  const conditions = [
    `source_name = ${literal(from.source)}`,
    ...keyed.map((each) => `${identifier(each.from.name)} IS NOT NULL`),
  ]
  return `INSERT INTO ${identifier(to.table)} (${into})\nSELECT ${select} FROM ${identifier(from.table)}\nWHERE ${conditions.join(' AND ')}\nON CONFLICT DO NOTHING`
}

function converted(sql: TableSql, { from, to }: Pair): string {
  const expression = identifier(from.name)
  return columnChange(from.type, to.type) === 'same' ? expression : sql.conversion(expression, from.type, to.type)
}

/** What is known of the attempts goes along, unless the new source has made its own. */
function handOverRetries(from: string, to: string): string[] {
  const [old, next] = [literal(from), literal(to)]
  return [
    `UPDATE hermes_retries SET source_name = ${next} WHERE source_name = ${old} AND NOT EXISTS (SELECT 1 FROM hermes_retries WHERE source_name = ${next})`,
    `DELETE FROM hermes_retries WHERE source_name = ${old}`,
  ]
}
