import type { ErrorKind } from './error-kind.ts'

/** The codes of repositories and of what Git hosts say; a part of the error table. */
export const gitErrors = {
  manifests_in_git: {
    next: 'refused',
    summary: 'The manifests are in a Git repository, which Hermes may only read.',
    fix: 'Edit the file, commit and push it; or let Hermes do so with --git-write.',
  },
  git_missing: {
    next: 'stalled',
    summary: 'Git, or a program that it needs, is not installed.',
    fix: 'Install git, 2.36 or later, and what the message names.',
  },
  git_unreachable: {
    next: 'retry',
    summary: 'The Git server does not answer, or not in time.',
    fix: 'Check address and network; the last good revision stays in force.',
  },
  git_unauthorized: {
    next: 'retry',
    summary: 'The Git server refuses the credentials.',
    fix: 'Set the secret GIT_TOKEN, GIT_USERNAME and GIT_PASSWORD, or GIT_SSH_KEY.',
  },
  git_host_unknown: {
    next: 'retry',
    summary: 'The host key of the Git server is not a known one.',
    fix: "Put the server's line of `ssh-keyscan` into the secret GIT_KNOWN_HOSTS, after comparing it with what its operator publishes.",
  },
  git_tls: {
    next: 'retry',
    summary: "The Git server's certificate is not trusted.",
    fix: 'Name its authority in the secret GIT_CA.',
  },
  git_repository_missing: {
    next: 'retry',
    summary: 'There is no such repository, or it may not be read.',
    fix: 'Correct --git, or the rights of the credentials.',
  },
  git_unsupported: {
    next: 'retry',
    summary: 'The repository, or its server, is of a kind that is not supported.',
    fix: 'Serve a repository with SHA-1 ids by Git 2.26 or later: over ssh, or over HTTP by its smart protocol.',
  },
  git_ref_missing: {
    next: 'retry',
    summary: 'The branch, tag or commit is not in the repository.',
    fix: 'Correct --branch, --tag or --commit; the last good revision stays in force.',
  },
  git_path_missing: {
    next: 'retry',
    summary: 'The directory named by --path is not in the revision.',
    fix: 'Correct --path; the last good revision stays in force.',
  },
  git_unverified: {
    next: 'retry',
    summary: 'The head of the branch carries no signature that is trusted.',
    fix: 'Sign the commit with a trusted key; the last good revision stays in force.',
  },
  git_submodule: {
    next: 'stalled',
    summary: 'A submodule lies below the path, and submodules are not read.',
    fix: 'Move the manifests out of it, or choose another --path.',
  },
  git_lfs_pointer: {
    next: 'stalled',
    summary: 'A manifest is kept in Git LFS, and only its pointer is in Git.',
    fix: 'Take manifests out of LFS in .gitattributes, and commit them as they are.',
  },
  git_link: {
    next: 'stalled',
    summary: 'A symbolic link does not lead to a manifest below the path, or leads to a directory elsewhere.',
    fix: 'Replace the link by what it leads to.',
  },
  git_push_refused: {
    next: 'retry',
    summary: 'The Git server does not take what is pushed.',
    fix: 'Check that the credentials may write, and that no rule of the Git host protects the branch.',
  },
  webhook_encoded: {
    next: 'refused',
    summary: 'The body of a webhook is compressed or encoded otherwise.',
    fix: 'Send it as it is, without Content-Encoding: the signature is over its bytes.',
  },
  status_branch_taken: {
    next: 'retry',
    summary: 'Another service writes its status to the branch.',
    fix: 'Name another branch with --status-branch; to go on in its place, give its name as --status-name.',
  },
  git_branch_foreign: {
    next: 'retry',
    summary: 'The branch for the status holds something that Hermes did not write.',
    fix: 'Name another one with --status-branch, or delete it if nobody needs it.',
  },
  git_failed: {
    next: 'retry',
    summary: 'Git failed.',
    fix: 'See the message; a damaged clone is made anew by itself.',
  },
  disk_full: { next: 'retry', summary: 'The disk is full.', fix: 'Make room on the disk of the data directory.' },
  webhook_off: {
    next: 'refused',
    summary: 'Push webhooks are not accepted: the service has no secret to check them with.',
    fix: 'Set the secret GIT_WEBHOOK_SECRET, and give the same one to the Git host.',
  },
} as const satisfies Record<string, ErrorKind>
