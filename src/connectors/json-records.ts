import { HermesError } from '../errors.ts'
import { isObject, type JsonPath, lookUp } from './json-path.ts'

const SHOWN_KEYS = 12

/**
 * The records at a path: a list as it is, an object as the only record, `null` as none.
 * Throws `records_not_found`, naming the keys that are there; `where` begins its message.
 */
export function recordsAt(root: unknown, path: JsonPath, where: string): readonly unknown[] {
  const value = lookUp(root, path)
  if (Array.isArray(value)) return value
  if (isObject(value)) return [value]
  if (value === null && path.length > 0) return []
  throw new HermesError('records_not_found', `${where}: ${missing(root, path, value)}`)
}

function missing(root: unknown, path: JsonPath, value: unknown): string {
  if (value !== undefined) return `${spell(path)} is ${describe(value)}, not a list or an object`
  const reached = path.findIndex((_, index) => lookUp(root, path.slice(0, index + 1)) === undefined)
  const above = path.slice(0, reached)
  return `there is no ${spell(path.slice(0, reached + 1))}; ${spell(above)} is ${describe(lookUp(root, above))}`
}

function spell(path: JsonPath): string {
  if (path.length === 0) return 'the root'
  const steps = path.map((step) => {
    if (typeof step === 'number') return `[${step}]`
    return /^[^.[\]"\s]+$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`
  })
  return steps.join('').replace(/^\./, '')
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (!isObject(value)) return value === null ? 'null' : `a ${typeof value === 'object' ? 'number' : typeof value}`
  const keys = Object.keys(value)
  if (keys.length === 0) return 'an object without keys'
  const shown = keys.slice(0, SHOWN_KEYS).map((key) => (key.length > 40 ? `${key.slice(0, 40)}…` : key))
  return `an object with ${shown.join(', ')}${keys.length > SHOWN_KEYS ? `, … (${keys.length} keys)` : ''}`
}
