import { HermesError } from '../errors.ts'
import { columnChange, convertible } from './column-change.ts'
import { columnNames } from './column-name.ts'
import { type Column, type ColumnType, formatColumnType } from './column-type.ts'
import type { Database } from './database.ts'
import { tableSqlOf, widenScript } from './dialects.ts'
import { type Kinds, kinds, typeOf, widened } from './infer.ts'
import type { RunTarget } from './store.ts'
import type { ActualTable } from './table-shape.ts'
import { lines } from './table-sql.ts'

/** What a page needs of the table: types of its own for columns that are there, and columns that are not. */
export interface Evolution {
  readonly added: readonly Column[]
  readonly widened: readonly Column[]
}

/** Both databases hold at least so many columns in a table; more are hardly meant. */
const mostColumns = 1_500

/**
 * What has to change for a page with these kinds of values by field. `long` names bigint columns that hold integers
 * which a double does not. The same for the same set of values, in whatever order they came.
 */
export function evolutionFor(
  target: RunTarget,
  columns: readonly Column[],
  survey: ReadonlyMap<string, Kinds>,
  long: ReadonlySet<string>,
): Evolution {
  const present = new Map(columns.map((column) => [column.name, column]))
  const names = columnNames(target.columns, [...present.keys()])
  const declared = new Set(target.columns.map(({ name }) => name))
  const others = new Map((target.othersColumns ?? []).map((column) => [column.name, column.type]))
  const added: Column[] = target.columns
    .filter(({ name }) => !present.has(name))
    .map(({ name, type }) => ({ name, type }))
  const wider: Column[] = [...declaredWider(target, columns)]
  for (const [field, set] of [...survey].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const name = names.of(field)
    if (declared.has(name) || (target.evolve === 'freeze' && !target.key.includes(name))) continue
    const found = present.get(name)
    const fixed = others.get(name)
    if (found === undefined) added.push({ name, type: fixed ?? typeOf(set) ?? { type: 'text' } })
    else if (fixed === undefined) wider.push(...wideningOf(found, widened(found.type, set, long.has(name))))
    names.add(name)
  }
  return { added, widened: wider }
}

/** Columns that are declared wider than they are, where the target may widen them. */
export function declaredWider(target: RunTarget, columns: readonly Column[]): readonly Column[] {
  if (target.widens !== true) return []
  const present = new Map(columns.map(({ name, type }) => [name, type]))
  return target.columns.flatMap(({ name, type }) => {
    const found = present.get(name)
    return found !== undefined && columnChange(found, type) === 'widen' ? [{ name, type }] : []
  })
}

/** Where one type cannot become the other, the value itself is refused later. */
function wideningOf({ name, type }: Column, to: ColumnType): Column[] {
  const same = formatColumnType(type) === formatColumnType(to)
  return same || !convertible(type, to) ? [] : [{ name, type: to }]
}

/** The bigint columns for which it matters whether they hold more than a double does: fractions have turned up. */
export function fractionsAmong(
  target: RunTarget,
  columns: readonly Column[],
  survey: ReadonlyMap<string, Kinds>,
): readonly string[] {
  const names = columnNames(
    target.columns,
    columns.map(({ name }) => name),
  )
  const mixed = new Set([...survey].flatMap(([field, set]) => (set & kinds.double ? names.of(field) : [])))
  return columns.filter(({ name, type }) => type.type === 'bigint' && mixed.has(name)).map(({ name }) => name)
}

/** The script that makes the table what the page needs; empty when it is so already. */
export function evolutionScript(
  dialect: Database['dialect'],
  target: RunTarget,
  actual: ActualTable | undefined,
  { added, widened: wider }: Evolution,
): string {
  const count = (actual?.columns.length ?? 0) + added.length
  if (count > mostColumns) {
    throw new HermesError('too_many_columns', `table ${target.table} would have ${count} columns`)
  }
  const sql = tableSqlOf(dialect)
  if (actual === undefined) return sql.create(newTable(target, added))
  const statements: string[] = []
  let table = actual
  for (const column of added) {
    statements.push(sql.addColumn(table, column))
    table = { ...table, columns: [...table.columns, column] }
  }
  for (const column of wider) {
    statements.push(widenScript(dialect, table, column.name, column.type))
    table = { ...table, columns: table.columns.map((each) => (each.name === column.name ? column : each)) }
  }
  return lines(...statements)
}

function newTable(target: RunTarget, columns: readonly Column[]) {
  const has = (name: string) => columns.some((column) => column.name === name)
  const missing = target.key.find((name) => !has(name))
  if (missing !== undefined) {
    throw new HermesError('key_missing', `no record of the first page has a value in ${missing}`)
  }
  const { cursor, key } = target
  const indexes = cursor !== undefined && has(cursor) ? [[cursor]] : []
  return { name: target.table, columns, key, indexes }
}
