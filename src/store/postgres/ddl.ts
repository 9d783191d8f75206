import type { Column, ColumnType } from '../column-type.ts'
import { indexName } from '../index-name.ts'
import { createIndex, createRunIndex, dropIndex } from '../index-sql.ts'
import { identifier, identifiers } from '../sql-text.ts'
import type { ActualTable, TableShape } from '../table-shape.ts'
import { lines, type TableSql } from '../table-sql.ts'
import { physicalType } from './column-types.ts'
import { conversion } from './conversion.ts'

export const postgresTableSql: TableSql = {
  same: (one, other) => one === other,
  conversion,

  create: (shape) =>
    lines(
      createTable(shape),
      createRunIndex(shape.name),
      shape.indexes.map((columns) => indexOver(shape, columns)),
    ),

  createIndex: indexOver,

  addColumn: (table, column) => alter(table, `ADD COLUMN IF NOT EXISTS ${definition(column)}`),

  dropColumn: (table, name) =>
    lines(
      table.indexes.filter((each) => each.includes(name)).map((each) => dropIndex(indexName(table.name, each))),
      alter(table, `DROP COLUMN IF EXISTS ${identifier(name)}`),
    ),

  convertColumn: (table, name, to) => {
    const action = `ALTER COLUMN ${identifier(name)} TYPE ${physicalType(to)} USING ${converted(table, name, to)}`
    const columns = table.columns.map((each) => (each.name === name ? { name, type: to } : each))
    const over = table.indexes.filter((each) => each.includes(name))
    return lines(
      over.map((each) => dropIndex(indexName(table.name, each))),
      alter(table, action),
      over.map((each) => indexOver({ ...table, columns }, each)),
    )
  },

  replaceKeyColumn: (table, column) =>
    lines(
      `DELETE FROM ${identifier(table.name)}`,
      alter(table, `DROP COLUMN ${identifier(column.name)}`),
      alter(table, `ADD COLUMN ${definition(column)}`),
      alter(table, `ADD ${primaryKey(table.key)}`),
    ),

  changeKey: (table, key) => {
    const former = table.key.filter((name) => !key.includes(name) && name !== 'source_name' && name !== 'created_at')
    const dropped = table.keyName === undefined ? [] : [alter(table, `DROP CONSTRAINT ${identifier(table.keyName)}`)]
    const freed = former.map((name) => alter(table, `ALTER COLUMN ${identifier(name)} DROP NOT NULL`))
    if (key.length === 0) return lines(dropped, freed)
    return lines(dropped, freed, deleteOlder(table, key), alter(table, `ADD ${primaryKey(key)}`))
  },

  allowNull: (table, name) => alter(table, `ALTER COLUMN ${identifier(name)} DROP NOT NULL`),
}

function alter(table: Pick<TableShape, 'name'>, action: string): string {
  return `ALTER TABLE ${identifier(table.name)} ${action}`
}

/** Text is indexed by its bytes: the server's own order differs from place to place, and from SQLite's. */
function indexOver({ name, columns }: Pick<TableShape, 'name' | 'columns'>, over: readonly string[]): string {
  const isText = (column: string) =>
    columns.some((each) => each.name === column && each.type.type === 'text' && !('foreignType' in each))
  return createIndex(name, over, (column) => identifier(column) + (isText(column) ? ' COLLATE "C"' : ''))
}

function definition(column: Column): string {
  return `${identifier(column.name)} ${physicalType(column.type)}`
}

function primaryKey(key: readonly string[]): string {
  return `PRIMARY KEY (source_name, ${identifiers(key)})`
}

function createTable(shape: TableShape): string {
  const reserved = ['source_name text NOT NULL', 'created_at timestamp with time zone NOT NULL']
  const columns = shape.columns.map((each) => definition(each) + (shape.key.includes(each.name) ? ' NOT NULL' : ''))
  const key = shape.key.length === 0 ? [] : [primaryKey(shape.key)]
  return `CREATE TABLE IF NOT EXISTS ${identifier(shape.name)} (\n  ${[...reserved, ...columns, ...key].join(',\n  ')}\n)`
}

function converted(table: ActualTable, name: string, to: ColumnType): string {
  const from = table.columns.find((each) => each.name === name)
  if (from === undefined || from.foreignType !== undefined) return `${identifier(name)}::text`
  return conversion(identifier(name), from.type, to)
}

function deleteOlder(table: ActualTable, key: readonly string[]): string {
  const name = identifier(table.name)
  const absent = key.map((each) => `${identifier(each)} IS NULL`).join(' OR ')
  return lines(
    `DELETE FROM ${name} WHERE ${absent}`,
    `DELETE FROM ${name} WHERE ctid IN (\n  SELECT ctid FROM (\n    SELECT ctid, row_number() OVER (PARTITION BY source_name, ${identifiers(key)} ORDER BY created_at DESC, ctid DESC) AS place FROM ${name}\n  ) AS ranked WHERE place > 1\n)`,
  )
}
