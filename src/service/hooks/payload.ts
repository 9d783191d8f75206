/** What stands at a path such as `repository.clone_url`; undefined when nothing does. */
export function valueAt(payload: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    return (value as Readonly<Record<string, unknown>>)[name]
  }, payload)
}

/** The text there; undefined when there is none. */
export function textAt(payload: unknown, path: string): string | undefined {
  const value = valueAt(payload, path)
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The texts of those places that have one. */
export function textsAt(payload: unknown, paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => textAt(payload, path) ?? [])
}

/** The list there; empty when there is none. */
export function listAt(payload: unknown, path: string): readonly unknown[] {
  const value = valueAt(payload, path)
  return Array.isArray(value) ? value : []
}
