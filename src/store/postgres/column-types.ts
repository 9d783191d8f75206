import { type ColumnType, formatColumnType, parseColumnType } from '../column-type.ts'

const names = { double: 'double precision', timestamptz: 'timestamp with time zone', json: 'jsonb', bytes: 'bytea' }
const ours = new Map(Object.entries(names).map(([type, name]) => [name, type]))

/** The server's name of a column type, as `format_type` gives it back. */
export function physicalType(type: ColumnType): string {
  return type.type in names ? names[type.type as keyof typeof names] : formatColumnType(type)
}

/** The column type of a name that `format_type` gave; undefined when it is none of ours. */
export function logicalType(name: string): ColumnType | undefined {
  // `json` and `double` would otherwise be taken for ours by their own names.
  return name in names ? undefined : parseColumnType(ours.get(name) ?? name)
}
