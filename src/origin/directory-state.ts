import { hash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Problem } from '../manifest/manifest.ts'
import { problem, startOf } from '../manifest/problem.ts'
import type { ReadManifests } from '../manifest/read.ts'
import { type Composed, composeSnapshot, nothingRead } from './compose-snapshot.ts'
import { concurrently } from './concurrently.ts'
import { codeOf, type FileEntry, isGone, keptFrom, readEntry, readProblem, unreadable } from './file-entry.ts'
import { listFinder, listSignatures } from './find-lists.ts'
import type { Snapshot } from './origin.ts'
import { isManifestFile, type Listing, walk } from './walk.ts'

/** Files written so many milliseconds ago are not believed at once when they are broken. */
const freshMs = 1_000
const recheckMs = 200
const maxLooks = 10
const emptyHash = hash('sha256', '')
const parallelReads = 8

export interface DirectoryStateOptions {
  readonly root: string
  readonly read: ReadManifests
  readonly clock: Clock
}

/** What is known of a directory of manifests: brought up to date file by file, handed out as whole snapshots. */
export class DirectoryState {
  readonly #options: DirectoryStateOptions
  readonly #entries = new Map<string, FileEntry>()
  #sorted: readonly FileEntry[] | undefined
  #directories: ReadonlySet<string> = new Set()
  #problems: readonly Problem[] = []
  #complete = true
  #stale: ReadonlySet<string> = new Set()
  #composed: Composed = nothingRead

  constructor(options: DirectoryStateOptions) {
    this.#options = options
  }

  /** Lists everything and reads what changed. */
  async refreshAll(signal: AbortSignal): Promise<void> {
    // A file that vanishes between listing and reading was probably moved: list once more to find it.
    if (await this.#listAndRead(signal)) await this.#listAndRead(signal)
  }

  /** Reads these manifests and lists if they changed. False when one of them asks for a list of everything. */
  async refreshFiles(files: ReadonlySet<string>, signal: AbortSignal): Promise<boolean> {
    if (!this.#complete || [...files].some((file) => !this.#isListed(file))) return false
    const manifests = [...files].filter((file) => isManifestFile(file.slice(file.lastIndexOf('/') + 1)))
    const gone = await this.#read(new Set([...manifests, ...this.#naming(files)]), signal)
    for (const file of gone) this.#remove(file)
    return true
  }

  /** Whether a file is a list that manifests name. */
  isList(file: string): boolean {
    for (const { lists } of this.#entries.values()) if (lists.some((list) => list.file === file)) return true
    return false
  }

  /** The present state as a whole. */
  snapshot(): Snapshot {
    this.#sorted ??= [...this.#entries.values()].toSorted((a, b) => (a.file < b.file ? -1 : 1))
    this.#composed = composeSnapshot({
      entries: this.#sorted,
      revision: revisionOf(this.#sorted),
      problems: this.#problems,
      complete: this.#complete,
      stale: this.#stale,
      before: this.#composed,
    })
    return this.#composed.snapshot
  }

  /** Files elsewhere (behind a link that was not followed) are a matter for the walk. */
  #isListed(file: string): boolean {
    return this.#entries.has(file) || this.#directories.has(file.slice(0, Math.max(0, file.lastIndexOf('/'))))
  }

  /** Resolves to whether a listed file was gone when it was to be read. */
  async #listAndRead(signal: AbortSignal): Promise<boolean> {
    const listing = await this.#list()
    if (listing === undefined) return false
    const others = [...listing.files].filter(([file, signature]) => this.#entries.get(file)?.signature !== signature)
    const stale = (await this.#withChangedLists()).filter((file) => listing.files.has(file))
    const changed = new Set([...others.map(([file]) => file), ...stale])
    const gone = await this.#read(changed, signal)
    for (const file of gone) listing.files.delete(file)
    for (const [file, error] of listing.unreadable) this.#put(unreadable(file, error, this.#entries.get(file)))
    this.#settle(listing)
    return gone.length > 0
  }

  /** The manifests that name one of these lists. */
  #naming(files: ReadonlySet<string>): readonly string[] {
    const entries = [...this.#entries.values()]
    return entries.filter(({ lists }) => lists.some(({ file }) => files.has(file))).map(({ file }) => file)
  }

  async #withChangedLists(): Promise<readonly string[]> {
    const naming = [...this.#entries.values()].filter(({ lists }) => lists.length > 0)
    const names = new Set(naming.flatMap(({ lists }) => lists.map(({ file }) => file)))
    const now = await listSignatures(this.#options.root, names)
    return naming
      .filter(({ lists }) => lists.some(({ file, signature }) => now.get(file) !== signature))
      .map(({ file }) => file)
  }

  async #list(): Promise<Listing | undefined> {
    try {
      return await walk(this.#options.root)
    } catch (error) {
      this.#problems = [this.#rootProblem(error)]
      this.#complete = false
      this.#stale = new Set(this.#entries.keys())
      return undefined
    }
  }

  #rootProblem(error: unknown): Problem {
    const { root } = this.#options
    if (!isGone(error)) return readProblem(root, error)
    const what = codeOf(error) === 'ENOTDIR' ? 'is not a directory' : 'does not exist'
    return problem('manifests_missing', `${root} ${what}`, startOf(root))
  }

  /** Forgets what the listing no longer has, except below directories that could not be listed. */
  #settle({ files, unreadable: unread, unlisted, directories, problems }: Listing): void {
    const stale = new Set<string>()
    for (const file of this.#entries.keys()) {
      if (files.has(file) || unread.has(file)) continue
      if ([...unlisted].some((directory) => file.startsWith(`${directory}/`))) stale.add(file)
      else this.#remove(file)
    }
    this.#stale = stale
    this.#directories = directories
    this.#problems = problems
    this.#complete = unlisted.size === 0
  }

  /** Reads files and returns those that are not there. What looks half written is looked at again a moment later. */
  async #read(files: Iterable<string>, signal: AbortSignal): Promise<readonly string[]> {
    const gone: string[] = []
    const seen = new Map<string, string>()
    let pending = files
    for (let look = 1; look <= maxLooks; look++) {
      const suspects: string[] = []
      await this.#readEach(pending, signal, (file, entry) => {
        if (entry === undefined) gone.push(file)
        else if (look < maxLooks && this.#looksHalfWritten(entry, seen.get(file))) suspects.push(file)
        else this.#put(entry)
        if (entry !== undefined) seen.set(file, entry.hash)
      })
      if (suspects.length === 0) break
      await this.#options.clock.sleep(recheckMs, signal)
      pending = suspects
    }
    return gone
  }

  async #readEach(
    files: Iterable<string>,
    signal: AbortSignal,
    done: (file: string, entry: FileEntry | undefined) => void,
  ): Promise<void> {
    const { root, read, clock } = this.#options
    await concurrently(files, parallelReads, async (file) => {
      signal.throwIfAborted()
      const now = clock.now()
      done(file, await readEntry(file, this.#entries.get(file), { root, read, find: listFinder(root, now), now }))
    })
  }

  /**
   * A file that was written a moment ago and is broken, or declares less than before, may be in the middle of being
   * written. It is believed when it stands so a while longer; an empty one only when it is no longer fresh.
   */
  #looksHalfWritten(entry: FileEntry, seenHash: string | undefined): boolean {
    const before = this.#entries.get(entry.file)
    const age = Math.abs(this.#options.clock.now() - entry.changedAt)
    if (before?.hash === entry.hash || age > freshMs) return false
    const isLess = entry.declared.length < (before?.declared.length ?? 0) || lacksAny(entry, before)
    if (entry.problems.length === 0 && !isLess) return false
    return seenHash !== entry.hash || entry.hash === emptyHash
  }

  #put(entry: FileEntry): void {
    this.#entries.set(entry.file, entry)
    this.#sorted = undefined
  }

  #remove(file: string): void {
    if (this.#entries.delete(file)) this.#sorted = undefined
  }
}

/** A list that is cut short may end in the middle of an element, and so have as many as before. */
function lacksAny(entry: FileEntry, before: FileEntry | undefined): boolean {
  return entry.lists.length > 0 && keptFrom(before, entry.declared).length > 0
}

function revisionOf(entries: readonly FileEntry[]): string {
  return `sha256:${hash('sha256', entries.map((entry) => `${entry.file}\0${entry.hash}\n`).join(''))}`
}
