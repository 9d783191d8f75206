import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { optional } from './git-credentials.ts'
import type { SecretStore } from './manifest/secrets.ts'
import { type CommitStatus, commitStatus } from './observe/commit-status.ts'
import type { Origin } from './origin/origin.ts'
import type { Hooks } from './service/start-service.ts'
import type { Log } from './stream/connector.ts'

export interface GitHostParts {
  readonly config: Config
  readonly secrets: SecretStore
  readonly clock: Clock
  readonly log: Log
}

/** What webhooks of the watched repository set going; undefined without a repository. */
export function gitHooks({ config, secrets }: GitHostParts, origin: Pick<Origin, 'wake'>): Hooks | undefined {
  if (config.git === undefined) return undefined
  const { url, ref } = config.git
  return {
    repository: url,
    ref,
    secret: () => optional(secrets, 'GIT_WEBHOOK_SECRET'),
    wake: () => origin.wake(),
  }
}

/** The check at the Git host that the settings want; undefined when they want none. */
export function openCommitStatus({ config, secrets, clock, log }: GitHostParts): CommitStatus | undefined {
  if (config.git?.commitStatus === undefined) return undefined
  const { name, ...host } = config.git.commitStatus
  const ca = optional(secrets, 'GIT_CA')
  return commitStatus({
    ...host,
    address: config.git.url,
    token: () => optional(secrets, 'GIT_STATUS_TOKEN') ?? optional(secrets, 'GIT_TOKEN'),
    context: `hermes/${name}`,
    pendingFile: join(config.dataDir, 'git', `${nameOf(config.git.url)}-pending.json`),
    ...(ca === undefined ? {} : { ca }),
    clock,
    log,
  })
}

function nameOf(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 16)
}
