import type { Route } from './route.ts'
import { TAP_RATE } from './tap-api.ts'

const name = { type: 'string', minLength: 1, maxLength: 253 }

/** The live messages of a workflow. */
export const tapReads: readonly Route[] = [
  {
    method: 'GET',
    path: '/workflows/:name/tap',
    id: 'tap',
    answer: 'TapSample',
    summary: 'Messages of a workflow as they pass a node, sampled. JSON lines, until the caller goes away.',
    params: { type: 'object', required: ['name'], properties: { name } },
    query: {
      type: 'object',
      additionalProperties: false,
      properties: {
        at: { type: 'string', minLength: 1, maxLength: 253, default: 'source', description: 'A node.' },
        count: { type: 'integer', minimum: 1, description: 'So many, and then it ends.' },
        perSecond: { type: 'integer', minimum: 1, maximum: TAP_RATE.most, default: TAP_RATE.standard },
      },
    },
    stream: (api, { params, query }, signal) => api.tap(params.name ?? '', query, signal),
  },
]
