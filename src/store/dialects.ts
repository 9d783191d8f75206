import { HermesError } from '../errors.ts'
import { convertible } from './column-change.ts'
import type { ColumnType } from './column-type.ts'
import type { Database } from './database.ts'
import { postgresDataTables, postgresNames, postgresShapes } from './postgres/catalogue.ts'
import { postgresTableSql } from './postgres/ddl.ts'
import { sqliteDataTables, sqliteNames, sqliteShapes } from './sqlite/catalogue.ts'
import { sqliteTableSql } from './sqlite/ddl.ts'
import type { ActualTable } from './table-shape.ts'
import type { TableSql } from './table-sql.ts'

type DialectName = Database['dialect']

/** The printer of a dialect's statements. */
export function tableSqlOf(dialect: DialectName): TableSql {
  return dialect === 'sqlite' ? sqliteTableSql : postgresTableSql
}

/** All tables and views there are, but for the database's and Hermes' own. */
export function readNames(database: Database, signal?: AbortSignal): Promise<readonly string[]> {
  return (database.dialect === 'sqlite' ? sqliteNames : postgresNames)(database, signal)
}

/** The tables of these names from the database's own catalogue, by the name asked for; absent ones are absent. */
export function readShapes(
  database: Database,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, ActualTable>> {
  if (names.length === 0) return Promise.resolve(new Map())
  return (database.dialect === 'sqlite' ? sqliteShapes : postgresShapes)(database, names, signal)
}

/** Those of the names that are data tables of ours: a fraction of the cost of their shapes. */
export function readDataTables(
  database: Database,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlySet<string>> {
  if (names.length === 0) return Promise.resolve(new Set())
  return (database.dialect === 'sqlite' ? sqliteDataTables : postgresDataTables)(database, names, signal)
}

/** The script that gives a column a type that all of its values can be converted to; see `convertible`. */
export function widenScript(dialect: DialectName, actual: ActualTable, column: string, to: ColumnType): string {
  const sql = tableSqlOf(dialect)
  const found = actual.columns.find((each) => sql.same(each.name, column))
  if (found === undefined || !convertible(found.type, to)) {
    throw new HermesError('internal', `column ${column} of ${actual.name} cannot become ${to.type} by conversion`)
  }
  return sql.convertColumn(actual, found.name, to)
}
