import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { HermesError } from '../../errors.ts'
import type { LoadTarget, Row, Statement } from '../database.ts'
import { columnList, onConflict } from '../load-sql.ts'
import { identifier } from '../sql-text.ts'
import { physicalType } from './column-types.ts'
import { conversion } from './conversion.ts'
import { inTransaction } from './thread-database.ts'
import { type Bound, bindable } from './values.ts'

/** The half of a loader that lives in the writer thread. Each call is one transaction; after a failed one all fail. */
export interface ThreadLoader {
  write(rows: readonly Row[], beside: readonly Statement[]): void
  swap(source: string, beside: readonly Statement[]): void
  /** From now on the rows have the columns of `target`; what is staged is carried over. */
  reshape(target: LoadTarget): void
  close(): void
}

let stages = 0

export function openThreadLoader(db: DatabaseSync, first: LoadTarget): ThreadLoader {
  let target = first
  let stage = target.staged ? createStage(db, target) : undefined
  let insert = prepareInsert(db, target, stage)
  const runBeside = besideRunner(db)
  let failed = false
  const commit = (work: () => void): void => {
    if (failed) throw new HermesError('internal', `an earlier write into ${target.table} failed`)
    failed = true
    inTransaction(db, work)
    failed = false
  }
  return {
    write: (rows, beside) =>
      commit(() => {
        // Canonical values hold no booleans, and columns turn numbers into integers where they are integers.
        for (const row of rows) insert.run(...(row as Bound[]))
        runBeside(beside)
      }),
    swap: (source, beside) =>
      commit(() => {
        if (stage === undefined) throw new HermesError('internal', `rows for ${target.table} were not staged`)
        swapIn(db, target, stage, source)
        runBeside(beside)
        db.exec(`DELETE FROM ${stage}`)
      }),
    reshape: (next) => {
      const before = stage
      stage = next.staged ? createStage(db, next) : undefined
      if (before !== undefined && stage !== undefined) {
        carryOver(db, { target, stage: before }, { target: next, stage })
      }
      target = next
      insert = prepareInsert(db, target, stage)
    },
    close: () => {
      if (stage !== undefined) db.exec(`DROP TABLE IF EXISTS ${stage}`)
    },
  }
}

function prepareInsert(db: DatabaseSync, target: LoadTarget, stage: string | undefined): StatementSync {
  const places = target.columns.map(() => '?').join(', ')
  const into = stage ?? identifier(target.table)
  return db.prepare(`INSERT INTO ${into} (${columnList(target)}) VALUES (${places})${onConflict(target)}`)
}

/** The few statements that go beside rows come again and again. */
function besideRunner(db: DatabaseSync): (statements: readonly Statement[]) => void {
  const prepared = new Map<string, StatementSync>()
  return (statements) => {
    for (const { sql, values } of statements) {
      const statement = prepared.get(sql) ?? db.prepare(sql)
      prepared.set(sql, statement)
      statement.run(...values.map(bindable))
    }
  }
}

/** A temporary table lives in this connection alone: nothing of it is left behind by a crash. */
function createStage(db: DatabaseSync, target: LoadTarget): string {
  const stage = `temp."stage_${++stages}"`
  const columns = target.columns.map(({ name, type }) => `${identifier(name)} ${physicalType(type)}`)
  const key = target.key.length === 0 ? [] : [`PRIMARY KEY (${target.key.map(identifier).join(', ')})`]
  db.exec(`CREATE TABLE ${stage} (${[...columns, ...key].join(', ')})`)
  return stage
}

function swapIn(db: DatabaseSync, target: LoadTarget, stage: string, source: string): void {
  const columns = columnList(target)
  const table = identifier(target.table)
  db.prepare(`DELETE FROM ${table} WHERE source_name = ?`).run(source)
  db.exec(`INSERT INTO ${table} (${columns}) SELECT ${columns} FROM ${stage} ORDER BY rowid`)
}

interface Staged {
  readonly target: LoadTarget
  readonly stage: string
}

function carryOver(db: DatabaseSync, before: Staged, after: Staged): void {
  const next = new Map(after.target.columns.map((column) => [column.name, column]))
  const kept = before.target.columns.filter(({ name }) => next.has(name))
  const values = kept.map(({ name, type }) => conversion(identifier(name), type, next.get(name)?.type ?? type))
  const names = kept.map(({ name }) => identifier(name)).join(', ')
  db.exec(`INSERT INTO ${after.stage} (${names}) SELECT ${values.join(', ')} FROM ${before.stage} ORDER BY rowid`)
  db.exec(`DROP TABLE ${before.stage}`)
}
