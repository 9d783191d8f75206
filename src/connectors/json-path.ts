import { HermesError } from '../errors.ts'
import { isRawNumber } from '../lossless-json.ts'

/** Keys and indexes from the root; a negative index counts from the end of a list. */
export type JsonPath = readonly (string | number)[]

/** What `parseJsonPath` reads: `data.items`, `["a.b"].c`, `rows[-1].id`, `$` for the root. */
export const jsonPathPattern =
  '^(\\$|[^.\\[\\]"\\s][^.\\[\\]"]*)?(\\.[^.\\[\\]"\\s][^.\\[\\]"]*|\\["([^"\\\\]|\\\\.)*"\\]|\\[-?\\d+\\])*$'

const whole = new RegExp(jsonPathPattern)
const part = /\["((?:[^"\\]|\\.)*)"\]|\[(-?\d+)\]|\.?([^.[\]"]+)/g

/** Reads a path; nothing, `""` and `$` are the root. Throws `invalid_value` on what is no path. */
export function parseJsonPath(text = ''): JsonPath {
  if (!whole.test(text)) throw new HermesError('invalid_value', `${JSON.stringify(text)} is not a path like data.items`)
  return [...text.replace(/^\$(?=[.[]|$)/, '').matchAll(part)].map(([, quoted, index, key = '']) => {
    if (quoted !== undefined) return quoted.replaceAll(/\\(.)/g, '$1')
    return index === undefined ? key : Number(index)
  })
}

/** The value at the path; `undefined` when nothing is there. */
export function lookUp(root: unknown, path: JsonPath): unknown {
  let value = root
  for (const step of path) {
    if (typeof step === 'number') value = Array.isArray(value) ? value.at(step) : undefined
    else value = isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined
  }
  return value
}

/** A copy of `root` with `leaf` at the path; objects that are missing on the way are made. */
export function putAt(root: unknown, path: JsonPath, leaf: unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined) return leaf
  if (typeof step === 'number' && Array.isArray(root)) return root.with(step, putAt(root.at(step), rest, leaf))
  const object = isObject(root) ? root : {}
  return { ...object, [step]: putAt(object[step], rest, leaf) }
}

/** A JSON object; no list, and no number that was kept as text. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value)
}

/** A string, number or boolean as the text that stands for it in an address; undefined for anything else. */
export function scalarText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (isRawNumber(value)) return value.rawJSON
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint'
    ? String(value)
    : undefined
}
