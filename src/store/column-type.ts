/** The types a data column can have; the same set, and the same values, on every database. */
export type ColumnType =
  | {
      readonly type:
        | 'text'
        | 'integer'
        | 'bigint'
        | 'double'
        | 'boolean'
        | 'date'
        | 'timestamptz'
        | 'json'
        | 'bytes'
        | 'uuid'
    }
  | { readonly type: 'numeric'; readonly precision?: number; readonly scale?: number }

export interface Column {
  readonly name: string
  readonly type: ColumnType
}

/** A column as a manifest declares it. */
export interface DeclaredColumn extends Column {
  /** Dotted path into the record; the column's own name when absent. */
  readonly from?: string
}

const simple = [
  'text',
  'integer',
  'bigint',
  'double',
  'boolean',
  'date',
  'timestamptz',
  'json',
  'bytes',
  'uuid',
] as const

/** Reads `bigint`, `numeric`, `numeric(10,2)`; undefined for anything else. */
export function parseColumnType(text: string): ColumnType | undefined {
  const name = simple.find((each) => each === text)
  if (name !== undefined) return { type: name }
  const match = /^numeric(?:\(\s*(\d{1,4})\s*(?:,\s*(\d{1,4})\s*)?\))?$/.exec(text)
  if (match === null) return undefined
  if (match[1] === undefined) return { type: 'numeric' }
  const precision = Number(match[1])
  const scale = Number(match[2] ?? 0)
  return precision >= 1 && precision <= 1000 && scale <= precision ? { type: 'numeric', precision, scale } : undefined
}

/** The text that `parseColumnType` reads. */
export function formatColumnType(column: ColumnType): string {
  if (column.type !== 'numeric' || column.precision === undefined) return column.type
  return `numeric(${column.precision},${column.scale ?? 0})`
}
