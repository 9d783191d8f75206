import type { Database } from './database.ts'
import { readNames, readShapes, tableSqlOf } from './dialects.ts'
import { readOwners } from './owners.ts'
import { RowCounts } from './row-counts.ts'
import { planDelete, planMove } from './row-plan.ts'
import type { DataTables } from './store.ts'
import { readRows } from './stored-rows.ts'
import type { TableGate } from './table-gate.ts'
import { planTable } from './table-plan.ts'

/** The data tables of one database. */
export function createDataTables(database: Database, gate: TableGate): DataTables {
  const sql = tableSqlOf(database.dialect)
  const counts = new RowCounts(database)
  return {
    names: (signal) => readNames(database, signal),
    shapes: (names, signal) => readShapes(database, names, signal),
    plan: (desired, actual, options) => planTable(sql, desired, actual, options),
    planDelete,
    planMove: (from, to, shape, rows) => planMove(sql, from, to, shape, rows),
    execute: async (script, signal) => {
      try {
        await database.script(script, signal)
      } finally {
        counts.clear()
      }
    },
    alone: (table, work) => gate.changing(table, work),
    owners: (names, signal) => readOwners(database, names, signal),
    counts: (holdings, signal) => counts.of(holdings, signal),
    rows: (holding, limit) => readRows(database, holding, limit),
  }
}
