import type { CommitState } from '../commit-state.ts'
import type { RepositoryAddress } from '../repository-address.ts'

/** The status of one commit, under a context of its own. */
export interface CommitStatusUpdate extends CommitState {
  /** The commit's full id. */
  readonly sha: string
  /** `hermes/<name>`. */
  readonly context: string
}

/** How one kind of Git host takes the status of a commit. Pure. */
export interface StatusHost {
  readonly name: string
  /** Host names that are known to be of this kind. */
  readonly knownHosts: readonly string[]
  /** Where its API is, without a slash at the end. */
  apiUrl(repository: RepositoryAddress): string
  /** Below the API's address. */
  path(repository: RepositoryAddress, sha: string): string
  headers(token: string): Readonly<Record<string, string>>
  body(update: CommitStatusUpdate): object
  /** Whether a refusal only means that the commit has this state already. */
  isRepetition?(status: number, answer: string): boolean
}

/** The last two parts of the path, encoded: the host may lie below a path itself. */
export function ownerAndName({ path }: RepositoryAddress): string {
  return path.split('/').slice(-2).map(encodeURIComponent).join('/')
}
