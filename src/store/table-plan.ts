import { HermesError } from '../errors.ts'
import { columnChange } from './column-change.ts'
import { type Column, formatColumnType } from './column-type.ts'
import { indexName, runIndexName } from './index-name.ts'
import { createRunIndex, dropIndex } from './index-sql.ts'
import { identifier } from './sql-text.ts'
import type { TablePlanOptions } from './store.ts'
import { Draft, lost } from './table-draft.ts'
import type { ActualColumn, ActualTable, TableShape, TableStep } from './table-shape.ts'
import { lines, type TableSql } from './table-sql.ts'

/**
 * The steps from one shape to another. Pure: each step's SQL is written for the table as the steps before it leave it.
 * Throws `table_foreign` when a table of that name is not one of Hermes.
 */
export function planTable(
  sql: TableSql,
  desired: TableShape | undefined,
  actual: ActualTable | undefined,
  options: TablePlanOptions,
): readonly TableStep[] {
  if (desired === undefined) return actual?.ours === true ? [dropTable(actual, options)] : []
  if (actual === undefined) return [createTable(sql, desired)]
  if (!actual.ours) throw new HermesError('table_foreign', `${actual.name} exists and was not created by Hermes`)
  const draft = new Draft(sql, aligned(sql, desired, actual), actual, options)
  for (const phase of phases) phase(draft)
  return draft.steps
}

function createTable(sql: TableSql, desired: TableShape): TableStep {
  const columns = desired.columns.map(describe).join(', ')
  const key = desired.key.length === 0 ? '' : `; key ${desired.key.join(', ')}`
  const summary = `create table ${desired.name}${columns === '' ? '' : ` with ${columns}`}${key}`
  return { op: '+', summary, sql: sql.create(desired) }
}

function dropTable(actual: ActualTable, { rows }: TablePlanOptions): TableStep {
  const destroys = lost(`table ${actual.name}`, rows)
  const sql = `DROP TABLE IF EXISTS ${identifier(actual.name)}`
  return { op: '-', summary: `drop table ${actual.name}`, sql, ...destroys, code: 'table_dropped' }
}

function describe(column: Column): string {
  return `${column.name} ${formatColumnType(column.type)}`
}

/** The desired shape in the spelling of the table that is there. */
function aligned(sql: TableSql, desired: TableShape, actual: ActualTable): TableShape {
  const spelled = (name: string) => actual.columns.find((each) => sql.same(each.name, name))?.name ?? name
  return {
    name: actual.name,
    columns: desired.columns.map((each) => ({ ...each, name: spelled(each.name) })),
    key: desired.key.map(spelled),
    indexes: desired.indexes.map((columns) => columns.map(spelled)),
  }
}

// New columns first, so that a new key finds them; indexes last, over what all the rest has left.
const phases = [addColumns, widenColumns, changeKey, narrowColumns, allowNulls, dropRetired, changeIndexes]

function addColumns(draft: Draft): void {
  for (const column of draft.desired.columns) {
    if (draft.table.columns.some((each) => each.name === column.name)) continue
    const summary = `add column ${describe(column)}`
    const step: TableStep = { op: '+', summary, sql: draft.sql.addColumn(draft.table, column), column: column.name }
    draft.add(step, { columns: [...draft.table.columns, column] })
  }
}

function changeOf(found: ActualColumn, wanted: Column): ReturnType<typeof columnChange> {
  if (found.foreignType === undefined) return columnChange(found.type, wanted.type)
  return wanted.type.type === 'text' ? 'widen' : 'narrow'
}

function typeName(column: ActualColumn): string {
  return column.foreignType ?? formatColumnType(column.type)
}

function widenColumns(draft: Draft): void {
  for (const { wanted, found } of draft.pairs()) {
    if (changeOf(found, wanted) !== 'widen') continue
    const summary = `change column ${wanted.name} from ${typeName(found)} to ${formatColumnType(wanted.type)}`
    const sql = draft.sql.convertColumn(draft.table, wanted.name, wanted.type)
    draft.add({ op: '~', summary, sql, column: wanted.name }, { columns: draft.with(wanted) })
  }
}

function changeKey(draft: Draft): void {
  const { table, desired } = draft
  const same = desired.key.length === table.key.length && desired.key.every((name) => table.key.includes(name))
  if (same && table.strayKey !== true) return
  const to = desired.key.length === 0 ? 'none' : desired.key.join(', ')
  const summary = `change the key from ${table.key.length === 0 ? 'none' : table.key.join(', ')} to ${to}`
  const what = `all but the newest of the rows that share ${to}, and the rows without it`
  const destroys = desired.key.length === 0 ? {} : lost(what, draft.options.rows)
  const sql = draft.sql.changeKey(table, desired.key)
  const { keyName: _, strayKey: __, ...rest } = table
  draft.table = rest
  draft.add({ op: '~', summary, sql, ...destroys, code: 'key_changed' }, { key: desired.key })
}

function narrowColumns(draft: Draft): void {
  for (const { wanted, found } of draft.pairs()) {
    if (changeOf(found, wanted) !== 'narrow') continue
    if (draft.table.key.includes(wanted.name)) narrowKeyColumn(draft, wanted, found)
    else narrowColumn(draft, wanted, found)
  }
}

function narrowColumn(draft: Draft, wanted: Column, found: ActualColumn): void {
  const dropped = draft.sql.dropColumn(draft.table, wanted.name)
  const step: TableStep = {
    op: '-',
    summary: `${narrowing(found, wanted)}; its values come back with the next full fetch`,
    sql: lines(dropped, draft.sql.addColumn(draft.table, wanted)),
    ...lost(`the values of column ${wanted.name}`, draft.options.rows),
    code: 'column_narrowed',
    column: wanted.name,
  }
  draft.add(step, { ...withoutColumn(draft.table, wanted.name), columns: draft.with(wanted) })
}

function narrowKeyColumn(draft: Draft, wanted: Column, found: ActualColumn): void {
  const step: TableStep = {
    op: '-',
    summary: `${narrowing(found, wanted)}; it is part of the key, so all rows go and come back with the next full fetch`,
    sql: draft.sql.replaceKeyColumn(draft.table, wanted),
    ...lost(`all rows of table ${draft.table.name}`, draft.options.rows),
    code: 'column_narrowed',
    column: wanted.name,
  }
  draft.add(step, { columns: draft.with(wanted) })
}

function narrowing(found: ActualColumn, wanted: Column): string {
  return `narrow column ${wanted.name} from ${typeName(found)} to ${formatColumnType(wanted.type)}`
}

/** What else goes with a column: the indexes over it. */
function withoutColumn(table: ActualTable, name: string): Partial<ActualTable> {
  return {
    columns: table.columns.filter((each) => each.name !== name),
    indexes: table.indexes.filter((each) => !each.includes(name)),
    foreign: (table.foreign ?? []).filter((each) => !each.columns.includes(name)),
  }
}

function allowNulls(draft: Draft): void {
  for (const { wanted, found } of draft.pairs()) {
    if (found.required !== true || draft.table.key.includes(wanted.name)) continue
    const sql = draft.sql.allowNull(draft.table, wanted.name)
    const summary = `let column ${wanted.name} be null`
    draft.add({ op: '~', summary, sql, column: wanted.name }, { columns: draft.with(wanted) })
  }
}

function dropRetired(draft: Draft): void {
  const isRetired = (name: string) => [...draft.options.retired].some((each) => draft.sql.same(each, name))
  const desired = new Set(draft.desired.columns.map((each) => each.name))
  for (const { name } of draft.table.columns) {
    if (desired.has(name) || !isRetired(name)) continue
    const step: TableStep = {
      op: '-',
      summary: `drop column ${name}`,
      sql: draft.sql.dropColumn(draft.table, name),
      ...lost(`the values of column ${name}`, draft.options.rows),
      code: 'column_dropped',
      column: name,
    }
    draft.add(step, withoutColumn(draft.table, name))
  }
}

function changeIndexes(draft: Draft): void {
  const { name, foreign = [] } = draft.table
  const wanted = new Map(draft.desired.indexes.map((columns) => [indexName(name, columns), columns]))
  const found = new Map(draft.table.indexes.map((columns) => [indexName(name, columns), columns]))
  for (const [index, columns] of found) {
    if (wanted.has(index)) continue
    draft.add({ op: '~', summary: `drop index on ${columns.join(', ')}`, sql: dropIndex(index) }, {})
  }
  // Somebody may have made another index under the name.
  const anew = (index: string, create: string) =>
    lines(foreign.some((each) => each.name === index) ? dropIndex(index) : [], create)
  for (const [index, columns] of wanted) {
    if (found.has(index)) continue
    const sql = anew(index, draft.sql.createIndex(draft.table, columns))
    draft.add({ op: '+', summary: `add index on ${columns.join(', ')}`, sql }, {})
  }
  if (draft.table.runIndex) return
  const sql = anew(runIndexName(name), createRunIndex(name))
  draft.add({ op: '+', summary: 'add index on source_name, created_at', sql }, { runIndex: true })
}
