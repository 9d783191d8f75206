import type { BareRepository } from './bare-repository.ts'
import { parseBlobs } from './blobs.ts'
import { fetchArgs } from './fetch-args.ts'
import { gitFailure } from './git-failure.ts'
import { parseTree } from './tree.ts'

/** What the other side says of a branch without sending it. */
export interface RemoteBranch {
  /** Its newest commit; undefined where there is no such branch. */
  readonly head: string | undefined
  /** Whether it is the one that the repository has checked out. */
  readonly isDefault: boolean
}

export async function lookAtBranch(
  repository: BareRepository,
  branch: string,
  signal: AbortSignal,
): Promise<RemoteBranch> {
  const what = `look for ${branch}`
  const ref = `refs/heads/${branch}`
  const answer = await repository.remote(what, ['ls-remote', '--symref', 'origin', 'HEAD', ref], signal)
  if (answer.code !== 0) throw gitFailure(what, answer)
  const lines = answer.stdout.toString('utf8').split('\n')
  const head = lines.find((line) => line.endsWith(`\t${ref}`))?.split('\t')[0]
  return { head, isDefault: lines.includes(`ref: ${ref}\tHEAD`) }
}

/** A branch as it was fetched. */
export interface FetchedBranch {
  readonly head: string
  /** How many commits it has, counted up to the depth it was fetched to. */
  readonly commits: number
  /** Milliseconds since the epoch, by the clock of whoever committed. */
  readonly committedAt: number
  readonly files: ReadonlyMap<string, Buffer>
}

const FETCHED = 'refs/hermes/branch'

/** Fetches the last `depth` commits of a branch, and reads all files of the newest. */
export async function fetchBranch(
  repository: BareRepository,
  branch: string,
  depth: number,
  signal: AbortSignal,
): Promise<FetchedBranch> {
  const what = `fetch ${branch}`
  const args = [...fetchArgs, `--depth=${depth}`, 'origin', `+refs/heads/${branch}:${FETCHED}`]
  const answer = await repository.remote(what, args, signal)
  if (answer.code !== 0) throw gitFailure(what, answer)
  const log = await repository.local('look at the commits', ['log', '--format=%H %ct', FETCHED], signal)
  const commits = log.toString('latin1').trim().split('\n')
  const [head = '', seconds] = (commits[0] ?? '').split(' ')
  const files = await filesAt(repository, head, signal)
  return { head, commits: commits.length, committedAt: Number(seconds) * 1_000, files }
}

/** Ordinary files by their path; links and submodules are passed over. */
async function filesAt(
  repository: BareRepository,
  commit: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Buffer>> {
  const tree = await repository.local('list the files', ['ls-tree', '-r', '-z', '--full-tree', commit], signal)
  const entries = parseTree(tree).filter(({ mode }) => mode.startsWith('100'))
  if (entries.length === 0) return new Map()
  const stdin = `${entries.map(({ oid }) => oid).join('\n')}\n`
  const contents = await repository.local('read the files', ['cat-file', '--batch', '--buffer'], signal, stdin)
  const blobs = [...parseBlobs(contents)]
  return new Map(entries.map(({ name }, index) => [name, blobs[index]?.bytes ?? Buffer.alloc(0)]))
}
