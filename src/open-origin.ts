import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { GitConfig } from './config-git.ts'
import { gitCredentials } from './git-credentials.ts'
import type { ReadManifests } from './manifest/read.ts'
import type { SecretStore } from './manifest/secrets.ts'
import { branchRepository } from './open-status-branch.ts'
import { directoryOrigin } from './origin/directory.ts'
import { type BranchPlace, type BranchPlaceOptions, branchPlace } from './origin/git/branch-place.ts'
import { Commits } from './origin/git/commits.ts'
import { openGitAccess, parseGitAddress } from './origin/git/git-access.ts'
import { gitRunner } from './origin/git/git-command.ts'
import { gitOrigin } from './origin/git/git-origin.ts'
import { GitRepository } from './origin/git/repository.ts'
import { openVerifier, type Trust } from './origin/git/verify.ts'
import type { ManifestPlace } from './origin/manifest-place.ts'
import type { Origin } from './origin/origin.ts'
import type { Log } from './stream/connector.ts'

export interface OriginParts {
  readonly config: Config
  readonly read: ReadManifests
  readonly clock: Clock
  readonly log: Log
  readonly secrets: SecretStore
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Aborts when the service in this process is told to stop. */
  readonly stopping: () => AbortSignal
}

export interface OpenedOrigin extends Origin {
  /** Where manifests are written; absent when that is the directory, or when nothing may be written. */
  readonly place?: ManifestPlace
}

/** Where manifests are read from: the repository of the settings, else the directory. */
export async function openOrigin(parts: OriginParts): Promise<OpenedOrigin> {
  const { config, read, clock, log } = parts
  if (config.git === undefined) return directoryOrigin({ root: config.manifestsDir, read, clock, log })
  return await openGitOrigin(parts, config.git)
}

async function openGitOrigin(parts: OriginParts, git: GitConfig): Promise<OpenedOrigin> {
  const { config, read, clock, log, secrets, environment } = parts
  const address = parseGitAddress(git.url)
  // Another repository, or another ref of it, is another clone: what the last one had in force says nothing of it.
  const dir = join(
    config.dataDir,
    'git',
    createHash('sha256')
      .update(JSON.stringify([git.url, git.ref]))
      .digest('hex')
      .slice(0, 16),
  )
  await using opened = new AsyncDisposableStack()
  const run = gitRunner(environment)
  const repository = new GitRepository({
    dir,
    url: address.url,
    ref: git.ref,
    run,
    openAccess: () => openGitAccess(address, gitCredentials(secrets), `${dir}-access`),
    timeoutMs: TIMEOUT_MS,
  })
  const importKeys = gitRunner(environment, {}, 'gpg')
  const verifier =
    git.verify &&
    opened.use(await openVerifier(repository, trust(git.verify, secrets), { dir: `${dir}-trust`, importKeys }))
  const origin = opened.use(
    gitOrigin({
      repository,
      address: address.url,
      path: git.path,
      read,
      intervalMs: git.intervalMs,
      ...(verifier === undefined ? {} : { verify: verifier.verify }),
      clock,
      log,
    }),
  )
  const commits = new Commits({ clone: repository, scratch: branchRepository(parts, git.url, `${dir}-commits`) })
  const place = git.write === true ? opened.use(openPlace(parts, git, { origin, repository, dir })) : undefined
  const closing = opened.move()
  return {
    ...(place === undefined ? {} : { place }),
    snapshots: (signal) => origin.snapshots(signal),
    read: (signal) => origin.read(signal),
    wake: () => origin.wake(),
    commitsOf: (revisions, signal) => commits.of(revisions, signal),
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

interface Followed extends Pick<BranchPlaceOptions, 'origin' | 'repository'> {
  /** Of the clone. */
  readonly dir: string
}

/** The branch that is followed, to be written to. */
function openPlace(parts: OriginParts, git: GitConfig, { origin, repository, dir }: Followed): BranchPlace {
  return branchPlace({
    origin,
    repository,
    scratch: (at) => branchRepository(parts, git.url, at),
    scratchDir: `${dir}-push`,
    path: git.path,
    clock: parts.clock,
    stopping: parts.stopping,
    ...(git.author === undefined ? {} : { author: git.author }),
  })
}

/** A first fetch of a large repository takes its time. */
const TIMEOUT_MS = 120_000

/** Without them nothing could be verified: `secret_missing` says so at the start. */
function trust(kind: 'ssh' | 'gpg', secrets: SecretStore): Trust {
  return kind === 'gpg' ? { gpg: secrets.get('GIT_KEYRING') } : { ssh: secrets.get('GIT_ALLOWED_SIGNERS') }
}
