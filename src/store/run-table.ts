import { HermesError } from '../errors.ts'
import type { Column } from './column-type.ts'
import type { Database, Loader, LoadTarget, Row, Statement } from './database.ts'
import { readShapes } from './dialects.ts'
import { declaredWider, evolutionFor, evolutionScript, fractionsAmong } from './evolve.ts'
import type { Portion } from './portion.ts'
import { type RecordPlan, recordPlan } from './record-plan.ts'
import { identifier } from './sql-text.ts'
import type { RunTarget } from './store.ts'
import type { TableGate } from './table-gate.ts'
import type { ActualTable } from './table-shape.ts'
import { type KeyPlace, uniqueRows } from './unique-rows.ts'

/** What the runs of one database share. */
export interface RunParts {
  readonly database: Database
  readonly gate: TableGate
}

/** One run's way into its table: records become rows, the table grows with them, the loader takes them. */
export class RunTable implements AsyncDisposable {
  readonly #parts: RunParts
  readonly #target: RunTarget
  readonly #createdAt: string
  readonly ignored = new Set<string>()
  #version = -1
  /** Undefined when the table is not there, or lacks a declared column or its width. */
  #plan: RecordPlan | undefined
  #loader: Loader | undefined
  /** Columns that staged rows filled with integers which no double holds. */
  readonly #long = new Set<string>()
  evolved = false

  constructor(parts: RunParts, target: RunTarget, createdAt: string) {
    this.#parts = parts
    this.#target = target
    this.#createdAt = createdAt
  }

  get #staged(): boolean {
    return this.#target.write === 'replace'
  }

  /**
   * Writes a portion and the statements beside it, which are asked for once its rows are known, in one transaction; the
   * answer is the number of rows. Nothing is written when there is neither.
   */
  async commit(portion: Portion, beside: (rows: number) => readonly Statement[], signal: AbortSignal): Promise<number> {
    await this.#open()
    const written = await this.#attempt(portion, beside, signal, false)
    if (written !== undefined) return written
    if (!(await this.#evolve(portion))) return 0
    await this.#open()
    const again = await this.#attempt(portion, beside, signal, true)
    if (again === undefined)
      throw new HermesError('database_error', `table ${this.#target.table} was dropped meanwhile`)
    return again
  }

  /** Not within the gate: who waits for a loader must not keep others from finishing with theirs. */
  async #open(): Promise<void> {
    if (this.#loader !== undefined) return
    await this.#parts.gate.writing(this.#target.table, () => this.#refresh())
    if (this.#plan !== undefined) this.#loader = await this.#parts.database.load(this.#loadTarget())
  }

  async #attempt(
    portion: Portion,
    beside: (rows: number) => readonly Statement[],
    signal: AbortSignal,
    final: boolean,
  ): Promise<number | undefined> {
    return await this.#parts.gate.writing(this.#target.table, async () => {
      const rows = await this.#rows(portion, final)
      if (rows === undefined || this.#loader === undefined) return undefined
      const statements = beside(rows.length)
      if (rows.length + statements.length > 0) await this.#loader.write(rows, statements, signal)
      return rows.length
    })
  }

  async exists(): Promise<boolean> {
    const { table } = this.#target
    return (await readShapes(this.#parts.database, [table])).has(table)
  }

  /** Puts the staged rows in place of the source's. */
  async swap(beside: readonly Statement[]): Promise<void> {
    await this.#parts.gate.writing(this.#target.table, async () => {
      await this.#refresh()
      await this.#loader?.swap(this.#target.source, beside)
    })
  }

  async #rows(portion: Portion, final: boolean): Promise<readonly Row[] | undefined> {
    await this.#refresh()
    const plan = this.#plan
    if (plan === undefined) return undefined
    const key = keyPlaces(this.#target.key, plan.columns)
    const rows = portion.rows(plan, key, final)
    if (rows === undefined) return undefined
    if (this.#staged) noteLong(rows, plan.columns, this.#long)
    return uniqueRows(rows, key, this.#target.write === 'append' ? 'first' : 'last')
  }

  /** Looks at the table again when somebody has changed it since. */
  async #refresh(): Promise<void> {
    const { gate, database } = this.#parts
    const { table } = this.#target
    const version = gate.version(table)
    if (version === this.#version) return
    const shape = (await readShapes(database, [table])).get(table)
    this.#plan = shape === undefined ? undefined : this.#planFor(shape)
    this.#version = version
    if (this.#plan !== undefined) await this.#loader?.reshape(this.#loadTarget())
  }

  #planFor(shape: ActualTable): RecordPlan | undefined {
    checkShape(this.#target, shape)
    const columns = ownColumns(shape)
    const has = new Set(columns.map(({ name }) => name))
    if (!this.#target.columns.every(({ name }) => has.has(name))) return undefined
    if (declaredWider(this.#target, columns).length > 0) return undefined
    return recordPlan(this.#target, columns, this.#createdAt, this.ignored)
  }

  #loadTarget(): LoadTarget {
    const { table, key, write } = this.#target
    return {
      table,
      columns: this.#plan?.columns ?? [],
      key: key.length === 0 ? [] : ['source_name', ...key],
      onConflict: write === 'append' ? 'ignore' : 'update',
      staged: this.#staged,
    }
  }

  /** False when nothing is left that needs a table. */
  async #evolve(portion: Portion): Promise<boolean> {
    const { gate, database } = this.#parts
    const target = this.#target
    return await gate.changing(target.table, async () => {
      const shape = (await readShapes(database, [target.table])).get(target.table)
      if (shape !== undefined) checkShape(target, shape)
      const columns = shape === undefined ? [] : ownColumns(shape)
      const wider = new Map(declaredWider(target, columns).map((column) => [column.name, column]))
      const soon = columns.map((column) => wider.get(column.name) ?? column)
      const survey = portion.survey(recordPlan(target, soon, this.#createdAt, this.ignored))
      if (survey === undefined) return false
      const long = new Set(this.#long)
      for (const name of fractionsAmong(target, columns, survey)) {
        if (await holdsLong(database, target.table, name)) long.add(name)
      }
      const script = evolutionScript(database.dialect, target, shape, evolutionFor(target, columns, survey, long))
      if (script === '') return true
      await database.script(script)
      this.evolved = true
      return true
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loader?.[Symbol.asyncDispose]()
  }
}

/** Columns of types that are not ours are somebody else's. */
function ownColumns(shape: ActualTable): Column[] {
  return shape.columns.filter((column) => column.foreignType === undefined).map(({ name, type }) => ({ name, type }))
}

/** Throws when the table is not one that rows of this target can go into. */
export function checkShape(target: RunTarget, shape: ActualTable): void {
  if (!shape.ours) throw new HermesError('table_foreign', `table ${shape.name} was not created by Hermes`)
  const same = shape.key.length === target.key.length && target.key.every((name) => shape.key.includes(name))
  if (same && shape.strayKey !== true) return
  const [is, wants] = [shape.key, target.key].map((key) => (key.length === 0 ? 'no key' : `the key ${key.join(', ')}`))
  throw new HermesError('not_converged', `table ${shape.name} has ${is}; ${target.source} wants ${wants}`)
}

function keyPlaces(key: readonly string[], columns: readonly Column[]): KeyPlace[] {
  return key.map((name) => ({ name, index: columns.findIndex((column) => column.name === name) }))
}

/** Canonical integers are BigInts only where a double would not hold them. */
function noteLong(rows: readonly Row[], columns: readonly Column[], long: Set<string>): void {
  columns.forEach(({ name, type }, index) => {
    if (type.type === 'bigint' && rows.some((row) => typeof row[index] === 'bigint')) long.add(name)
  })
}

async function holdsLong(database: Database, table: string, name: string): Promise<boolean> {
  const column = identifier(name)
  const sql = `SELECT 1 FROM ${identifier(table)} WHERE ${column} > 9007199254740991 OR ${column} < -9007199254740991 LIMIT 1`
  return (await database.query(sql)).length > 0
}
