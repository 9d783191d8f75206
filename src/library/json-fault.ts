import { isRawNumber } from '../lossless-json.ts'

/** As deep as JSON is read; what holds itself is deeper. */
const MOST_LEVELS = 1_000

/**
 * Why JSON cannot hold a value, with the field: `a bigint at .order.id`; `undefined` when it can. A field that is
 * undefined counts as absent; what has `toJSON`, such as a Date, speaks for itself.
 */
export function jsonFault(value: unknown): string | undefined {
  const found = faultIn(value, 0)
  return found === undefined ? undefined : `${found.what}${found.path === '' ? '' : ` at ${found.path}`}`
}

interface Fault {
  readonly what: string
  readonly path: string
}

function faultIn(value: unknown, depth: number): Fault | undefined {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return undefined
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : { what: String(value), path: '' }
  if (typeof value !== 'object') return { what: value === undefined ? 'undefined' : `a ${typeof value}`, path: '' }
  if (isRawNumber(value) || ('toJSON' in value && typeof value.toJSON === 'function')) return undefined
  if (depth > MOST_LEVELS) return { what: `more than ${MOST_LEVELS} levels, or a value that holds itself`, path: '' }
  if (Array.isArray(value)) return inItems(value, depth)
  return isOpaque(value) ? { what: `a ${value.constructor.name}`, path: '' } : inFields(value, depth)
}

/** What JSON would show as an empty object, or number by number. */
function isOpaque(value: object): boolean {
  return value instanceof Map || value instanceof Set || value instanceof Promise || ArrayBuffer.isView(value)
}

function inItems(items: readonly unknown[], depth: number): Fault | undefined {
  for (const [index, item] of items.entries()) {
    const fault = faultIn(item, depth + 1)
    if (fault !== undefined) return below(`[${index}]`, fault)
  }
  return undefined
}

function inFields(value: object, depth: number): Fault | undefined {
  for (const name of Object.keys(value)) {
    const field: unknown = Reflect.get(value, name)
    const fault = field === undefined ? undefined : faultIn(field, depth + 1)
    if (fault !== undefined) return below(`.${name}`, fault)
  }
  return undefined
}

/** Of a long way only the beginning and the end. */
function below(step: string, { what, path }: Fault): Fault {
  return { what, path: path.length > 200 ? `${step}…` : `${step}${path}` }
}
