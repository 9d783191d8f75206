import { HermesError } from './errors.ts'
import type { SecretStore } from './manifest/secrets.ts'
import type { GitCredentials } from './origin/git/git-access.ts'

/** What the secrets `GIT_…` say of the repository's credentials; a secret without a value is left out. */
export function gitCredentials(secrets: SecretStore): GitCredentials {
  const named = {
    token: optional(secrets, 'GIT_TOKEN'),
    username: optional(secrets, 'GIT_USERNAME'),
    password: optional(secrets, 'GIT_PASSWORD'),
    sshKey: optional(secrets, 'GIT_SSH_KEY'),
    knownHosts: optional(secrets, 'GIT_KNOWN_HOSTS'),
    ca: optional(secrets, 'GIT_CA'),
  }
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined))
}

/** The value of a secret that may be left out. */
export function optional(secrets: SecretStore, name: string): string | undefined {
  try {
    return secrets.get(name)
  } catch (error) {
    if (error instanceof HermesError && error.code === 'secret_missing') return undefined
    throw error
  }
}
