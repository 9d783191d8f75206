/** A field's way down from the top of its document. */
export type Path = readonly (string | number)[]

const plainName = /^[A-Za-z_$][\w$-]*$/
const part = /\.?([^.[\]]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]/y

/** `spec.steps[0].filter`; names with dots or slashes as `metadata.annotations["hermes/moved-from"]`. */
export function pathText(path: Path): string {
  let text = ''
  for (const each of path) {
    if (typeof each === 'number') text += `[${each}]`
    else if (plainName.test(each)) text += text === '' ? each : `.${each}`
    else text += `[${JSON.stringify(each)}]`
  }
  return text
}

/** Reads what `pathText` writes; a list index may also stand as `.0`. What is not a path becomes one name. */
export function parsePath(text: string): Path {
  const path: (string | number)[] = []
  part.lastIndex = 0
  while (part.lastIndex < text.length) {
    const match = part.exec(text)
    if (match === null) return [text]
    const [, name, index, quoted] = match
    if (name !== undefined) path.push(name)
    else path.push(index === undefined ? (quoted === undefined ? '' : unquote(quoted)) : Number(index))
  }
  return path
}

function unquote(text: string): string {
  return text.replaceAll(/\\(.)/g, '$1')
}

/** A JSON pointer within `value` as a path. */
export function pathOfPointer(pointer: string, value: unknown): Path {
  if (pointer === '') return []
  let at = value
  return pointer
    .slice(1)
    .split('/')
    .map((escaped) => {
      const name = escaped.replaceAll('~1', '/').replaceAll('~0', '~')
      const key = Array.isArray(at) ? Number(name) : name
      at = typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined
      return key
    })
}
