import { posix } from 'node:path'
import { setImmediate as breathe } from 'node:timers/promises'
import { HermesError } from '../../errors.ts'
import type { Problem } from '../../manifest/manifest.ts'
import { problem, startOf } from '../../manifest/problem.ts'
import type { ReadManifests } from '../../manifest/read.ts'
import { type Composed, composeSnapshot, nothingRead } from '../compose-snapshot.ts'
import { type FileEntry, keptFrom } from '../file-entry.ts'
import { type FindLists, type ReadWithLists, readWithLists } from '../lists.ts'
import type { Snapshot } from '../origin.ts'
import { isIgnored, isManifestFile } from '../walk.ts'
import { type Content, contentsOf } from './contents.ts'
import { entriesAt } from './entries-at.ts'
import type { GitHead } from './git-ref.ts'
import { isLfsPointer } from './lfs.ts'
import { type Found, linkProblem, mayHideManifests, resolveLinks } from './links.ts'
import { findLists } from './lists.ts'
import type { GitRepository } from './repository.ts'
import { nameText, type TreeChange, type TreeEntry } from './tree.ts'

export interface GitStateOptions {
  readonly repository: GitRepository
  /** Directory in the repository, without slashes at its ends; empty for all of it. */
  readonly path: string
  readonly read: ReadManifests
}

/** Files that are parsed before others get their turn. */
const SLICE = 16

/** What is known of a commit's manifests: brought from commit to commit by their differences, handed out whole. */
export class GitState {
  readonly #options: GitStateOptions
  /** Of the tree what may matter here: manifests, links, submodules. */
  #files: ReadonlyMap<string, TreeEntry> = new Map()
  #entries: ReadonlyMap<string, FileEntry> = new Map()
  /** Of which the clone holds all that matters here. */
  #tree: string | undefined
  #head: GitHead | undefined
  #composed: Composed = nothingRead

  constructor(options: GitStateOptions) {
    this.#options = options
  }

  /** Whether any commit was loaded. */
  get isLoaded(): boolean {
    return this.#composed !== nothingRead
  }

  /** The commit that was loaded last, and its tree below the path. */
  get newest(): { readonly head: GitHead; readonly tree: string } | undefined {
    return this.#head === undefined || this.#tree === undefined ? undefined : { head: this.#head, tree: this.#tree }
  }

  /** Whether this is the commit that was loaded last. */
  isAt({ commit }: GitHead): boolean {
    return this.#head?.commit === commit
  }

  /** The clone was made anew: what it held before has to be brought again. */
  cloneIsNew(): void {
    this.#tree = undefined
    this.#head = undefined
  }

  /**
   * Brings the state to a commit, all or nothing; what did not change since the one before is neither read nor parsed.
   * The revision stays as long as nothing below the path changes. Throws `git_path_missing`, or why Git failed.
   */
  async load(head: GitHead, signal: AbortSignal): Promise<void> {
    const { repository, path } = this.#options
    const tree = await repository.tree(head.commit, path, signal)
    if (tree === undefined) throw new HermesError('git_path_missing', `${path} is no directory in ${head.revision}`)
    if (tree !== this.#tree) await this.#loadTree(head, tree, signal)
    this.#head = head
  }

  /** The present state as a whole; with `trouble`, what kept a newer one from being loaded. */
  snapshot(trouble: readonly Problem[]): Snapshot {
    const { snapshot } = this.#composed
    return trouble.length === 0 ? snapshot : { ...snapshot, problems: [...trouble, ...snapshot.problems] }
  }

  async #loadTree(head: GitHead, tree: string, signal: AbortSignal): Promise<void> {
    const { repository, path } = this.#options
    // Another process may have made the clone anew, or tidied it.
    if (this.#tree !== undefined && !(await repository.has(this.#tree, signal))) this.cloneIsNew()
    const files = new Map(this.#tree === undefined ? [] : this.#files)
    const changes = await repository.changes(this.#tree, tree, signal)
    for (const change of changes) apply(files, change)
    await this.#fetchContents(changes, signal)
    const targets = await this.#targets(files, signal)
    const { found, problems, unsure } = resolveLinks(files, targets)
    const hiding = await this.#hiding(head.commit, unsure, signal)
    const changed = this.#tree === undefined ? undefined : new Set(changes.map(({ name }) => name))
    const entries = await this.#read(found, { tree, changed }, signal)
    const noted = repository.markGood(path, head, signal)
    const unseen = [...problems, ...hiding.map((name) => linkProblem(name, targets))]
    const composed = this.#compose(entries, head.revision, unseen)
    await noted
    this.#files = files
    this.#entries = entries
    this.#composed = composed
    this.#tree = tree
  }

  /** `unseen` are parts of the commit that cannot be told. */
  #compose(entries: ReadonlyMap<string, FileEntry>, revision: string, unseen: readonly Problem[]): Composed {
    return composeSnapshot({
      entries: [...entries.values()].toSorted((a, b) => (a.file < b.file ? -1 : 1)),
      revision,
      problems: unseen,
      complete: unseen.length === 0,
      stale: new Set(),
      before: this.#composed,
    })
  }

  /** Has the contents sent that the clone lacks. */
  async #fetchContents(changes: readonly TreeChange[], signal: AbortSignal): Promise<void> {
    const { repository } = this.#options
    const wanted = changes.flatMap(({ entry }) => (entry !== undefined && hasContent(entry) ? [entry.oid] : []))
    const oids = [...new Set(wanted)]
    const present = await repository.sizes(oids, signal)
    await repository.fetchBlobs(
      oids.filter((oid) => !present.has(oid)),
      signal,
    )
  }

  /** Where the links lead, by the link's name. */
  async #targets(files: ReadonlyMap<string, TreeEntry>, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const links = [...files.values()].filter(({ mode }) => mode === '120000')
    const contents = await this.#options.repository.blobs([...new Set(links.map(({ oid }) => oid))], signal)
    const texts = new Map(contents.map(({ oid, bytes }) => [oid, nameText(bytes ?? new Uint8Array())]))
    return new Map(links.map(({ name, oid }) => [name, texts.get(oid) ?? '']))
  }

  /** Those of the links that may hide manifests. */
  async #hiding(
    commit: string,
    unsure: ReadonlyMap<string, string | undefined>,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const { repository, path } = this.#options
    const places = [...unsure].map(([name, end]) => ({ name, end, place: posix.join(path, end ?? '..') }))
    const inside = places.map(({ place }) => place).filter((place) => place !== '..' && !place.startsWith('../'))
    const entries = await entriesAt(repository, commit, inside, signal)
    const hiding = places.filter(({ name, end, place }) => mayHideManifests(name, end, entries.get(place)?.mode))
    return hiding.map(({ name }) => name)
  }

  async #read(found: readonly Found[], lists: ListsAt, signal: AbortSignal): Promise<Map<string, FileEntry>> {
    const entries = new Map<string, FileEntry>()
    const unread = new Map<string, string[]>()
    const naming: Naming[] = []
    for (const { name, oid, problem: wrong } of found) {
      const known = this.#entries.get(name)
      if (known !== undefined && known.signature === oid && !isStale(known, lists)) entries.set(name, known)
      else if (wrong !== undefined) entries.set(name, this.#broken(name, oid, wrong))
      else unread.set(oid, [...(unread.get(oid) ?? []), name])
    }
    for await (const contents of contentsOf(this.#options.repository, new Set(unread.keys()), signal)) {
      let count = 0
      for (const [oid, content] of contents) {
        for (const file of unread.get(oid) ?? []) {
          const read = this.#entry(file, oid, content)
          if ('lists' in read) entries.set(file, read)
          else naming.push(read)
        }
        unread.delete(oid)
        count += 1
        if (count % SLICE === 0) await breathe(undefined, { signal })
      }
    }
    const [lacking] = unread.values()
    if (lacking !== undefined) throw new HermesError('git_failed', `the clone lacks the content of ${lacking[0]}`)
    await this.#readNaming(naming, { tree: lists.tree, entries }, signal)
    return entries
  }

  /** Reads manifests again with the lists that they name, which are looked up all at once. */
  async #readNaming(
    naming: readonly Naming[],
    { tree, entries }: { readonly tree: string; readonly entries: Map<string, FileEntry> },
    signal: AbortSignal,
  ): Promise<void> {
    const { repository, read } = this.#options
    const names = [...new Set(naming.flatMap((each) => each.names))]
    if (names.length === 0) return
    const lists = await findLists(repository, tree, names, signal)
    const find: FindLists = async (files) => files.flatMap((file) => lists.get(file) ?? [])
    for (const { file, oid, bytes } of naming) {
      entries.set(file, this.#declared(file, oid, await readWithLists(read, bytes, file, find)))
      await breathe(undefined, { signal })
    }
  }

  #entry(file: string, oid: string, content: Content): FileEntry | Naming {
    if ('tooLarge' in content) return this.#broken(file, oid, content.tooLarge(file))
    const { bytes } = content
    if (isLfsPointer(bytes)) {
      return this.#broken(file, oid, problem('git_lfs_pointer', `${file} is a pointer to Git LFS`, startOf(file)))
    }
    const result = this.#options.read(bytes, file)
    if (result.lists.length > 0) return { file, oid, bytes, names: result.lists }
    return this.#declared(file, oid, { result, lists: [] })
  }

  #declared(file: string, oid: string, { result, lists }: ReadWithLists): FileEntry {
    const { manifests: declared, problems, secrets } = result
    const kept = problems.length === 0 ? [] : keptFrom(this.#entries.get(file), declared)
    const about = { ...entryAt(file, oid), lists, ...(secrets === undefined ? {} : { secrets }) }
    return { ...about, declared: [...declared], kept, problems }
  }

  /** What the file declared before stays in force. */
  #broken(file: string, oid: string, found: Problem): FileEntry {
    const kept = keptFrom(this.#entries.get(file), [])
    return { ...entryAt(file, oid), lists: [], declared: [], kept, problems: [found] }
  }
}

/** Where lists are looked for, and the files that changed since the tree before; undefined when that is not known. */
interface ListsAt {
  readonly tree: string
  readonly changed: ReadonlySet<string> | undefined
}

/** A file of manifests that names lists. */
interface Naming {
  readonly file: string
  readonly oid: string
  readonly bytes: Uint8Array
  readonly names: readonly string[]
}

function isStale({ lists }: FileEntry, { changed }: ListsAt): boolean {
  return lists.some(({ file }) => changed?.has(file) !== false)
}

function entryAt(file: string, oid: string): Pick<FileEntry, 'file' | 'signature' | 'hash' | 'ownHash' | 'changedAt'> {
  return { file, signature: oid, hash: oid, ownHash: oid, changedAt: 0 }
}

function apply(files: Map<string, TreeEntry>, { name, entry }: TreeChange): void {
  if (entry !== undefined && isRelevant(entry)) files.set(name, entry)
  else files.delete(name)
}

function isRelevant({ name, mode }: TreeEntry): boolean {
  const parts = name.split('/')
  if (parts.some(isIgnored)) return false
  return mode === '160000' || mode === '120000' || isManifestFile(parts.at(-1) ?? '')
}

function hasContent(entry: TreeEntry): boolean {
  return isRelevant(entry) && entry.mode !== '160000'
}
