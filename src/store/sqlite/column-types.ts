import { type ColumnType, parseColumnType } from '../column-type.ts'

/**
 * Declared types. SQLite derives how it stores values from the letters in them: what has TEXT in it is kept as text,
 * what has INT as integer, DOUB as double.
 */
const names = {
  text: 'TEXT',
  integer: 'INTEGER',
  bigint: 'BIGINT',
  double: 'DOUBLE',
  numeric: 'DECIMAL_TEXT',
  boolean: 'BOOLEAN',
  date: 'DATE_TEXT',
  timestamptz: 'TIMESTAMPTZ_TEXT',
  json: 'JSON_TEXT',
  bytes: 'BLOB',
  uuid: 'UUID_TEXT',
} as const satisfies Record<ColumnType['type'], string>

const ours = new Map<string, string>(Object.entries(names).map(([type, name]) => [name, type]))

export function physicalType(type: ColumnType): string {
  if (type.type !== 'numeric' || type.precision === undefined) return names[type.type]
  return `${names.numeric}(${type.precision},${type.scale ?? 0})`
}

/** The column type of a declared type; undefined when it is none of ours. */
export function logicalType(declared: string): ColumnType | undefined {
  const [, name = '', rest = ''] = /^([^(]*?)\s*(\(.*)?$/.exec(declared.toUpperCase()) ?? []
  const type = ours.get(name)
  return type === undefined ? undefined : parseColumnType(type + rest)
}
