import type { Column } from './column-type.ts'
import type { TablePlanOptions } from './store.ts'
import type { ActualColumn, ActualTable, TableShape, TableStep } from './table-shape.ts'
import type { TableSql } from './table-sql.ts'

/** The table as it will be after the steps so far. */
export class Draft {
  readonly sql: TableSql
  readonly desired: TableShape
  readonly options: TablePlanOptions
  readonly steps: TableStep[] = []
  table: ActualTable

  constructor(sql: TableSql, desired: TableShape, actual: ActualTable, options: TablePlanOptions) {
    this.sql = sql
    this.desired = desired
    this.table = actual
    this.options = options
  }

  add(step: TableStep, after: Partial<ActualTable>): void {
    this.steps.push(step)
    this.table = { ...this.table, ...after }
  }

  /** The pairs of a desired column and the one that is there. */
  pairs(): { wanted: Column; found: ActualColumn }[] {
    return this.desired.columns.flatMap((wanted) => {
      const found = this.table.columns.find((each) => each.name === wanted.name)
      return found === undefined ? [] : [{ wanted, found }]
    })
  }

  with(column: ActualColumn): readonly ActualColumn[] {
    return this.table.columns.map((each) => (each.name === column.name ? column : each))
  }
}

/** Nothing is lost of an empty table. */
export function lost(what: string, rows: number | undefined): Pick<TableStep, 'destroys'> {
  if (rows === 0) return {}
  return { destroys: rows === undefined ? { what } : { what, rows } }
}
