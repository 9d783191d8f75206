import type { ManifestTree } from '../manifest/manifest-tree.ts'
import { deadLetterChanges, deadLetterReads } from './dead-letter-routes.ts'
import type { Route } from './route.ts'
import { tapReads } from './tap-routes.ts'

/** The size of the largest request body, in bytes. */
export const BODY_LIMIT = 4 * 1024 * 1024

/** As much as ten thousand manifests of three kilobytes each. */
export const TREE_LIMIT = 32 * 1024 * 1024

const kind = { type: 'string', pattern: '^[A-Z][A-Za-z]{0,62}$' }
const name = { type: 'string', minLength: 1, maxLength: 253 }
const resourceParams = { type: 'object', required: ['kind', 'name'], properties: { kind, name } }
const sourceParams = { type: 'object', required: ['name'], properties: { name } }
const manifestBody = { type: 'string', minLength: 1, description: 'One or more YAML (or JSON) documents.' }
const approveBody = {
  type: 'object',
  additionalProperties: false,
  required: ['hash'],
  properties: { hash: { type: 'string', minLength: 1, maxLength: 128 } },
}
const reconcileBody = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {
    keys: { type: 'array', minItems: 1, maxItems: 10_000, items: { type: 'string', maxLength: 320 } },
    plan: {
      type: 'string',
      minLength: 1,
      maxLength: 128,
      description: 'Do nothing unless this is the hash of the plan.',
    },
  },
}
const file = { type: 'string', minLength: 1, maxLength: 4096 }
const texts = {
  type: 'array',
  maxItems: 100_000,
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['file', 'text'],
    properties: { file, text: { type: 'string' } },
  },
}
const treeBody = {
  type: 'object',
  additionalProperties: false,
  required: ['files', 'lists', 'unread', 'complete'],
  properties: {
    files: texts,
    lists: { ...texts, description: 'Lists that the manifests name in spec.forEach.from.' },
    unread: { type: 'array', maxItems: 100_000, items: file },
    complete: { type: 'boolean' },
  },
}
const rowsQuery = {
  type: 'object',
  additionalProperties: false,
  properties: { limit: { type: 'integer', minimum: 1, maximum: 1000, default: 10 } },
}

const eventsQuery = {
  type: 'object',
  additionalProperties: false,
  properties: { for: { type: 'string', minLength: 1, maxLength: 320, description: 'Kind/name; all when left out.' } },
}

const reads: readonly Route[] = [
  {
    method: 'GET',
    path: '/status',
    id: 'status',
    answer: 'StatusReport',
    summary: 'The status of every resource, derived from the data.',
    handle: (api) => api.status(),
  },
  {
    method: 'GET',
    path: '/plan',
    id: 'plan',
    answer: 'Plan',
    summary: 'What would change if the manifests were applied now.',
    handle: (api) => api.plan(),
  },
  {
    method: 'POST',
    path: '/plan',
    id: 'planTree',
    answer: 'Plan',
    summary: 'What would change if these manifests were applied here now. Changes nothing; a read token is enough.',
    body: treeBody,
    bodyLimit: TREE_LIMIT,
    looks: true,
    handle: (api, { body }) => api.plan(body as ManifestTree),
  },
  {
    method: 'GET',
    path: '/state',
    id: 'state',
    answer: 'State',
    summary: 'What a plan needs to know of this place, to be planned against elsewhere; no row and no secret.',
    handle: (api) => api.state(),
  },
  {
    method: 'GET',
    path: '/manifests',
    id: 'manifests',
    answer: 'ManifestViews',
    summary: 'The manifests as they stand in their files.',
    handle: (api) => api.manifests(),
  },
  {
    method: 'GET',
    path: '/sources/:name/rows',
    id: 'rows',
    answer: 'Rows',
    summary: "The first rows of a source's table.",
    params: sourceParams,
    query: rowsQuery,
    handle: (api, { params, query }) => api.rows(params.name ?? '', Number(query.limit)),
  },
  {
    method: 'GET',
    path: '/tables/:name/trace',
    id: 'trace',
    answer: 'Trace',
    summary: 'The sources that fill a table, where they are declared, and the commits that brought them.',
    params: sourceParams,
    handle: (api, { params }) => api.trace(params.name ?? ''),
  },
  {
    method: 'GET',
    path: '/events',
    id: 'events',
    answer: 'Events',
    summary: 'What happened lately, repeats folded, the latest last. Kept in memory: it begins with the service.',
    query: eventsQuery,
    handle: (api, { query }) => api.events(typeof query.for === 'string' ? query.for : undefined),
  },
]

const changes: readonly Route[] = [
  {
    method: 'POST',
    path: '/manifests',
    id: 'add',
    answer: 'WriteResults',
    summary: 'Adds resources: writes their manifests into the manifests directory.',
    body: manifestBody,
    bodyType: 'application/yaml',
    handle: (api, { body }) => api.add(String(body)),
  },
  {
    method: 'PUT',
    path: '/manifests',
    id: 'update',
    answer: 'WriteResults',
    summary: 'Replaces the manifests of resources that exist.',
    body: manifestBody,
    bodyType: 'application/yaml',
    handle: (api, { body }) => api.update(String(body)),
  },
  {
    method: 'DELETE',
    path: '/manifests/:kind/:name',
    id: 'delete',
    answer: 'WriteResult',
    summary: 'Removes the manifest of a resource from its file.',
    params: resourceParams,
    handle: (api, { params }) => api.delete(`${params.kind}/${params.name}`),
  },
  {
    method: 'POST',
    path: '/manifests/:kind/:name/suspend',
    id: 'suspend',
    answer: 'WriteResult',
    summary: 'Sets spec.suspend in the manifest of a resource.',
    params: resourceParams,
    handle: (api, { params }) => api.suspend(`${params.kind}/${params.name}`, true),
  },
  {
    method: 'POST',
    path: '/manifests/:kind/:name/resume',
    id: 'resume',
    answer: 'WriteResult',
    summary: 'Clears spec.suspend in the manifest of a resource.',
    params: resourceParams,
    handle: (api, { params }) => api.suspend(`${params.kind}/${params.name}`, false),
  },
  {
    method: 'POST',
    path: '/approve',
    id: 'approve',
    answer: 'Keys',
    summary: 'Approves the change that a plan names by its hash, or all of a plan by its own.',
    body: approveBody,
    handle: (api, { body }) => api.approve((body as { hash: string }).hash),
  },
  {
    method: 'POST',
    path: '/reconcile',
    id: 'reconcile',
    answer: 'Nothing',
    summary: 'Reads the manifests again and runs a lap over some resources, or all; answers when it is done.',
    body: reconcileBody,
    handle: async (api, { body }) => {
      const { keys, plan } = (body ?? {}) as { keys?: readonly string[]; plan?: string }
      await api.reconcile(keys, plan)
      return {}
    },
  },
  {
    method: 'POST',
    path: '/sources/:name/run',
    id: 'run',
    answer: 'RunEvent',
    summary: 'Fetches a source now. JSON lines: progress, then the result or an error.',
    params: sourceParams,
  },
]

/** Every operation of the API; the server, the documentation and its tests read this list. */
export const routes: readonly Route[] = [...reads, ...deadLetterReads, ...tapReads, ...changes, ...deadLetterChanges]
