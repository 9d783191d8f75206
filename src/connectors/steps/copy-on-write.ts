import { isObject, type JsonPath, jsonPathPattern } from '../json-path.ts'

/** A path to a field, never the whole message. */
export const fieldPattern = `^(?!\\$?$)${jsonPathPattern.slice(1)}`

/** What `fieldPattern` wants, in words. */
export const fieldHint = 'a path to a field, like data.items, rows[0].id or ["a.b"]'

/** Sets an own field of an object that nobody else holds, whatever the field's name. */
export function put(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value
  else Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
}

/**
 * `root` with `leaf` at the path: only what lies on the way is copied. Objects that are missing are made. Throws where
 * the way leads through something else, or past the end of a list.
 */
export function withField(root: unknown, path: JsonPath, leaf: unknown, depth = 0): unknown {
  const step = path[depth]
  if (step === undefined) return leaf
  if (typeof step === 'number') {
    const at = placeIn(root, step)
    if (at === undefined) throw new Error(`${nameOf(path, depth)} is no list with an item ${step}`)
    return (root as unknown[]).with(at, withField((root as unknown[])[at], path, leaf, depth + 1))
  }
  if (root !== undefined && !isObject(root)) throw new Error(`${nameOf(path, depth)} is no object`)
  const copy = { ...root }
  put(copy, step, withField(own(root, step), path, leaf, depth + 1))
  return copy
}

/** `root` without what is at the path, an item of a list included; `root` itself where nothing is there. */
export function withoutField(root: unknown, path: JsonPath, depth = 0): unknown {
  const step = path[depth]
  if (step === undefined) return root
  const isLast = depth === path.length - 1
  if (typeof step === 'number') {
    const at = placeIn(root, step)
    if (at === undefined) return root
    const list = root as unknown[]
    if (isLast) return list.toSpliced(at, 1)
    const item = withoutField(list[at], path, depth + 1)
    return item === list[at] ? root : list.with(at, item)
  }
  if (!isObject(root) || !Object.hasOwn(root, step)) return root
  if (isLast) {
    const { [step]: _, ...rest } = root
    return rest
  }
  const below = withoutField(root[step], path, depth + 1)
  if (below === root[step]) return root
  const copy = { ...root }
  put(copy, step, below)
  return copy
}

function own(root: unknown, step: string): unknown {
  return isObject(root) && Object.hasOwn(root, step) ? root[step] : undefined
}

/** The place of an item, counted from the start; undefined when there is none. */
function placeIn(root: unknown, step: number): number | undefined {
  if (!Array.isArray(root)) return undefined
  const at = step < 0 ? root.length + step : step
  return at >= 0 && at < root.length ? at : undefined
}

/** The way so far, as a message names it. */
function nameOf(path: JsonPath, depth: number): string {
  if (depth === 0) return 'the message'
  return path
    .slice(0, depth)
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : `${index === 0 ? '' : '.'}${step}`))
    .join('')
}
