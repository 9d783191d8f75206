import { indexName, rebuildName } from '../index-name.ts'
import { createIndex, createRunIndex, dropIndex } from '../index-sql.ts'
import { identifier, identifiers } from '../sql-text.ts'
import type { ActualColumn, ActualTable, TableShape } from '../table-shape.ts'
import { lines, type TableSql } from '../table-sql.ts'
import { physicalType } from './column-types.ts'
import { conversion } from './conversion.ts'

/** Names are compared as SQLite does: without regard to the case of ASCII letters. */
export function sameName(one: string, other: string): boolean {
  return folded(one) === folded(other)
}

export function folded(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/** SQLite changes neither type nor key of a table in place: those changes fill a new table that takes its name. */
export const sqliteTableSql: TableSql = {
  same: sameName,
  conversion,

  createIndex: (table, columns) => createIndex(table.name, columns),

  create: (shape) =>
    lines(
      createTable('CREATE TABLE IF NOT EXISTS', shape.name, shape),
      createRunIndex(shape.name),
      shape.indexes.map((columns) => createIndex(shape.name, columns)),
    ),

  addColumn: (table, column) => `ALTER TABLE ${identifier(table.name)} ADD COLUMN ${definition(column)}`,

  dropColumn: (table, name) =>
    lines(
      table.indexes.filter((each) => has(each, name)).map((each) => dropIndex(indexName(table.name, each))),
      (table.foreign ?? []).filter((each) => has(each.columns, name)).map((each) => dropIndex(each.name)),
      `ALTER TABLE ${identifier(table.name)} DROP COLUMN ${identifier(name)}`,
    ),

  convertColumn: (table, name, to) => {
    const from = table.columns.find((each) => sameName(each.name, name))
    const columns = table.columns.map((each) => (each === from ? { name: each.name, type: to } : each))
    const convert = (column: ActualColumn) => {
      const expression = identifier(column.name)
      if (from === undefined || column.name !== from.name) return expression
      return from.foreignType === undefined ? conversion(expression, from.type, to) : `CAST(${expression} AS TEXT)`
    }
    return rebuild(table, { ...table, columns }, `SELECT ${selected(columns, convert)} FROM ${identifier(table.name)}`)
  },

  replaceKeyColumn: (table, column) => {
    const columns = table.columns.map((each) => (sameName(each.name, column.name) ? column : each))
    return rebuild(table, { ...table, columns }, undefined)
  },

  changeKey: (table, key) => {
    const everything = `SELECT ${selected(table.columns)} FROM ${identifier(table.name)}`
    const present = key.map((name) => `${identifier(name)} IS NOT NULL`).join(' AND ')
    const select = key.length === 0 ? everything : `${everything} WHERE ${present} ORDER BY created_at, rowid`
    return rebuild(table, { ...table, key }, select)
  },

  allowNull: (table, name) => {
    const columns = table.columns.map((each) => (sameName(each.name, name) ? { ...each, required: false } : each))
    return rebuild(table, { ...table, columns }, `SELECT ${selected(columns)} FROM ${identifier(table.name)}`)
  },
}

function has(columns: readonly string[], name: string): boolean {
  return columns.some((each) => sameName(each, name))
}

function definition(column: ActualColumn, required = column.required === true): string {
  return `${identifier(column.name)} ${column.foreignType ?? physicalType(column.type)}${required ? ' NOT NULL' : ''}`
}

function createTable(verb: string, name: string, shape: TableShape): string {
  const columns = shape.columns.map((each) => definition(each, has(shape.key, each.name) || undefined))
  const key = shape.key.length === 0 ? [] : [`PRIMARY KEY (source_name, ${identifiers(shape.key)})`]
  const reserved = ['source_name TEXT NOT NULL', 'created_at TIMESTAMPTZ_TEXT NOT NULL']
  return `${verb} ${identifier(name)} (\n  ${[...reserved, ...columns, ...key].join(',\n  ')}\n)`
}

function selected(columns: readonly ActualColumn[], print = (each: ActualColumn) => identifier(each.name)): string {
  return ['source_name', 'created_at', ...columns.map(print)].join(', ')
}

/** Rows come in the order of `select`; of those that share a key the last one stays. */
function rebuild(before: ActualTable, after: ActualTable, select: string | undefined): string {
  const next = rebuildName(before.name)
  const names = selected(after.columns)
  return lines(
    `DROP TABLE IF EXISTS ${identifier(next)}`,
    createTable('CREATE TABLE', next, after),
    select === undefined ? [] : `INSERT OR REPLACE INTO ${identifier(next)} (${names})\n${select}`,
    `DROP TABLE ${identifier(before.name)}`,
    `ALTER TABLE ${identifier(next)} RENAME TO ${identifier(before.name)}`,
    before.runIndex ? createRunIndex(before.name) : [],
    before.indexes.map((columns) => createIndex(before.name, columns)),
    (before.foreign ?? []).flatMap((each) => each.sql ?? []),
  )
}
