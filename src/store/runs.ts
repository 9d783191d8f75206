import type { Database } from './database.ts'
import { forgetRetries } from './retries.ts'
import { OpenRun } from './run.ts'
import { beginRun } from './run-begin.ts'
import { readCursors } from './run-cursor.ts'
import { readFacts } from './run-facts.ts'
import type { Runs } from './store.ts'
import type { TableGate } from './table-gate.ts'

/** The runs of one database's sources. */
export function createRuns(database: Database, gate: TableGate): Runs {
  const parts = { database, gate }
  return {
    facts: (subjects, signal) => readFacts(database, subjects, signal),
    cursors: (subjects, signal) => readCursors(database, subjects, signal),
    begin: async (target, now) => new OpenRun(parts, target, await beginRun(parts, target, now)),
    forget: (sources) => forgetRetries(database, sources),
  }
}
