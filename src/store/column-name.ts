import { hash } from 'node:crypto'
import type { DeclaredColumn } from './store.ts'

const maxBytes = 63
const reserved = new Map([
  ['source_name', 'record_source_name'],
  ['created_at', 'record_created_at'],
])
const standIns = new Set(reserved.values())

/**
 * The column that a record's field is stored in, when no other column stands in its way: its own name, but
 * `record_source_name` and `record_created_at` for the reserved ones, and a name with a stable suffix for what a
 * database cannot hold as a name.
 */
export function columnFor(field: string): string {
  const standIn = reserved.get(field)
  if (standIn !== undefined) return standIn
  if (field === '') return `field_${suffix(field)}`
  const usable = field.isWellFormed() && !field.includes('\0') && !reserved.has(field.toLowerCase())
  return usable && Buffer.byteLength(field) <= maxBytes && !standIns.has(field.toLowerCase()) ? field : suffixed(field)
}

/** Tells the column of each field among the columns there are; the same answer whatever order the fields come in. */
export interface ColumnNames {
  of(field: string): string
  /** From now on there is a column of this name. */
  add(name: string): void
}

/** What is declared comes first; a name that differs from another one by case only gets a suffix. */
export function columnNames(declared: readonly DeclaredColumn[], existing: readonly string[]): ColumnNames {
  const own = new Set(declared.flatMap(({ name }) => name))
  const fields = new Map(declared.flatMap(({ name, from }) => (from === undefined ? [[name, name] as const] : [])))
  for (const { name, from } of declared) {
    if (from !== undefined && !from.includes('.') && !fields.has(from)) fields.set(from, name)
  }
  const taken = new Map<string, string>()
  for (const name of ['source_name', 'created_at', ...existing, ...own]) taken.set(name.toLowerCase(), name)
  const undeclared = (field: string): string => {
    const name = columnFor(field)
    if (reserved.has(field) && fields.get(name) === name) return name
    const other = taken.get(name.toLowerCase())
    return other === undefined || (other === name && !own.has(name)) ? name : suffixed(field)
  }
  return {
    of: (field) => fields.get(field) ?? undeclared(field),
    add: (name) => taken.set(name.toLowerCase(), name),
  }
}

/** The field's name made different from any other that is the same but for upper and lower case. */
export function suffixed(field: string): string {
  const ending = `_${suffix(field)}`
  const bytes = Buffer.from(field.slice(0, maxBytes).replaceAll('\0', '\uFFFD'))
  let end = Math.min(bytes.length, maxBytes - ending.length)
  // Not in the middle of a character.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end) + ending
}

function suffix(field: string): string {
  return hash('sha256', field).slice(0, 8)
}
