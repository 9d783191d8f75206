import { HermesError } from '../errors.ts'
import { isRawNumber } from '../lossless-json.ts'
import { type Canonical, type Coercion, misfit, shown } from './canonical.ts'
import { declaredCoercion } from './coerce.ts'
import { columnNames } from './column-name.ts'
import { type Column, formatColumnType } from './column-type.ts'
import type { Row } from './database.ts'
import { inferredCoercion } from './fit.ts'
import { type Kinds, kindOf, kinds } from './infer.ts'
import type { RunTarget } from './store.ts'

/** `from` of a declared column whose values do not stand in the record: the caller fills it. No field has this name. */
export const besideRecord = '\0.\0'

/** Where a value goes. */
interface Slot {
  readonly column: Column
  /** Place in the row. */
  readonly index: number
  readonly coerce: Coercion
  /** By this source or another one of the table. */
  readonly declared: boolean
}

/** A declared column that is taken from within a record. */
interface PathSlot extends Slot {
  readonly from: string
}

/** How the records of one run become rows of a table of one shape; made anew when the shape changes. */
export interface RecordPlan {
  /** Columns of the rows, `source_name` and `created_at` first. */
  readonly columns: readonly Column[]
  /**
   * Canonical rows, keys not looked at; undefined when the table has to change first, unless `final`. `first` is the
   * number of the first record. Throws `record_not_object` and `value_mismatch`.
   */
  rows(records: readonly unknown[], first: number, final: boolean): Row[] | undefined
  /** One such row, to which the caller may add; `number` is the record's. */
  row(record: unknown, number: number, final: boolean): Canonical[] | undefined
  /** A row in which only `source_name` and `created_at` are filled. */
  blank(): Canonical[]
  /** The kinds of values in every field that is not declared. Throws `record_not_object`. */
  survey(records: readonly unknown[], first: number): ReadonlyMap<string, Kinds>
}

/** The plan for a table with `columns`, the reserved ones left out. `ignored` gathers what `freeze` leaves out. */
export function recordPlan(
  target: RunTarget,
  columns: readonly Column[],
  createdAt: string,
  ignored: Set<string>,
): RecordPlan {
  const slots = slotsOf(target, columns)
  const template: Canonical[] = [target.source, createdAt, ...columns.map(() => null)]
  const fill = filler(slots, target.evolve === 'freeze' ? ignored : undefined)
  const row = (record: unknown, number: number, final: boolean): Canonical[] | undefined => {
    const blank = template.slice()
    return fill(asObject(record, number), blank, { number, final }) ? blank : undefined
  }
  return {
    columns: [
      { name: 'source_name', type: { type: 'text' } },
      { name: 'created_at', type: { type: 'timestamptz' } },
      ...columns,
    ],
    rows: (records, first, final) => {
      const rows: Row[] = []
      for (let index = 0; index < records.length; index++) {
        const next = row(records[index], first + index, final)
        if (next === undefined) return undefined
        rows.push(next)
      }
      return rows
    },
    row,
    blank: () => template.slice(),
    survey: (records, first) => {
      const objects = records.map((record, index) => asObject(record, first + index))
      return survey(objects, slots)
    },
  }
}

interface Slots {
  /** By field; undefined for a field that has no column. */
  of(field: string): Slot | undefined
  readonly paths: readonly PathSlot[]
}

/** So many names of fields are remembered; a source that makes them up does not fill the memory. */
const remembered = 10_000

function slotsOf(target: RunTarget, columns: readonly Column[]): Slots {
  const places = new Map(columns.map((column, index) => [column.name, index]))
  const declared = new Set(target.columns.map(({ name }) => name))
  const typed = new Set([...declared, ...(target.othersColumns ?? []).map(({ name }) => name)])
  const names = columnNames(target.columns, [...places.keys()])
  const open = (name: string) => target.evolve === 'additive' || declared.has(name) || target.key.includes(name)
  const slot = (name: string): Slot | undefined => {
    const place = places.get(name)
    const column = place === undefined ? undefined : columns[place]
    if (place === undefined || column === undefined || !open(name)) return undefined
    const coerce = typed.has(name) ? declaredCoercion(column.type) : inferredCoercion(column.type)
    return { column, index: place + 2, coerce, declared: typed.has(name) }
  }
  const paths = target.columns.flatMap(({ name, from }) => {
    const elsewhere = from === undefined || from === besideRecord || names.of(from) === name
    const found = elsewhere ? undefined : slot(name)
    return from === undefined || found === undefined ? [] : [{ ...found, from }]
  })
  const cache = new Map<string, Slot | undefined>()
  const of = (field: string): Slot | undefined => {
    if (cache.has(field)) return cache.get(field)
    if (cache.size >= remembered) cache.clear()
    const found = slot(names.of(field))
    cache.set(field, found)
    return found
  }
  return { of, paths }
}

interface Place {
  /** Number of the record in the run, from 1. */
  readonly number: number
  /** The table cannot change any more: what does not fit is an error. */
  readonly final: boolean
}

type Fill = (record: Record<string, unknown>, row: Canonical[], place: Place) => boolean

/**
 * Fills one row; false when the table has to change first. The records of a source mostly have the same fields in the
 * same order, so each position remembers the field it saw last and where that went.
 */
function filler(slots: Slots, ignored: Set<string> | undefined): Fill {
  const names: string[] = []
  const found: (Slot | undefined)[] = []
  return (record, row, place) => {
    let position = 0
    for (const name in record) {
      if (names[position] !== name) {
        names[position] = name
        found[position] = slots.of(name)
      }
      const slot = found[position++]
      const value = record[name]
      if (value === null || value === undefined) continue
      if (slot !== undefined) {
        if (!put(slot, value, row, place)) return false
      } else if (ignored !== undefined) {
        if (ignored.size < remembered) ignored.add(name)
      } else if (!place.final && kindOf(value) !== kinds.none) return false
    }
    return slots.paths.every((slot) => put(slot, within(record, slot.from), row, place))
  }
}

function put(slot: Slot, value: unknown, row: Canonical[], place: Place): boolean {
  if (value === null || value === undefined) return true
  const canonical = slot.coerce(value)
  if (canonical === misfit) {
    if (slot.declared || place.final) throw mismatch(slot, value, place.number)
    return false
  }
  row[slot.index] = canonical
  return true
}

function mismatch({ column, declared }: Slot, value: unknown, record: number): HermesError {
  const type = formatColumnType(column.type)
  return new HermesError(
    'value_mismatch',
    `column ${column.name} is ${declared ? '' : 'inferred as '}${type}; record ${record} has ${shown(value)}`,
    declared ? {} : { fix: `Declare ${column.name} with a type that all values fit, such as text or json.` },
  )
}

function asObject(record: unknown, number: number): Record<string, unknown> {
  if (typeof record === 'object' && record !== null && !Array.isArray(record) && !isRawNumber(record)) {
    return record as Record<string, unknown>
  }
  throw new HermesError('record_not_object', `record ${number} is ${shown(record)}`)
}

/** What stands at a dotted path; a field whose own name has the dots comes first. */
function within(record: Record<string, unknown>, path: string): unknown {
  if (Object.hasOwn(record, path)) return record[path]
  let value: unknown = record
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Record<string, unknown>)[name]
  }
  return value
}

function survey(records: readonly Record<string, unknown>[], slots: Slots): Map<string, Kinds> {
  const fields = new Map<string, Kinds>()
  for (const record of records) {
    for (const [name, value] of Object.entries(record)) {
      if (slots.of(name)?.declared === true) continue
      const kind = kindOf(value)
      if (kind !== kinds.none) fields.set(name, (fields.get(name) ?? kinds.none) | kind)
    }
  }
  return fields
}
