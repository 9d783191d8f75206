import type { FromSchema } from 'json-schema-to-ts'
import { durationSchema } from '../duration-schema.ts'
import { headersSchema } from '../http-headers.ts'
import { jsonPathPattern } from '../json-path.ts'

const path = { type: 'string', minLength: 1, pattern: jsonPathPattern } as const
const parameter = {
  type: 'string',
  minLength: 1,
  description: 'Name of the query parameter, or dotted path in the body.',
} as const
const place = { enum: ['query', 'body'], default: 'query', description: 'Where the parameter stands.' } as const
const scalar = { type: ['string', 'number', 'boolean'], 'x-template': true } as const
const count = { type: 'integer', minimum: 1 } as const

const pagination = {
  type: 'object',
  description: 'How an answer of several pages is read. Left out: one page.',
  additionalProperties: false,
  'x-one-of': ['page', 'offset', 'cursor', 'next', 'link'],
  properties: {
    page: {
      type: 'object',
      description: 'Pages are numbered.',
      additionalProperties: false,
      required: ['parameter'],
      properties: {
        parameter,
        start: { type: 'integer', minimum: 0, default: 1 },
        sizeParameter: { ...parameter, description: 'Parameter that asks for a page size.' },
        size: { ...count, description: 'Records of a full page.' },
        in: place,
      },
    },
    offset: {
      type: 'object',
      description: 'Records are skipped.',
      additionalProperties: false,
      required: ['parameter', 'limit'],
      properties: {
        parameter,
        start: { type: 'integer', minimum: 0, default: 0 },
        limitParameter: { ...parameter, description: 'Parameter that asks for a page size.' },
        limit: { ...count, description: 'Records of a full page.' },
        in: place,
      },
    },
    cursor: {
      type: 'object',
      description: 'Each page names the cursor of the next.',
      additionalProperties: false,
      required: ['parameter', 'from'],
      properties: {
        parameter,
        from: { ...path, description: 'Path to the next cursor in the answer: meta.next_cursor, data[-1].id.' },
        in: place,
      },
    },
    next: {
      type: 'object',
      description: 'Each page holds the address of the next.',
      additionalProperties: false,
      required: ['from'],
      properties: { from: { ...path, description: 'Path to the address: links.next.' } },
    },
    link: {
      type: 'object',
      description: 'The Link header names the next page, rel="next" (RFC 8288).',
      additionalProperties: false,
      properties: {},
    },
  },
} as const

const stop = {
  type: 'object',
  description: 'What ends the pages, besides a missing cursor or link.',
  additionalProperties: false,
  default: {},
  properties: {
    emptyPage: { type: 'boolean', default: true, description: 'A page without records is the last.' },
    shortPage: {
      type: 'boolean',
      description: 'A page with fewer records than asked for is the last. Default: true unless another rule decides.',
    },
    hasMore: { ...path, description: 'Path to a flag: false, or absent, on the last page.' },
    totalPages: { ...path, description: 'Path to the number of pages.' },
    total: { ...path, description: 'Path to the number of records.' },
  },
} as const

const incremental = {
  type: 'object',
  description: 'Asks only for what is new: the greatest value in the table goes into the request.',
  additionalProperties: false,
  required: ['column', 'parameter'],
  properties: {
    column: { type: 'string', minLength: 1, description: 'Field of the records that only grows.' },
    parameter,
    start: { ...scalar, description: 'Value of the first run; left out: the parameter is not sent.' },
    lookback: {
      type: ['string', 'integer'],
      minimum: 0,
      pattern: '^(0|([0-9]+(\\.[0-9]+)?(ms|s|m|h|d|w))+)$',
      description: 'How far before the greatest value to ask again: 2d for times, 100 for numbers.',
    },
    format: {
      enum: ['text', 'date', 'timestamp', 'unix', 'unix_ms'],
      default: 'text',
      description: 'How the parameter is written: as the table prints it, or a time in another form.',
    },
    in: place,
  },
} as const

/** The schema of `spec.http` of a SourceDefinition. */
export const httpSourceSchema = {
  type: 'object',
  description: 'Records from an HTTP API that answers with JSON.',
  additionalProperties: false,
  'x-one-of': ['url', 'path'],
  properties: {
    url: {
      type: 'string',
      pattern: '^(https?://(?![^/?#\\s]*@)|\\$\\{)',
      'x-pattern-hint': 'an http:// or https:// address; user and password belong into auth of a Connection',
      'x-template': true,
      description: 'Absolute address.',
    },
    path: { type: 'string', 'x-template': true, description: "Path below the Connection's url." },
    method: { enum: ['GET', 'POST', 'PUT'], default: 'GET' },
    query: { type: 'object', description: 'Query parameters.', additionalProperties: scalar },
    headers: headersSchema,
    body: {
      type: 'object',
      description: 'What a POST or PUT sends.',
      additionalProperties: false,
      'x-one-of': ['json', 'form', 'text'],
      properties: {
        json: { description: 'Any value, sent as JSON.', 'x-template': true },
        form: { type: 'object', description: 'Fields of a form.', additionalProperties: scalar },
        text: { type: 'string', description: 'Sent as it is.', 'x-template': true },
      },
    },
    records: { ...path, description: 'Path to the records: data.items. Left out: the root, a list or one object.' },
    pagination,
    stop,
    maxPages: { ...count, default: 10_000, description: 'A fetch with more pages fails.' },
    incremental,
    timeout: { ...durationSchema, description: "Time for one page; left out: the Connection's, or 30s." },
    maxResponseBytes: { ...count, default: 67_108_864, description: 'Largest answer, as decompressed.' },
    retry: {
      type: 'object',
      description: 'Tries within one fetch, for network errors, 408 and 5xx.',
      additionalProperties: false,
      default: {},
      properties: {
        attempts: { ...count, maximum: 10, default: 3 },
        post: { type: 'boolean', default: false, description: 'A POST may be sent twice: it only asks.' },
      },
    },
  },
} as const

export type HttpSourceConfig = FromSchema<typeof httpSourceSchema>
export type PaginationConfig = NonNullable<HttpSourceConfig['pagination']>
export type IncrementalConfig = NonNullable<HttpSourceConfig['incremental']>
