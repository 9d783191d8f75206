import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BranchReader, GitSettings } from './cli/read-status.ts'
import { usualStatusBranch } from './config-git.ts'
import { secretStore } from './manifest/secrets.ts'
import { readBranch } from './observe/read-back.ts'
import type { StatusReport } from './observe/status.ts'
import { branchRepository } from './open-status-branch.ts'
import { fetchBranch, lookAtBranch } from './origin/git/branch-files.ts'

/** A reader of the branch with the status; what it fetches lies in a directory of its own until it is disposed. */
export async function openBranchReader(
  { git, secretsDir }: GitSettings,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<BranchReader> {
  const branch = git.status?.branch ?? usualStatusBranch
  const secrets = secretStore({ environment, directory: secretsDir })
  const dir = await mkdtemp(join(tmpdir(), 'hermes-status-'))
  const repository = branchRepository({ secrets, environment }, git.url, join(dir, 'branch'))
  let known: { readonly head: string; readonly report: StatusReport | undefined } | undefined
  return {
    branch,
    read: async (signal) => {
      await repository.open(signal)
      const { head } = await lookAtBranch(repository, branch, signal)
      if (head === undefined) return undefined
      if (known?.head === head) return known.report
      const fetched = await fetchBranch(repository, branch, 1, signal)
      known = { head: fetched.head, report: readBranch(fetched.files) }
      return known.report
    },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  }
}
