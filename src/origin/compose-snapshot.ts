import type { Key, Manifest, Problem } from '../manifest/manifest.ts'
import { problem } from '../manifest/problem.ts'
import { duplicateSecrets } from '../manifest/secret-file.ts'
import type { FileEntry } from './file-entry.ts'
import type { Snapshot } from './origin.ts'

/** A snapshot, and what is in force with it. */
export interface Composed {
  readonly entries: readonly FileEntry[]
  readonly snapshot: Snapshot
  readonly inForce: ReadonlyMap<Key, Manifest>
  /** Every file declares manifests and nothing else is to be said of it: no problems, secrets or lists. */
  readonly isPlain: boolean
}

/** Before anything was read. */
export const nothingRead: Composed = {
  entries: [],
  snapshot: { revision: '', manifests: [], problems: [], brokenFiles: new Set(), complete: false },
  inForce: new Map(),
  isPlain: false,
}

/** Everything a snapshot is made of; entries sorted by file. */
export interface Parts {
  readonly entries: readonly FileEntry[]
  readonly revision: string
  /** Problems of the origin itself. */
  readonly problems: readonly Problem[]
  readonly complete: boolean
  /** Files of which only earlier content is known. */
  readonly stale: ReadonlySet<string>
  readonly before: Composed
}

export function composeSnapshot(parts: Parts): Composed {
  return composeEdited(parts) ?? composeAnew(parts)
}

/** When files were edited and still declare what they declared, which is what mostly happens, the rest stays as it is. */
function composeEdited({ entries, before, problems, stale, complete, revision }: Parts): Composed | undefined {
  const isEven = before.isPlain && problems.length === 0 && stale.size === 0
  if (!isEven || entries.length !== before.entries.length) return undefined
  const inForce = new Map(before.inForce)
  for (const [index, entry] of entries.entries()) {
    const earlier = before.entries[index]
    if (entry === earlier) continue
    if (!isPlain(entry) || !declaresTheSame(entry, earlier)) return undefined
    for (const each of entry.declared) inForce.set(each.key, each)
  }
  const snapshot = { ...before.snapshot, revision, manifests: [...inForce.values()], complete }
  return { entries, snapshot, inForce, isPlain: true }
}

function isPlain({ problems, secrets, lists }: FileEntry): boolean {
  return problems.length === 0 && secrets === undefined && lists.length === 0
}

function declaresTheSame({ file, declared }: FileEntry, earlier: FileEntry | undefined): boolean {
  if (file !== earlier?.file || declared.length !== earlier.declared.length) return false
  return declared.every((each, index) => each.key === earlier.declared[index]?.key)
}

function composeAnew(parts: Parts): Composed {
  const { stale, complete } = parts
  const before = parts.before.inForce
  const entries = withoutLists(parts.entries)
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
    // What is known to hold secrets declares nothing, however broken it is.
    if (entry.secrets === undefined) brokenFiles.add(entry.file)
    problems.push(...entry.problems)
    for (const each of entry.kept) if (!inForce.has(each.key)) inForce.set(each.key, each)
  }
  const secrets = entries.flatMap((entry) => entry.secrets ?? [])
  problems.push(...duplicateSecrets(secrets))
  const { revision } = parts
  const manifests = [...inForce.values()]
  const empty = entries.filter(isEmpty).map(({ file }) => file)
  const more = empty.length === 0 ? {} : { empty }
  const snapshot = { revision, manifests, problems: toldOnce(problems), brokenFiles, complete, ...more }
  return {
    entries: parts.entries,
    snapshot: secrets.length === 0 ? snapshot : { ...snapshot, secrets },
    inForce,
    isPlain: problems.length === 0 && stale.size === 0 && parts.entries.every(isPlain),
  }
}

function isEmpty({ declared, problems, secrets }: FileEntry): boolean {
  return declared.length === 0 && problems.length === 0 && secrets === undefined
}

/** A list in YAML or JSON that a manifest names is no manifest gone wrong. */
function withoutLists(entries: readonly FileEntry[]): readonly FileEntry[] {
  const named = new Set(entries.flatMap(({ lists }) => lists.map(({ file }) => file)))
  return named.size === 0 ? entries : entries.filter((entry) => !named.has(entry.file) || !isList(entry))
}

function isList({ declared, problems }: FileEntry): boolean {
  return declared.length === 0 && problems.length > 0 && problems.every(({ code }) => code === 'not_a_manifest')
}

/** What makes a list no YAML is found twice: as a manifest's fault, and by who names it. */
function toldOnce(problems: readonly Problem[]): readonly Problem[] {
  const ofLists = new Set(problems.filter(({ manifest }) => manifest !== undefined).map(placedCode))
  return problems.filter((each) => each.manifest !== undefined || !ofLists.has(placedCode(each)))
}

function placedCode({ at, code }: Problem): string {
  return `${code} ${at.line}:${at.column} ${at.file}`
}

function declarations(entries: readonly FileEntry[]): { inForce: Map<Key, Manifest>; twice: Map<Key, Manifest[]> } {
  const inForce = new Map<Key, Manifest>()
  const twice = new Map<Key, Manifest[]>()
  for (const { declared } of entries) {
    for (const each of declared) {
      const { key } = each
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
  const message = `${manifest.key} is also declared in ${shown.join(', ')}`
  return problem('duplicate_name', message, manifest.locate('metadata.name'), { path: 'metadata.name' })
}
