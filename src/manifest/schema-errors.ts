import type { ErrorObject } from 'ajv'

/**
 * Leaves out the errors that only echo others: of alternatives (`anyOf`, `oneOf`) those of the one that was evidently
 * meant remain, or one error for all of them; several errors about one value become the first.
 */
export function relevantErrors(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  let kept: ErrorObject[] = []
  for (const error of errors) {
    if (error.keyword === 'if') continue
    if (error.keyword === 'anyOf' || error.keyword === 'oneOf') kept = mergeAlternatives(kept, error)
    else if (error.keyword === 'propertyNames')
      kept = kept.filter((each) => !isInside(each, [error.schemaPath])).concat(error)
    else kept.push(error)
  }
  return distinct(kept)
}

function mergeAlternatives(kept: readonly ErrorObject[], error: ErrorObject): ErrorObject[] {
  const branches = (error.schema as readonly unknown[]).map((branch, i) => [
    `${error.schemaPath}/${i}`,
    ...refOf(branch),
  ])
  const others = kept.filter((each) => !branches.some((prefixes) => isInside(each, prefixes)))
  if (oneOfNames(error) !== undefined) return [...others, error]
  const meant = branches
    .map((prefixes) => kept.filter((each) => isInside(each, prefixes)))
    .filter((found) => found.length > 0 && !found.some((each) => refusesKind(each, error.instancePath)))
  const [only] = meant
  return meant.length === 1 && only !== undefined ? [...others, ...only] : [...others, error]
}

/** The names of a union written as `oneOf: [{ required: [a] }, { required: [b] }]`. */
export function oneOfNames(error: ErrorObject): readonly string[] | undefined {
  if (error.keyword === 'x-one-of') return error.schema as readonly string[]
  if (error.keyword !== 'oneOf') return undefined
  const names = (error.schema as readonly { required?: readonly string[] }[]).map(({ required }) => required?.[0])
  return names.every((name) => name !== undefined) ? names : undefined
}

/** Whether the value is another kind of thing altogether than this alternative wants. */
function refusesKind(error: ErrorObject, instancePath: string): boolean {
  return error.instancePath === instancePath && ['type', 'const', 'enum'].includes(error.keyword)
}

function isInside(error: ErrorObject, schemaPaths: readonly string[]): boolean {
  return schemaPaths.some((path) => error.schemaPath.startsWith(`${path}/`))
}

function refOf(branch: unknown): readonly string[] {
  if (typeof branch !== 'object' || branch === null || !('$ref' in branch)) return []
  return typeof branch.$ref === 'string' ? [branch.$ref] : []
}

function distinct(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const seen = new Set<string>()
  return errors.filter((error) => {
    const { additionalProperty, unevaluatedProperty, missingProperty, propertyName } = error.params
    const field: unknown = additionalProperty ?? unevaluatedProperty ?? missingProperty ?? propertyName ?? ''
    const rule = oneOfNames(error) === undefined ? '' : error.schemaPath
    const key = `${error.instancePath} ${String(field)} ${rule}`
    return !seen.has(key) && seen.add(key)
  })
}
