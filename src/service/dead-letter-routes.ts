import type { LetterSelection } from './dead-letter-api.ts'
import type { Route } from './route.ts'

const name = { type: 'string', minLength: 1, maxLength: 253 }
const id = { type: 'string', minLength: 1, maxLength: 64 }
const params = { type: 'object', required: ['name'], properties: { name } }
const where = {
  type: 'string',
  minLength: 1,
  maxLength: 10_000,
  description: 'CEL over reason, stage, attempts, at, id, key, route and message.',
}
const listQuery = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ids: { type: 'array', maxItems: 1_000, items: id },
    where,
    limit: { type: 'integer', minimum: 1, maximum: 1_000, default: 50 },
  },
}
const selection = {
  type: 'object',
  additionalProperties: false,
  anyOf: [{ required: ['ids'] }, { required: ['where'] }, { required: ['all'] }],
  properties: {
    ids: { type: 'array', minItems: 1, maxItems: 10_000, items: id },
    where,
    all: { const: true, description: 'Every letter of the workflow is meant.' },
    limit: { type: 'integer', minimum: 1 },
  },
}

function selectionOf(body: unknown): LetterSelection {
  const { all: _all, ...meant } = body as LetterSelection & { readonly all?: true }
  return meant
}

/** What can be asked about dead letters. */
export const deadLetterReads: readonly Route[] = [
  {
    method: 'GET',
    path: '/workflows/:name/dead-letters',
    id: 'deadLetters',
    answer: 'DeadLetters',
    summary: 'The messages that a workflow could not deliver, the oldest first.',
    params,
    query: listQuery,
    handle: (api, { params: given, query }) => api.deadLetters.list(given.name ?? '', query),
  },
  {
    method: 'GET',
    path: '/workflows/:name/dead-letters/:id',
    id: 'deadLetter',
    answer: 'DeadLetter',
    summary: 'One of them with its payload.',
    params: { type: 'object', required: ['name', 'id'], properties: { name, id } },
    handle: (api, { params: given }) => api.deadLetters.show(given.name ?? '', given.id ?? ''),
  },
]

/** What can be done with them. */
export const deadLetterChanges: readonly Route[] = [
  {
    method: 'POST',
    path: '/workflows/:name/dead-letters/drop',
    id: 'dropDeadLetters',
    answer: 'LetterCount',
    summary: 'Deletes dead letters for good: those of the ids, those that an expression holds for, or all.',
    params,
    body: selection,
    handle: (api, { params: given, body }) => api.deadLetters.drop(given.name ?? '', selectionOf(body)),
  },
  {
    method: 'POST',
    path: '/workflows/:name/dead-letters/retry',
    id: 'retryDeadLetters',
    answer: 'LetterCount',
    summary: 'Sends dead letters through their workflow again.',
    params,
    body: selection,
    handle: (api, { params: given, body }) => api.deadLetters.retry(given.name ?? '', selectionOf(body)),
  },
]
