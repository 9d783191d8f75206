import { HermesError } from '../errors.ts'
import { type Key, keyOf } from '../manifest/manifest.ts'
import { didYouMean } from '../manifest/suggest.ts'

interface Named {
  readonly kind: string
  readonly name: string
}

/** Whether `given` names the kind: in any case, in part (`source`), or as a plural (`sources`). */
export function isKind(given: string, kind: string): boolean {
  const word = given.toLowerCase()
  return kind.toLowerCase().startsWith(word) || (word.endsWith('s') && kind.toLowerCase().startsWith(word.slice(0, -1)))
}

/**
 * The key that a user means by `Kind/name`, or by a name alone where one kind has it; a table stands back behind what
 * is declared. Throws `not_found`, and `usage` where several do.
 */
export function resolveKey(given: string, resources: readonly Named[]): Key {
  const slash = given.indexOf('/')
  const name = given.slice(slash + 1)
  const found = resources.filter(
    (each) => each.name === name && (slash < 0 || isKind(given.slice(0, slash), each.kind)),
  )
  const declared = found.filter(({ kind }) => kind !== 'Table')
  const keys = [...new Set((declared.length > 0 ? declared : found).map(keyOf))]
  const [only] = keys
  if (keys.length > 1) throw new HermesError('usage', `${given} may be ${keys.join(' or ')}`)
  if (only !== undefined) return only
  const known = slash < 0 ? resources.map((each) => each.name) : resources.map(keyOf)
  throw new HermesError('not_found', `there is no ${given}${didYouMean(given, known)}`)
}

/** With each document that makes one resource for each element of a list, under its own name. */
export function withDefinitions<T extends Named & { readonly madeBy?: string }>(resources: readonly T[]): readonly T[] {
  const makers = Map.groupBy(resources, ({ madeBy }) => madeBy)
  const definitions = [...makers].flatMap(([key, [first]]): T[] => {
    if (key === undefined || first === undefined) return []
    const { madeBy: _, ...definition } = { ...first, name: key.slice(first.kind.length + 1) }
    return [definition as T]
  })
  return [...resources, ...definitions]
}

/** The name of a source, given with or without its kind. */
export function sourceName(given: string): string {
  const slash = given.indexOf('/')
  if (slash < 0) return given
  if (isKind(given.slice(0, slash), 'SourceDefinition')) return given.slice(slash + 1)
  throw new HermesError('usage', `${given} is no source: only a SourceDefinition is fetched`)
}

/** Those of a kind, or of a name, or all. Throws `not_found` for a word that is neither, `usage` for a name of many. */
export function ofWord<T extends Named>(resources: readonly T[], given: string | undefined): readonly T[] {
  if (given === undefined) return resources
  const isNamed = given.includes('/') || resources.some(({ name }) => name === given)
  if (isNamed && !isKnownKind(given)) {
    const key = resolveKey(given, resources)
    return resources.filter((each) => keyOf(each) === key)
  }
  const found = resources.filter(({ kind }) => isKind(given, kind))
  if (found.length > 0 || isKnownKind(given)) return found
  const words = [...knownKinds, ...resources.map(({ name }) => name)]
  throw new HermesError('not_found', `there is neither a resource nor a kind ${given}${didYouMean(given, words)}`)
}

/** Those of a kind, or all; throws `not_found` for a word that is the kind of none of the known kinds. */
export function ofKind<T extends Named>(resources: readonly T[], given: string | undefined): readonly T[] {
  if (given === undefined) return resources
  const found = resources.filter(({ kind }) => isKind(given, kind))
  if (found.length > 0 || isKnownKind(given)) return found
  throw new HermesError('not_found', `there is no kind ${given}${didYouMean(given, knownKinds)}`, {
    fix: `Use one of ${knownKinds.join(', ')}.`,
  })
}

/** Whether a word stands for one of the kinds that people write. */
export function isKnownKind(given: string): boolean {
  return knownKinds.some((kind) => isKind(given, kind))
}

/** The kinds that people write; for messages and completion, so that neither has to load the schemas. */
export const knownKinds: readonly string[] = ['Connection', 'SourceDefinition', 'Workflow']
