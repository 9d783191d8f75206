import type { Key } from '../manifest/manifest.ts'

/** What a resource refers to. */
export type References = (key: Key) => readonly Key[]

/** How many references deep each key stands among `keys`; 0 refers to none of them. A circle is cut somewhere. */
export function referenceLevels(keys: readonly Key[], references: References): ReadonlyMap<Key, number> {
  const wanted = new Set(keys)
  const levels = new Map<Key, number>()
  const levelOf = (key: Key): number => {
    const known = levels.get(key)
    if (known !== undefined) return known
    levels.set(key, 0)
    const below = references(key).filter((reference) => wanted.has(reference))
    const level = below.reduce((deepest, reference) => Math.max(deepest, levelOf(reference) + 1), 0)
    levels.set(key, level)
    return level
  }
  for (const key of keys) levelOf(key)
  return levels
}

/** Keys with what they refer to before them; within a level by name. */
export function referenceOrder(keys: readonly Key[], references: References): readonly Key[] {
  const levels = referenceLevels(keys, references)
  return keys.toSorted((one, other) => (levels.get(one) ?? 0) - (levels.get(other) ?? 0) || byName(one, other))
}

/** Keys with what they refer to behind them; within a level by name. */
export function removalOrder(keys: readonly Key[], references: References): readonly Key[] {
  const levels = referenceLevels(keys, references)
  return keys.toSorted((one, other) => (levels.get(other) ?? 0) - (levels.get(one) ?? 0) || byName(one, other))
}

/** Whether following references leads from one key to another. */
export function reaches(from: Key, to: Key, references: References): boolean {
  const seen = new Set<Key>()
  const open = [from]
  for (let key = open.pop(); key !== undefined; key = open.pop()) {
    if (key === to) return true
    if (seen.has(key)) continue
    seen.add(key)
    open.push(...references(key))
  }
  return false
}

function byName(one: Key, other: Key): number {
  return one < other ? -1 : one > other ? 1 : 0
}
