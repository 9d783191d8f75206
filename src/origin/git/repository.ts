import { hash } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { replaceFile } from '../../atomic-write.ts'
import { HermesError } from '../../errors.ts'
import type { Blob } from './blobs.ts'
import { configEnv } from './config-env.ts'
import { exclusively } from './exclusively.ts'
import { fetchArgs } from './fetch-args.ts'
import type { GitAccess } from './git-access.ts'
import type { GitAnswer, GitCall, RunGit } from './git-command.ts'
import { gitFailure } from './git-failure.ts'
import { type GitHead, type GitRef, type GitSource, revisionOf, sourceOf } from './git-ref.ts'
import { lockInTheWay, outwaitLock, removeBeginnings } from './leftovers.ts'
import { type ObjectInfo, type ObjectReader, openObjectReader } from './object-reader.ts'
import { Patience } from './patience.ts'
import { tidy } from './tidy.ts'
import type { TreeChange } from './tree.ts'
import { treeChanges } from './tree-changes.ts'

export interface RepositoryOptions {
  /** Of the bare clone; created when missing. */
  readonly dir: string
  readonly url: string
  /** The default branch of the other side when absent. */
  readonly ref: GitRef | undefined
  readonly run: RunGit
  /** Asked before each exchange with the other side, so that credentials that changed are the ones used. */
  readonly openAccess: () => Promise<GitAccess>
  /** Milliseconds for which the other side may be silent. */
  readonly timeoutMs: number
}

/** Which git knows without having it. */
export const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'

/** As many of Git's own locks may be in the way of one run, and each is held for less than this, in milliseconds. */
const MOST_LOCKS = 5
const LOCK_MS = 5_000

/**
 * A bare, shallow clone without file contents: those of manifests are fetched when they are needed. Everything is read
 * from Git's objects at one commit. Failures are HermesErrors by what has to be done about them.
 *
 * Processes may share a clone when they work on it by `exclusively`. Git's own locks matter only where a killed process
 * left them, and are outwaited.
 * A server that knows no filters sends all contents at once; one that knows no shallow clones, that speaks only the
 * protocol before version 2 and sends no single objects, or whose ids are SHA-256, is `git_unsupported`.
 */
export class GitRepository {
  readonly #options: RepositoryOptions
  /** Where `fetch` puts what it found: two refs of one repository do not get into each other's way. */
  readonly #headRef: string
  #isOpen = false
  /** Open from the first question until the clone is let go of, so that not every question takes a process. */
  #reader: ObjectReader | undefined
  #isOurs = false
  /** At first there is nothing that a fetch could be the difference to. */
  #nextFilter = noContents

  constructor(options: RepositoryOptions) {
    this.#options = options
    this.#headRef = `refs/hermes/head/${shortHash([options.url, options.ref])}`
  }

  /** Where its objects are, for another repository to have them too. */
  get objectsDir(): string {
    return resolve(this.#options.dir, 'objects')
  }

  /** Runs work on the clone while no other process does. */
  async exclusively<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const alone = async (): Promise<T> => {
      this.#isOurs = true
      try {
        return await work()
      } finally {
        this.#isOurs = false
        await this.#closeReader()
      }
    }
    return await exclusively(`${this.#options.dir}.lock`, alone, signal)
  }

  /** Makes the clone where there is none, and clears away what a killed process left in one. */
  async open(signal: AbortSignal): Promise<void> {
    const { dir } = this.#options
    const present = await readFile(join(dir, 'config'), 'utf8').catch(() => undefined)
    if (present === undefined) await this.#create(signal)
    else if (!this.#isOpen) {
      if (present !== config) await writeFile(join(dir, 'config'), config)
      for (const left of ['making', 'new']) await rm(`${dir}.${left}`, { recursive: true, force: true })
      await removeBeginnings(dir)
    }
    this.#isOpen = true
  }

  /** Makes the clone anew from the other side; the present one stays until that has succeeded. */
  async renew(signal: AbortSignal): Promise<void> {
    const { dir } = this.#options
    const fresh = new GitRepository({ ...this.#options, dir: `${dir}.new` })
    try {
      await rm(`${dir}.new`, { recursive: true, force: true })
      await fresh.open(signal)
      await fresh.fetch(signal)
      await this.#closeReader()
      await rm(dir, { recursive: true, force: true })
      await rename(`${dir}.new`, dir)
    } finally {
      await rm(`${dir}.new`, { recursive: true, force: true })
    }
  }

  /** Fetches what the ref points to now, without file contents. */
  async fetch(signal: AbortSignal): Promise<GitHead> {
    const { dir, ref } = this.#options
    const { source, name, commit } = ref === undefined ? await this.#default(signal) : sourceOf(ref)
    if (commit === undefined || commit !== (await this.#commitAt(this.#headRef, signal))) {
      await this.#fetchHead(source, signal)
      // It is tried again after the next one.
      await tidy(dir, (call) => this.#check('tidy up', { ...call, signal })).catch(() => signal.throwIfAborted())
    }
    const found = await this.#commitAt(this.#headRef, signal)
    if (found === undefined) throw new HermesError('git_ref_missing', `${source} is not a commit`)
    return { commit: found, revision: revisionOf(name, found) }
  }

  /** Small files that changed come along: mostly they are the manifests that would be asked for next. */
  async #fetchHead(source: string, signal: AbortSignal): Promise<void> {
    const fetch = async (filter: string): Promise<void> => {
      const args = [...fetchArgs, filter, '--depth=1', 'origin', `+${source}:${this.#headRef}`]
      await this.#remote(`fetch ${source}`, { args, signal, heard: () => this.#expectReading(signal) })
    }
    const filter = this.#nextFilter
    try {
      await fetch(filter)
    } catch (error) {
      if (filter === noContents || !isFilterRefused(error)) throw error
      await fetch(noContents)
      this.#nextFilter = noContents
      return
    }
    this.#nextFilter = smallContents
  }

  /** What was noted last for a path, by an earlier process too. */
  async lastGood(path: string, signal: AbortSignal): Promise<GitHead | undefined> {
    const commit = await this.#commitAt(this.#goodRef(path), signal)
    if (commit === undefined) return undefined
    const { ref } = this.#options
    const name = ref === undefined ? await this.#ownBranch(signal) : sourceOf(ref).name
    return { commit, revision: revisionOf(name, commit) }
  }

  /** Notes that a commit came into force for a path; what it needs is kept. */
  async markGood(path: string, { commit, revision }: GitHead, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await this.#write(this.#goodRef(path), commit)
    if (this.#options.ref !== undefined) return
    const branch = revision.slice(0, revision.lastIndexOf('@'))
    await this.#write('HEAD', `ref: refs/heads/${branch}`)
  }

  /** The tree of a directory at a commit; undefined when it is not there. The empty path is the root. */
  async tree(commit: string, path: string, signal: AbortSignal): Promise<string | undefined> {
    const info = await this.#info(path === '' ? `${commit}^{tree}` : `${commit}:${path}`, signal)
    return info?.type === 'tree' ? info.oid : undefined
  }

  /** Whether an object is in the clone. */
  async has(oid: string, signal: AbortSignal): Promise<boolean> {
    return (await this.#info(oid, signal)) !== undefined
  }

  /** What differs between the files of two trees; everything when there is no earlier one. */
  async changes(before: string | undefined, tree: string, signal: AbortSignal): Promise<readonly TreeChange[]> {
    return await this.#read((reader) => treeChanges(reader, before, tree), signal)
  }

  /** Has the contents of these files sent, all at once. */
  async fetchBlobs(oids: readonly string[], signal: AbortSignal): Promise<void> {
    if (oids.length === 0) return
    const args = [...blobArgs, '--stdin', 'origin']
    await this.#remote('fetch file contents', { args, stdin: `${oids.join('\n')}\n`, signal })
  }

  /** The contents of files that were fetched. */
  async blobs(oids: readonly string[], signal: AbortSignal): Promise<readonly Blob[]> {
    const objects = await this.#read((reader) => reader.objects(oids), signal)
    return oids.map((oid, index) => ({ oid, bytes: objects[index]?.bytes }))
  }

  /** Their sizes in bytes; those that were not fetched are absent. */
  async sizes(oids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const infos = await this.#read((reader) => reader.infos(oids), signal)
    return new Map(infos.flatMap((info) => (info === undefined ? [] : [[info.oid, info.size] as const])))
  }

  /** Runs git in the clone, whatever it answers. */
  async ask(
    args: readonly string[],
    signal: AbortSignal,
    env: Readonly<Record<string, string>> = {},
  ): Promise<GitAnswer> {
    return await this.#run({ args, signal, env })
  }

  async #create(signal: AbortSignal): Promise<void> {
    const { dir } = this.#options
    const making = `${dir}.making`
    await rm(making, { recursive: true, force: true })
    await mkdir(dirname(dir), { recursive: true })
    await this.#check('create the clone', { args: ['init', '--quiet', '--bare', '--template=', making], signal })
    await writeFile(join(making, 'config'), config)
    await rm(dir, { recursive: true, force: true })
    await rename(making, dir)
  }

  /** The branch that the other side has checked out, and its commit. */
  async #default(signal: AbortSignal): Promise<GitSource> {
    const args = ['ls-remote', '--symref', 'origin', 'HEAD']
    const lines = (await this.#remote('look for the default branch', { args, signal })).stdout.toString('utf8')
    const commit = /^([0-9a-f]+)\tHEAD$/m.exec(lines)?.[1]
    if (commit === undefined)
      throw new HermesError('git_ref_missing', 'the repository has no commit on its default branch')
    const branch = /^ref: refs\/heads\/(.+)\tHEAD$/m.exec(lines)?.[1]
    return branch === undefined ? { source: 'HEAD', name: 'HEAD', commit } : { ...sourceOf({ branch }), commit }
  }

  /** Writes a ref as Git does (gitrepository-layout(5)), without a process of its own: that takes longer than all else. */
  async #write(ref: string, value: string): Promise<void> {
    const path = join(this.#options.dir, ref)
    await mkdir(dirname(path), { recursive: true })
    await replaceFile(path, `${value}\n`, 0o644)
  }

  async #ownBranch(signal: AbortSignal): Promise<string> {
    const { stdout } = await this.#check('look for the branch', { args: ['symbolic-ref', 'HEAD'], signal })
    return stdout.toString('utf8').trim().replace('refs/heads/', '')
  }

  #goodRef(path: string): string {
    const { url, ref } = this.#options
    return `refs/hermes/good/${shortHash([url, ref, path])}`
  }

  async #commitAt(ref: string, signal: AbortSignal): Promise<string | undefined> {
    return (await this.#info(`${ref}^{commit}`, signal))?.oid
  }

  async #info(name: string, signal: AbortSignal): Promise<ObjectInfo | undefined> {
    const [info] = await this.#read((reader) => reader.infos([name]), signal)
    return info
  }

  async #read<T>(ask: (reader: ObjectReader) => Promise<T>, signal: AbortSignal): Promise<T> {
    if (!this.#isOurs) {
      await using reader = this.#openReader(signal)
      return await ask(reader)
    }
    try {
      return await ask(this.#startReader(signal))
    } catch (error) {
      await this.#closeReader()
      throw error
    }
  }

  /** A reader takes a moment to be ready: while something is being sent there is time for that. */
  #expectReading(signal: AbortSignal): void {
    if (this.#isOurs) this.#startReader(signal)
  }

  #startReader(signal: AbortSignal): ObjectReader {
    this.#reader ??= this.#openReader(signal)
    return this.#reader
  }

  #openReader(signal: AbortSignal): ObjectReader {
    return openObjectReader(this.#options.run, this.#options.dir, signal)
  }

  async #closeReader(): Promise<void> {
    const reader = this.#reader
    this.#reader = undefined
    await reader?.[Symbol.asyncDispose]()
  }

  async #remote(what: string, call: GitCall): Promise<GitAnswer> {
    const { dir, url, openAccess, timeoutMs } = this.#options
    await using access = await openAccess()
    const env = { ...access.env, ...configEnv(promisor(url), access.env) }
    using patience = new Patience(timeoutMs)
    try {
      const signal = AbortSignal.any([call.signal, patience.signal])
      const heard = (): void => {
        patience.heard()
        call.heard?.()
      }
      return await this.#check(what, { ...call, env, signal, heard })
    } catch (error) {
      await removeBeginnings(dir)
      call.signal.throwIfAborted()
      if (!patience.signal.aborted) throw error
      throw new HermesError('git_unreachable', `${what}: no answer for ${timeoutMs / 1_000} s`)
    }
  }

  async #check(what: string, call: GitCall): Promise<GitAnswer> {
    let answer = await this.#run(call)
    for (let count = 0; answer.code !== 0 && count < MOST_LOCKS; count += 1) {
      const lock = lockInTheWay(answer.stderr)
      if (lock === undefined) break
      await outwaitLock(lock, LOCK_MS, call.signal)
      answer = await this.#run(call)
    }
    if (answer.code !== 0) throw gitFailure(what, answer)
    return answer
  }

  #run(call: GitCall): Promise<GitAnswer> {
    const { dir, run } = this.#options
    return run({ ...call, args: call.args[0] === 'init' ? call.args : ['--git-dir', dir, ...call.args] })
  }
}

/** Nothing of the other side is in it: what only reads must never go and fetch what it misses, one file at a time. */
const config = `[core]
	repositoryformatversion = 0
	bare = true
[gc]
	auto = 0
`

/** What makes the clone a partial one, for as long as one run takes. */
function promisor(url: string): readonly (readonly [string, string])[] {
  return [
    ['remote.origin.url', url],
    ['remote.origin.promisor', 'true'],
    ['remote.origin.partialclonefilter', 'blob:none'],
  ]
}

const noContents = '--filter=blob:none'
const smallContents = '--filter=blob:limit=16k'

/** Some servers allow only what they know to be cheap. */
function isFilterRefused(error: unknown): boolean {
  return error instanceof HermesError && /filter '?blob:limit.* not supported/.test(error.message)
}

/** As Git itself asks for what a clone without contents lacks: no negotiation over commits. */
const blobArgs = ['-c', 'fetch.negotiationAlgorithm=noop', ...fetchArgs, noContents]

function shortHash(value: unknown): string {
  return hash('sha256', JSON.stringify(value)).slice(0, 16)
}
