import { HermesError } from '../../errors.ts'
import type { RepositoryAddress } from '../repository-address.ts'
import { gitea } from './gitea.ts'
import { github } from './github.ts'
import { gitlab } from './gitlab.ts'
import type { StatusHost } from './status-host.ts'

/** Every kind of Git host that a commit's status can be told. */
export const hosts: readonly StatusHost[] = [github, gitlab, gitea]

/** The kind of the repository's host: as named, else as known by its name. Throws `setting_invalid` when it is neither. */
export function statusHost({ host }: RepositoryAddress, provider: string | undefined): StatusHost {
  const found = hosts.find(({ name, knownHosts }) =>
    provider === undefined ? knownHosts.includes(host) : name === provider,
  )
  if (found !== undefined) return found
  const names = hosts.map(({ name }) => name).join(', ')
  const what =
    provider === undefined ? `what kind of Git host ${host || 'this machine'} is` : `a provider "${provider}"`
  throw new HermesError('setting_invalid', `the status of commits cannot be reported: ${what} is not known`, {
    fix: `Name the provider: one of ${names}.`,
  })
}
