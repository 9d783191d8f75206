import { ownerAndName, type StatusHost } from './status-host.ts'

/** Gitea and Forgejo. */
export const gitea: StatusHost = {
  name: 'gitea',
  knownHosts: ['gitea.com', 'codeberg.org'],
  apiUrl: ({ web }) => `${web}/api/v1`,
  path: (repository, sha) => `/repos/${ownerAndName(repository)}/statuses/${sha}`,
  headers: (token) => ({ authorization: `token ${token}`, accept: 'application/json' }),
  // `skipped` would say it best, but only late versions know it; all know `warning`.
  body: ({ state, description, context }) => ({
    state: state === 'superseded' ? 'warning' : state,
    description,
    context,
  }),
}
