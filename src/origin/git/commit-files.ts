import { posix } from 'node:path'
import { HermesError } from '../../errors.ts'
import type { FindLists } from '../lists.ts'
import type { FilesAtHand, OpenManifest } from '../manifest-place.ts'
import { entriesAt } from './entries-at.ts'
import type { Newest } from './git-origin.ts'
import { findLists } from './lists.ts'
import type { GitRepository } from './repository.ts'
import { parseTree } from './tree.ts'

/** What is to differ from a commit, by path in the repository. */
export interface FileChanges {
  readonly files: ReadonlyMap<string, string>
  /** Modes other than that of an ordinary file. */
  readonly modes: ReadonlyMap<string, string>
  readonly removed: readonly string[]
}

export interface CommitFilesOptions {
  readonly repository: GitRepository
  /** Where manifests are in the repository; empty for all of it. */
  readonly path: string
  readonly signal: AbortSignal
}

/** The files of a commit as they would be after a change, which is collected and not written. */
export class CommitFiles implements FilesAtHand {
  readonly #options: CommitFilesOptions
  readonly #newest: Newest
  readonly #files = new Map<string, string>()
  readonly #modes = new Map<string, string>()
  readonly #removed = new Set<string>()

  constructor(newest: Newest, options: CommitFilesOptions) {
    this.#options = options
    this.#newest = newest
  }

  get manifests(): FilesAtHand['manifests'] {
    return this.#newest.manifests
  }

  readonly findLists: FindLists = async (files) => {
    const { repository, signal } = this.#options
    const found = await findLists(repository, this.#newest.tree, files, signal)
    return files.flatMap((file) => found.get(file) ?? [])
  }

  async open(file: string): Promise<OpenManifest> {
    const { repository, signal } = this.#options
    const entry = (await entriesAt(repository, this.#newest.tree, [file], signal)).get(file)
    if (entry === undefined || !entry.mode.startsWith('100')) {
      const fix = 'Edit the file that it leads to.'
      throw new HermesError('request_invalid', `${file} is no file of its own in the repository`, { fix })
    }
    const [blob] = await repository.blobs([entry.oid], signal)
    if (blob?.bytes === undefined) throw new HermesError('git_failed', `the clone lacks the content of ${file}`)
    return {
      file,
      text: blob.bytes.toString('utf8'),
      save: async (text) => {
        this.#files.set(file, text)
        this.#modes.set(file, entry.mode)
      },
      delete: async () => {
        this.#removed.add(file)
      },
    }
  }

  async create(file: string, text: string): Promise<boolean> {
    const { repository, signal } = this.#options
    const present = await entriesAt(repository, this.#newest.tree, [file], signal)
    if (present.has(file) || this.#files.has(file)) return false
    this.#files.set(file, text)
    return true
  }

  /** What came of it; undefined when nothing is to be written. */
  async changes(): Promise<FileChanges | undefined> {
    if (this.#files.size === 0 && this.#removed.size === 0) return undefined
    const { path } = this.#options
    const kept: readonly [string, string][] = (await this.#isLeftEmpty()) ? [['.gitkeep', '']] : []
    const inPath = <T>([file, value]: readonly [string, T]): readonly [string, T] => [posix.join(path, file), value]
    return {
      files: new Map([...this.#files, ...kept].map(inPath)),
      modes: new Map([...this.#modes].map(inPath)),
      removed: [...this.#removed].map((file) => posix.join(path, file)),
    }
  }

  /** A directory without files is gone from Git, and manifests from one that is gone stay in force. */
  async #isLeftEmpty(): Promise<boolean> {
    const { repository, path, signal } = this.#options
    if (path === '' || this.#removed.size === 0 || this.#files.size > 0) return false
    const listed = await repository.ask(['ls-tree', '-r', '-z', '--full-tree', this.#newest.tree], signal)
    return parseTree(listed.stdout).every(({ name }) => this.#removed.has(name))
  }
}
