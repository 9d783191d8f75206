import { hash } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { HermesError } from '../../errors.ts'
import { type Blob, parseBlobs } from './blobs.ts'
import { configEnv } from './config-env.ts'
import { entriesAt } from './entries-at.ts'
import { exclusively } from './exclusively.ts'
import { fetchArgs } from './fetch-args.ts'
import type { GitAccess } from './git-access.ts'
import type { GitAnswer, GitCall, RunGit } from './git-command.ts'
import { gitFailure } from './git-failure.ts'
import { type GitHead, type GitRef, type GitSource, revisionOf, sourceOf } from './git-ref.ts'
import { lockInTheWay, outwaitLock, removeBeginnings } from './leftovers.ts'
import { Patience } from './patience.ts'
import { tidy } from './tidy.ts'
import { parseTreeChanges, type TreeChange } from './tree.ts'

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

const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'
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
    return await exclusively(`${this.#options.dir}.lock`, work, signal)
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
      const args = [...partialFetch, '--depth=1', 'origin', `+${source}:${this.#headRef}`]
      await this.#remote(`fetch ${source}`, { args, signal })
      // It is tried again after the next one.
      await tidy(dir, (call) => this.#check('tidy up', { ...call, signal })).catch(() => signal.throwIfAborted())
    }
    const found = await this.#commitAt(this.#headRef, signal)
    if (found === undefined) throw new HermesError('git_ref_missing', `${source} is not a commit`)
    return { commit: found, revision: revisionOf(name, found) }
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
    await this.#check('note the revision', { args: ['update-ref', this.#goodRef(path), commit], signal })
    if (this.#options.ref !== undefined) return
    const branch = revision.slice(0, revision.lastIndexOf('@'))
    await this.#check('note the branch', { args: ['symbolic-ref', 'HEAD', `refs/heads/${branch}`], signal })
  }

  /** The tree of a directory at a commit; undefined when it is not there. The empty path is the root. */
  async tree(commit: string, path: string, signal: AbortSignal): Promise<string | undefined> {
    if (path === '') {
      const root = await this.#check('look at the commit', { args: ['rev-parse', `${commit}^{tree}`], signal })
      return root.stdout.toString('latin1').trim()
    }
    const entry = (await entriesAt(this, commit, [path], signal)).get(path)
    return entry?.mode === '040000' ? entry.oid : undefined
  }

  /** Whether an object is in the clone. */
  async has(oid: string, signal: AbortSignal): Promise<boolean> {
    return (await this.ask(['cat-file', '-e', oid], signal)).code === 0
  }

  /** What differs between two trees; everything when there is no earlier one. */
  async changes(before: string | undefined, tree: string, signal: AbortSignal): Promise<readonly TreeChange[]> {
    const args = ['diff-tree', '-r', '-z', '--no-renames', '--no-commit-id', before ?? EMPTY_TREE, tree]
    return parseTreeChanges((await this.#check('compare two commits', { args, signal })).stdout)
  }

  /** Has the contents of these files sent, all at once. */
  async fetchBlobs(oids: readonly string[], signal: AbortSignal): Promise<void> {
    if (oids.length === 0) return
    const args = [...blobArgs, '--stdin', 'origin']
    await this.#remote('fetch file contents', { args, stdin: `${oids.join('\n')}\n`, signal })
  }

  /** The contents of files that were fetched. */
  async blobs(oids: readonly string[], signal: AbortSignal): Promise<readonly Blob[]> {
    if (oids.length === 0) return []
    const call = { args: ['cat-file', '--batch', '--buffer'], stdin: `${oids.join('\n')}\n`, signal }
    return [...parseBlobs((await this.#check('read file contents', call)).stdout)]
  }

  /** Their sizes in bytes; those that were not fetched are absent. */
  async sizes(oids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    if (oids.length === 0) return new Map()
    const args = ['cat-file', '--batch-check=%(objectname) %(objectsize)', '--buffer']
    const { stdout } = await this.#check('look at file contents', { args, stdin: `${oids.join('\n')}\n`, signal })
    const pairs = stdout
      .toString('latin1')
      .split('\n')
      .map((line) => line.split(' '))
    return new Map(pairs.flatMap(([oid = '', size = '']) => (/^\d+$/.test(size) ? [[oid, Number(size)] as const] : [])))
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

  async #ownBranch(signal: AbortSignal): Promise<string> {
    const { stdout } = await this.#check('look for the branch', { args: ['symbolic-ref', 'HEAD'], signal })
    return stdout.toString('utf8').trim().replace('refs/heads/', '')
  }

  #goodRef(path: string): string {
    const { url, ref } = this.#options
    return `refs/hermes/good/${shortHash([url, ref, path])}`
  }

  async #commitAt(ref: string, signal: AbortSignal): Promise<string | undefined> {
    const answer = await this.ask(['rev-parse', '--quiet', '--verify', `${ref}^{commit}`], signal)
    return answer.code === 0 ? answer.stdout.toString('latin1').trim() : undefined
  }

  async #remote(what: string, call: GitCall): Promise<GitAnswer> {
    const { dir, url, openAccess, timeoutMs } = this.#options
    await using access = await openAccess()
    const env = { ...access.env, ...configEnv(promisor(url), access.env) }
    using patience = new Patience(timeoutMs)
    try {
      const signal = AbortSignal.any([call.signal, patience.signal])
      return await this.#check(what, { ...call, env, signal, heard: () => patience.heard() })
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

const partialFetch = [...fetchArgs, '--filter=blob:none']

/** As Git itself asks for what a clone without contents lacks: no negotiation over commits. */
const blobArgs = ['-c', 'fetch.negotiationAlgorithm=noop', ...partialFetch]

function shortHash(value: unknown): string {
  return hash('sha256', JSON.stringify(value)).slice(0, 16)
}
