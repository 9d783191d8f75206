import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { gitCredentials } from './git-credentials.ts'
import type { SecretStore } from './manifest/secrets.ts'
import { type StatusBranch, statusBranch } from './observe/status-branch.ts'
import { BareRepository } from './origin/git/bare-repository.ts'
import { branchWriter } from './origin/git/branch-writer.ts'
import { openGitAccess, parseGitAddress } from './origin/git/git-access.ts'
import { gitRunner } from './origin/git/git-command.ts'
import type { Log } from './stream/connector.ts'

export interface StatusBranchParts {
  readonly config: Config
  readonly clock: Clock
  readonly log: Log
  readonly secrets: SecretStore
  readonly environment: Readonly<Record<string, string | undefined>>
}

const TIMEOUT_MS = 120_000

/** The branch that the settings want the status on; undefined when they want none. Nothing is asked or written yet. */
export function openStatusBranch(parts: StatusBranchParts): StatusBranch | undefined {
  const { config, clock, log } = parts
  if (config.git?.status === undefined) return undefined
  const { url, ref, status, author } = config.git
  const name = createHash('sha256')
    .update(JSON.stringify([url, status.branch]))
    .digest('hex')
    .slice(0, 16)
  const repository = branchRepository(parts, url, join(config.dataDir, 'git', `${name}-status`))
  const files = branchWriter({
    repository,
    branch: status.branch,
    followsDefault: ref === undefined,
    clock,
    ...(author === undefined ? {} : { author }),
  })
  return statusBranch({ files, ...status, service: status.name ?? serviceName(config), clock, log })
}

/** `main/manifests-1a2b3c4d`: what is followed, and which database it is brought into. */
export function serviceName({ git, database }: Pick<Config, 'git' | 'database'>): string {
  const ref = Object.values(git?.ref ?? {})[0] ?? 'HEAD'
  const place = URL.parse(database)
  const parts =
    place === null ? [database] : [place.protocol, place.host, place.pathname, place.searchParams.get('schema')]
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 8)
  return [...[ref, git?.path ?? ''].filter((part) => part !== ''), hash].join('/').replace(/\/(?=[^/]*$)/, '-')
}

/** A bare repository in `dir` with access to `url`, for a branch that is read or written as a whole. */
export function branchRepository(
  { secrets, environment }: Pick<StatusBranchParts, 'secrets' | 'environment'>,
  url: string,
  dir: string,
): BareRepository {
  const address = parseGitAddress(url)
  return new BareRepository({
    dir,
    url: address.url,
    run: gitRunner(environment),
    openAccess: () => openGitAccess(address, gitCredentials(secrets), `${dir}-access`),
    timeoutMs: TIMEOUT_MS,
  })
}
