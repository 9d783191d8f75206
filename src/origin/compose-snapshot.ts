import { hash } from 'node:crypto'
import { type Key, keyOf, type Manifest, type Problem } from '../manifest/manifest.ts'
import { problem } from '../manifest/problem.ts'
import type { FileEntry } from './file-entry.ts'
import type { Snapshot } from './origin.ts'

/** Everything a snapshot is made of; entries sorted by file. */
export interface Parts {
  readonly entries: readonly FileEntry[]
  /** Problems of the directory itself. */
  readonly problems: readonly Problem[]
  readonly complete: boolean
  /** Files of which only earlier content is known. */
  readonly stale: ReadonlySet<string>
  /** What was in force before, by key. */
  readonly before: ReadonlyMap<Key, Manifest>
}

/** The snapshot, and what is in force with it. */
export function composeSnapshot(parts: Parts): { snapshot: Snapshot; inForce: ReadonlyMap<Key, Manifest> } {
  const { entries, stale, before, complete } = parts
  const brokenFiles = new Set(stale)
  const problems = [...parts.problems]
  const { inForce, twice } = declarations(entries)
  for (const [key, places] of twice) {
    for (const each of places) brokenFiles.add(each.at.file)
    problems.push(...places.map((each) => duplicate(each, places)))
    const earlier = before.get(key)
    if (earlier === undefined) inForce.delete(key)
    else inForce.set(key, earlier)
  }
  for (const entry of entries) {
    if (entry.problems.length === 0) continue
    brokenFiles.add(entry.file)
    problems.push(...entry.problems)
    for (const each of entry.kept) if (!inForce.has(keyOf(each))) inForce.set(keyOf(each), each)
  }
  const snapshot = { revision: revisionOf(entries), manifests: [...inForce.values()], problems, brokenFiles, complete }
  return { snapshot, inForce }
}

function declarations(entries: readonly FileEntry[]): { inForce: Map<Key, Manifest>; twice: Map<Key, Manifest[]> } {
  const inForce = new Map<Key, Manifest>()
  const twice = new Map<Key, Manifest[]>()
  for (const { declared } of entries) {
    for (const each of declared) {
      const key = keyOf(each)
      const other = inForce.get(key)
      if (other === undefined) inForce.set(key, each)
      else twice.set(key, [...(twice.get(key) ?? [other]), each])
    }
  }
  return { inForce, twice }
}

function duplicate(manifest: Manifest, places: readonly Manifest[]): Problem {
  const others = places.filter((each) => each !== manifest).map(({ at }) => `${at.file}:${at.line}`)
  const shown = others.length > 3 ? [...others.slice(0, 3), `${others.length - 3} more places`] : others
  const message = `${keyOf(manifest)} is also declared in ${shown.join(', ')}`
  return problem('duplicate_name', message, manifest.locate('metadata.name'), { path: 'metadata.name' })
}

function revisionOf(entries: readonly FileEntry[]): string {
  return `sha256:${hash('sha256', entries.map((entry) => `${entry.file}\0${entry.hash}\n`).join(''))}`
}
