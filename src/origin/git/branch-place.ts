import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../clock.ts'
import { HermesError } from '../../errors.ts'
import type { ManifestChange, ManifestPlace, ManifestWrite } from '../manifest-place.ts'
import type { BareRepository } from './bare-repository.ts'
import { usualAuthor } from './branch-writer.ts'
import { CommitFiles, type FileChanges } from './commit-files.ts'
import { failureOf } from './git-failure.ts'
import type { Newest, RepositoryOrigin } from './git-origin.ts'
import { importStream } from './import-stream.ts'
import { ownFiles } from './own-files.ts'
import { judgePush } from './push-answer.ts'
import type { GitRepository } from './repository.ts'

export interface BranchPlaceOptions {
  /** Follows the branch that is written. */
  readonly origin: Pick<RepositoryOrigin, 'newest' | 'wake'>
  /** The origin's clone. */
  readonly repository: GitRepository
  /** A repository in this directory with access to the other side. */
  readonly scratch: (dir: string) => BareRepository
  /** What the directory of such a repository begins with. */
  readonly scratchDir: string
  /** Where manifests are in the repository; empty for all of it. */
  readonly path: string
  readonly clock: Clock
  /** `Name <address>`. */
  readonly author?: string
  /** Aborts when no more changes are to begin; what is on its way to the other side then gets there. */
  readonly stopping?: () => AbortSignal
}

export type BranchPlace = ManifestPlace & AsyncDisposable

/** So often somebody else may be faster … */
const ATTEMPTS = 6
/** … and so many milliseconds are between two attempts, times their number and more or less a half. */
const PAUSE_MS = 100

/**
 * Manifests on the branch that is followed: each change is one commit on its newest, pushed and never forced. When the
 * branch has moved meanwhile the change is made anew on what is there now, and validated anew. The first manifest may be
 * added where the path is not there yet. Throws why the newest commit cannot be read, or `git_push_refused`; disposing it
 * gives up what is going on: `service_stopping`.
 */
export function branchPlace(options: BranchPlaceOptions): BranchPlace {
  const closing = new AbortController()
  const going = new Set<Promise<unknown>>()
  return {
    change: async (change) => {
      const work = changeBranch(options, change, closing.signal).catch((error: unknown) => {
        const isCut = closing.signal.aborted || options.stopping?.().aborted === true
        if (error instanceof HermesError || !isCut) throw failureOf(error)
        throw new HermesError('service_stopping', 'the change was given up, as the service is stopping', {
          cause: error,
        })
      })
      going.add(work)
      return await work.finally(() => going.delete(work))
    },
    [Symbol.asyncDispose]: async () => {
      closing.abort()
      await Promise.allSettled(going)
    },
  }
}

async function changeBranch(
  options: BranchPlaceOptions,
  change: ManifestChange,
  signal: AbortSignal,
): Promise<readonly ManifestWrite[]> {
  const { origin, clock, stopping } = options
  for (let attempt = 1; ; attempt += 1) {
    const either = stopping === undefined ? signal : AbortSignal.any([signal, stopping()])
    const newest = await origin.newest(either, change.verb === 'Add')
    const writes = await attemptOn(options, newest, change, signal)
    if (writes !== undefined) return writes
    if (attempt === ATTEMPTS) {
      const message = `push ${branchOf(newest)}: somebody else was faster ${ATTEMPTS} times`
      throw new HermesError('git_push_refused', message, { fix: 'Try again.' })
    }
    await clock.sleep(PAUSE_MS * attempt * (0.5 + Math.random()), signal)
  }
}

/** Undefined when the branch has moved: nothing was written. */
async function attemptOn(
  options: BranchPlaceOptions,
  newest: Newest,
  change: ManifestChange,
  signal: AbortSignal,
): Promise<readonly ManifestWrite[] | undefined> {
  const { origin, repository, path } = options
  return await repository.exclusively(async () => {
    const files = new CommitFiles(newest, { repository, path, signal })
    const writes = await change.run(files)
    const changes = await files.changes()
    if (changes === undefined) return writes
    const message = messageOf(change.verb, writes)
    try {
      return (await push(options, newest, { ...changes, message }, signal)) ? writes : undefined
    } finally {
      // A push whose answer is lost may have come through.
      origin.wake()
    }
  }, signal)
}

/**
 * The commit is made in a repository that has the clone's objects and is thrown away: the clone holds only what the other
 * side sent, so that it may lack what that can send again.
 */
async function push(
  options: BranchPlaceOptions,
  newest: Newest,
  changes: FileChanges & { readonly message: string },
  signal: AbortSignal,
): Promise<boolean> {
  const { scratch, scratchDir, repository, clock, author = usualAuthor } = options
  const branch = branchOf(newest)
  await using place = await ownFiles(scratchDir)
  const dir = join(place.dir, 'repository')
  const made = scratch(dir)
  await made.open(signal)
  await writeFile(join(dir, 'objects', 'info', 'alternates'), `${repository.objectsDir}\n`)
  await writeFile(join(dir, 'shallow'), `${newest.commit}\n`)
  const stdin = await importStream({
    ref: 'refs/hermes/next',
    parent: newest.commit,
    ...changes,
    author,
    at: clock.now(),
  })
  const imported = await made.local('make the commit', ['fast-import', '--quiet', '--done'], signal, stdin)
  const commit = imported.toString('latin1').trim()
  return judgePush(branch, await made.remote(`push ${branch}`, pushArgs(newest.commit, commit, branch), signal))
}

/** The lease allows less than a push without: the branch must still be at the commit's parent, and be there at all. */
function pushArgs(parent: string, commit: string, branch: string): readonly string[] {
  const ref = `refs/heads/${branch}`
  const lease = `--force-with-lease=${ref}:${parent}`
  return ['push', '--porcelain', '--progress', '--no-verify', '--no-thin', lease, 'origin', `${commit}:${ref}`]
}

function branchOf({ revision }: Newest): string {
  const branch = revision.slice(0, Math.max(0, revision.lastIndexOf('@')))
  if (branch !== '' && branch !== 'HEAD') return branch
  const fix = 'Name the branch to write to with --branch.'
  throw new HermesError('git_push_refused', 'the repository names no branch as its default', { fix })
}

/** `Add SourceDefinition/quotes`; of several resources all stand below the first line. */
function messageOf(verb: ManifestChange['verb'], writes: readonly ManifestWrite[]): string {
  const [first, ...others] = writes.filter(({ action }) => action !== 'unchanged').map(({ key }) => key)
  if (others.length === 0) return `${verb} ${first}\n`
  return `${verb} ${first} and ${others.length} more\n\n${[first, ...others].join('\n')}\n`
}
