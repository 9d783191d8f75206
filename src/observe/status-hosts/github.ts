import { ownerAndName, type StatusHost } from './status-host.ts'

/** GitHub, and GitHub Enterprise Server on a host of its own. */
export const github: StatusHost = {
  name: 'github',
  knownHosts: ['github.com'],
  apiUrl: ({ host, web }) => (host === 'github.com' ? 'https://api.github.com' : `${web}/api/v3`),
  path: (repository, sha) => `/repos/${ownerAndName(repository)}/statuses/${sha}`,
  headers: (token) => ({
    authorization: `Bearer ${token}`,
    accept: 'application/vnd.github+json',
    'x-github-api-version': '2022-11-28',
  }),
  // GitHub has no state for what was given up: of its two that end a pending one without success, `failure` is a finding.
  body: ({ state, description, context }) => ({
    state: state === 'superseded' ? 'error' : state,
    description,
    context,
  }),
}
