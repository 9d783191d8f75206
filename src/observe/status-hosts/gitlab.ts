import type { StatusHost } from './status-host.ts'

const states = { pending: 'pending', success: 'success', failure: 'failed', superseded: 'canceled' } as const

/** GitLab, where projects lie in groups of any depth. */
export const gitlab: StatusHost = {
  name: 'gitlab',
  knownHosts: ['gitlab.com'],
  apiUrl: ({ web }) => `${web}/api/v4`,
  path: ({ path }, sha) => `/projects/${encodeURIComponent(path)}/statuses/${sha}`,
  headers: (token) => ({ 'private-token': token, accept: 'application/json' }),
  body: ({ state, description, context }) => ({
    state: states[state],
    description,
    name: context,
  }),
  // Up to GitLab 18 a state cannot follow itself, with another description either.
  isRepetition: (status, answer) => status === 400 && answer.includes('Cannot transition status'),
}
