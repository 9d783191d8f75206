import type { Column, ColumnType } from './column-type.ts'
import type { ActualTable, TableShape } from './table-shape.ts'

/** What differs between the databases when a table's shape changes. Each function prints whole statements. */
export interface TableSql {
  /** Whether two names mean the same column or table. */
  same(one: string, other: string): boolean
  create(shape: TableShape): string
  addColumn(table: Pick<TableShape, 'name'>, column: Column): string
  /** Takes the indexes that use it along. Not for a column of the key. */
  dropColumn(table: ActualTable, name: string): string
  /** Another type, keeping all values. */
  convertColumn(table: ActualTable, name: string, to: ColumnType): string
  /** Drops a column of the key and with it all rows, and adds it again, empty. */
  replaceKeyColumn(table: ActualTable, column: Column): string
  /** Of the rows that share a new key the newest stays; rows without one go. An empty key is none. */
  changeKey(table: ActualTable, key: readonly string[]): string
  allowNull(table: ActualTable, name: string): string
  /** An index behind `source_name` over columns of the table. */
  createIndex(table: Pick<TableShape, 'name' | 'columns'>, columns: readonly string[]): string
  /** The expression that converts a value as `convertColumn` does. */
  conversion(expression: string, from: ColumnType, to: ColumnType): string
}

/** Statements as one script. */
export function lines(...statements: readonly (string | readonly string[])[]): string {
  return statements.flat().join(';\n')
}
