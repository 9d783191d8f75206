import type { Clock } from '../../clock.ts'
import { HermesError } from '../../errors.ts'
import type { BareRepository } from './bare-repository.ts'
import { type FetchedBranch, fetchBranch, lookAtBranch } from './branch-files.ts'
import { failureOf, isOurs } from './git-failure.ts'
import { importStream } from './import-stream.ts'
import { judgePush } from './push-answer.ts'

export interface BranchWriterOptions {
  readonly repository: BareRepository
  readonly branch: string
  /** Whether the repository's own branch is the one that is followed: then this one must not be it. */
  readonly followsDefault: boolean
  readonly clock: Clock
  /** `Name <address>`. */
  readonly author?: string
  /** A commit beyond so many takes the place of all of them. */
  readonly maxCommits?: number
}

/** What a branch holds. */
export interface BranchContent {
  /** By path; none where there is no such branch. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** When it was last changed, milliseconds since the epoch; absent where there is no such branch. */
  readonly committedAt?: number
}

/** One commit: whole files, by path. */
export interface BranchChange {
  readonly files: ReadonlyMap<string, string>
  readonly removed: readonly string[]
  readonly message: string
}

/** A branch of its own history, read and written without a work tree. */
export interface BranchWriter {
  /** What the other side has now. */
  read(signal: AbortSignal): Promise<BranchContent>
  /**
   * Puts a commit on what was last read or committed, and resolves once the other side has it. False when somebody else
   * was faster: nothing was written, and it has to be read again.
   */
  commit(change: BranchChange, signal: AbortSignal): Promise<boolean>
}

const NEXT = 'refs/hermes/next'
/** Whose commits they are where nothing else is wanted. */
export const usualAuthor = 'Hermes <hermes@localhost>'
const MAX_COMMITS = 200

export function branchWriter(options: BranchWriterOptions): BranchWriter {
  return new GitBranchWriter(options)
}

class GitBranchWriter implements BranchWriter {
  readonly #options: Required<BranchWriterOptions>
  #head: string | undefined
  #commits = 0
  /** Hosts may forbid to replace a history; then it grows. */
  #mayFold = true

  constructor(options: BranchWriterOptions) {
    this.#options = { author: usualAuthor, maxCommits: MAX_COMMITS, ...options }
  }

  async read(signal: AbortSignal): Promise<BranchContent> {
    return await this.#mending(async () => {
      const fetched = await this.#fetch(signal)
      this.#head = fetched?.head
      this.#commits = fetched?.commits ?? 0
      return fetched ?? { files: new Map() }
    })
  }

  async commit(change: BranchChange, signal: AbortSignal): Promise<boolean> {
    return await this.#mending(async () => {
      const folds = this.#mayFold && this.#head !== undefined && this.#commits >= this.#options.maxCommits
      if (!folds) return await this.#push(change, false, signal)
      try {
        return await this.#push(change, true, signal)
      } catch (error) {
        if (failureOf(error).code !== 'git_push_refused') throw error
        this.#mayFold = false
        return await this.#push(change, false, signal)
      }
    })
  }

  async #fetch(signal: AbortSignal): Promise<FetchedBranch | undefined> {
    const { repository, branch, followsDefault, maxCommits } = this.#options
    await repository.open(signal)
    const { head, isDefault } = await lookAtBranch(repository, branch, signal)
    if (followsDefault && isDefault) {
      throw new HermesError('setting_invalid', `${branch} is the branch that is followed: nothing is written to it`, {
        fix: 'Name another one with --status-branch, or the one to follow with --branch.',
      })
    }
    return head === undefined ? undefined : await fetchBranch(repository, branch, maxCommits + 1, signal)
  }

  /** With `folds` a commit without a past takes the branch's place, if that is still where it was. */
  async #push(change: BranchChange, folds: boolean, signal: AbortSignal): Promise<boolean> {
    const { repository, branch, maxCommits } = this.#options
    const head = this.#head
    const ref = `refs/heads/${branch}`
    const commit = await this.#import(change, folds, signal)
    const lease = folds ? [`--force-with-lease=${ref}:${head}`] : []
    const args = ['push', '--porcelain', '--progress', '--no-verify', ...lease, 'origin', `${commit}:${ref}`]
    const pushed = judgePush(branch, await repository.remote(`push ${branch}`, args, signal))
    if (!pushed) return false
    this.#head = commit
    this.#commits = folds ? 1 : Math.min(this.#commits, maxCommits) + 1
    await repository.local('tidy up', ['gc', '--auto', '--quiet'], signal)
    return true
  }

  async #import(change: BranchChange, folds: boolean, signal: AbortSignal): Promise<string> {
    const { repository, author, clock } = this.#options
    const head = this.#head
    const base = head === undefined ? {} : folds ? { tree: await this.#treeOf(head, signal) } : { parent: head }
    const message = folds
      ? `${change.message}\nThe ${this.#commits} commits before this one are folded into it.\n`
      : change.message
    const stdin = await importStream({ ref: NEXT, ...base, ...change, message, author, at: clock.now() })
    const args = ['fast-import', '--quiet', '--done', '--force']
    return (await repository.local('make the commit', args, signal, stdin)).toString('latin1').trim()
  }

  async #treeOf(commit: string, signal: AbortSignal): Promise<string> {
    const tree = await this.#options.repository.local('look at the tree', ['rev-parse', `${commit}^{tree}`], signal)
    return tree.toString('latin1').trim()
  }

  /** A repository of ours that fails by itself is made anew next time: what counts is on the other side. */
  async #mending<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      this.#head = undefined
      if (isOurs(failureOf(error))) await this.#options.repository.remove()
      throw error
    }
  }
}
