import { type ColumnType, formatColumnType } from './column-type.ts'

/** `widen` keeps every value; `narrow` cannot promise that. */
export type ColumnChange = 'same' | 'widen' | 'narrow'

/** What going from one type to another does to the values. */
export function columnChange(from: ColumnType, to: ColumnType): ColumnChange {
  if (formatColumnType(from) === formatColumnType(to)) return 'same'
  return widens(from, to) ? 'widen' : 'narrow'
}

/** Digits of the largest value, sign aside. */
const wholeDigits = { integer: 10, bigint: 19 } as const

function widens(from: ColumnType, to: ColumnType): boolean {
  if (to.type === 'text') return from.type !== 'bytes'
  if (to.type === 'numeric') return fitsNumeric(from, to)
  switch (from.type) {
    case 'integer':
      return to.type === 'bigint' || to.type === 'double'
    case 'date':
      return to.type === 'timestamptz'
    default:
      return false
  }
}

function fitsNumeric(from: ColumnType, to: ColumnType & { type: 'numeric' }): boolean {
  if (from.type === 'double') return to.precision === undefined
  if (from.type !== 'integer' && from.type !== 'bigint' && from.type !== 'numeric') return false
  if (to.precision === undefined) return true
  const room = to.precision - (to.scale ?? 0)
  if (from.type !== 'numeric') return room >= wholeDigits[from.type]
  if (from.precision === undefined) return false
  return (to.scale ?? 0) >= (from.scale ?? 0) && room >= from.precision - (from.scale ?? 0)
}

/**
 * Whether values can be converted in place at all: every widening, and bigint to double, which a person has to approve
 * but which inference does by itself when a fraction turns up among integers.
 */
export function convertible(from: ColumnType, to: ColumnType): boolean {
  return columnChange(from, to) !== 'narrow' || (from.type === 'bigint' && to.type === 'double')
}
