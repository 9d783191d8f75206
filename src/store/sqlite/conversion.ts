import type { ColumnType } from '../column-type.ts'

/** A value as the wider type stores it; the same value that PostgreSQL's own conversion makes. */
export function conversion(expression: string, from: ColumnType, to: ColumnType): string {
  if (to.type === 'numeric') return toNumeric(expression, from, to)
  if (to.type === 'text') return toText(expression, from)
  if (to.type === 'double') return `CAST(${expression} AS REAL)`
  if (from.type === 'date' && to.type === 'timestamptz') return `${expression} || 'T00:00:00.000000Z'`
  return expression
}

function toText(expression: string, from: ColumnType): string {
  switch (from.type) {
    case 'integer':
    case 'bigint':
      return `CAST(${expression} AS TEXT)`
    case 'double':
      return `hermes_decimal(${expression})`
    case 'boolean':
      return `CASE ${expression} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END`
    case 'json':
      return `hermes_json(${expression})`
    default:
      return expression
  }
}

function toNumeric(expression: string, from: ColumnType, to: ColumnType & { type: 'numeric' }): string {
  const text = toText(expression, from)
  const before = from.type === 'numeric' ? (from.scale ?? 0) : 0
  const zeros = '0'.repeat(Math.max(0, (to.scale ?? 0) - before))
  if (to.precision === undefined || zeros === '') return text
  return `${text} || '${before === 0 ? '.' : ''}${zeros}'`
}
