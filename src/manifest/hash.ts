import { hash } from 'node:crypto'

/** JSON with sorted keys and no spaces: equal data gives equal text. A field that is undefined counts as absent. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((each) => canonicalJson(each ?? null)).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const fields = Object.entries(value).filter(([, each]) => each !== undefined)
  fields.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([key, each]) => `${JSON.stringify(key)}:${canonicalJson(each)}`).join(',')}}`
}

/** sha256, in hex, of a value in canonical form. */
export function canonicalHash(value: unknown): string {
  return hash('sha256', canonicalJson(value))
}
