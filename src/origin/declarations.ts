import { HermesError, type Location } from '../errors.ts'
import { canonicalHash } from '../manifest/hash.ts'
import { type Key, keyOf, type Manifest } from '../manifest/manifest.ts'

/** What one document declares: one resource, or with `spec.forEach` one for each element of a list. */
export interface Declaration {
  readonly kind: string
  readonly name: string
  readonly at: Location
  readonly manifests: readonly Manifest[]
}

/** The declarations behind manifests, by the documents' own names. A list without elements leaves none. */
export function declarationsOf(manifests: readonly Manifest[]): ReadonlyMap<Key, Declaration> {
  const groups = Map.groupBy(manifests, (each) => each.generated?.by ?? keyOf(each))
  const pairs = [...groups].flatMap(([key, [first, ...others]]) => {
    if (first === undefined) return []
    const { kind, at } = first
    return [[key, { kind, name: key.slice(kind.length + 1), at, manifests: [first, ...others] }] as const]
  })
  return new Map(pairs)
}

/** The declaration that may be edited under a key. Throws `not_found`, and `generated` for one of many. */
export function editable(declarations: ReadonlyMap<Key, Declaration>, key: Key): Declaration {
  const found = declarations.get(key)
  if (found === undefined) throw absent(declarations, key)
  const elsewhere = found.manifests.find(({ at }) => at.file !== found.at.file || at.line !== found.at.line)
  if (elsewhere === undefined) return found
  const places = [found, elsewhere].map(({ at }) => `${at.file}:${at.line}`).join(' and ')
  throw new HermesError('request_invalid', `${key} is declared in ${places}`, { fix: 'Edit the files by hand.' })
}

/** Equal for declarations with the same content, wherever it is written. */
export function contentOf(manifests: readonly Manifest[]): string {
  return canonicalHash(
    manifests.map(({ kind, name, hash, labels, annotations }) => ({ kind, name, hash, labels, annotations })),
  )
}

function absent(declarations: ReadonlyMap<Key, Declaration>, key: Key): HermesError {
  for (const { manifests } of declarations.values()) {
    const found = manifests.find((each) => keyOf(each) === key)
    if (found?.generated !== undefined) return isGenerated(found, found.generated)
  }
  return new HermesError('not_found', `there is no ${key}`)
}

function isGenerated(manifest: Manifest, { by, element, list }: NonNullable<Manifest['generated']>): HermesError {
  const { at } = manifest
  const place = `${at.file}:${at.line}`
  const fix = list === undefined ? `Edit ${element} in ${place}.` : `Edit ${element} in ${list}, or ${place} for all.`
  return new HermesError('generated', `${keyOf(manifest)} is made by ${by} in ${place} for ${element}`, { at, fix })
}
