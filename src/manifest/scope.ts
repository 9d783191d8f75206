/** The type of a variable; an object lists its fields, and no others exist. */
export type VariableType =
  | 'string'
  | 'int'
  | 'double'
  | 'bool'
  | 'timestamp'
  | 'list'
  | 'dyn'
  | { readonly [field: string]: VariableType }

/** The variables an expression may use. `secrets` is always declared; the schema says where it may stand. */
export type Scope = Readonly<Record<string, VariableType>>

/** The variable with the fields of the element that a resource is generated for. */
export const elementVariable = 'each'

/** The type of `each`: `fields` are text; any field will do while a list cannot be read. */
export function elementType(fields: readonly string[] | undefined): VariableType {
  return fields === undefined ? 'dyn' : Object.fromEntries(fields.map((field) => [field, 'string']))
}

/** What decides the variables of a source's expressions. */
export interface ScopeParts {
  /** `spec.params` as written; anything but a mapping counts as empty. */
  readonly params?: unknown
  /** Whether `cursor` exists: the source is incremental. */
  readonly incremental?: boolean
}

/** The usual scope: `params` with the known names and types, `run.startedAt` and `run.date`, and `cursor` when incremental. */
export function scopeOf({ params, incremental = false }: ScopeParts): Scope {
  const fields = typeOfValue(params)
  return {
    params: typeof fields === 'object' ? fields : {},
    run: { startedAt: 'timestamp', date: 'string' },
    ...(incremental ? { cursor: 'string' } : {}),
  }
}

/** Values for `run`: the start of the run, and its UTC date as `2026-01-31`. */
export function runVariables(startedAtMs: number): { readonly startedAt: Date; readonly date: string } {
  const startedAt = new Date(startedAtMs)
  return { startedAt, date: startedAt.toISOString().slice(0, 10) }
}

/** The type that expressions see for a plain value. */
export function typeOfValue(value: unknown): VariableType {
  if (typeof value === 'string') return 'string'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'bigint') return 'int'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'double'
  if (value instanceof Date) return 'timestamp'
  if (Array.isArray(value)) return 'list'
  if (typeof value !== 'object' || value === null) return 'dyn'
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, typeOfValue(each)]))
}
