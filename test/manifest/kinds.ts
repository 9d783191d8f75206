import { checkCron } from '../../src/manifest/cron.ts'
import { durationSchema } from '../../src/manifest/duration.ts'
import { forEachSchema } from '../../src/manifest/for-each.ts'
import type { KindDefinition } from '../../src/manifest/kind.ts'
import type { Problem } from '../../src/manifest/manifest.ts'
import { problem } from '../../src/manifest/problem.ts'
import { scopeOf } from '../../src/manifest/scope.ts'

/** Kinds with every feature that real ones use, for tests of the rooms that know no real kind. */
interface SourceSpec {
  readonly schedule: { readonly cron?: string; readonly timezone?: string }
}

const text = { type: 'string' } as const
const template = { type: 'string', 'x-template': true } as const

export const sourceDefinition: KindDefinition<SourceSpec> = {
  kind: 'SourceDefinition',
  plural: 'sourcedefinitions',
  summary: 'One data stream into one table.',
  spec: {
    type: 'object',
    required: ['schedule', 'table'],
    'x-one-of': ['http', 'file'],
    additionalProperties: false,
    properties: {
      connection: text,
      forEach: forEachSchema,
      schedule: {
        type: 'object',
        additionalProperties: false,
        'x-one-of': ['every', 'cron'],
        properties: { every: durationSchema, cron: text, timezone: text, jitter: durationSchema },
      },
      http: {
        type: 'object',
        required: ['path'],
        additionalProperties: false,
        properties: {
          path: template,
          query: { type: 'object', additionalProperties: template },
          headers: { type: 'object', additionalProperties: { type: 'string', 'x-secret': true } },
          body: { 'x-template': true },
          records: text,
          method: { enum: ['GET', 'POST'], default: 'GET' },
        },
      },
      file: { type: 'object', required: ['path'], additionalProperties: false, properties: { path: template } },
      params: { type: 'object' },
      incremental: { type: 'object', properties: { column: text }, required: ['column'] },
      filter: { type: 'string', 'x-expression': true },
      table: { $ref: '#/$defs/table' },
      deletionPolicy: { enum: ['delete', 'orphan'], default: 'delete' },
      suspend: { type: 'boolean', default: false },
    },
    $defs: {
      table: {
        type: 'object',
        required: ['name'],
        additionalProperties: false,
        properties: {
          name: { type: 'string', pattern: '^[a-z_][a-z0-9_]*$', maxLength: 63 },
          primaryKey: { type: 'array', items: text, minItems: 1, uniqueItems: true },
          columns: { type: 'object', additionalProperties: text },
          write: { enum: ['append', 'merge', 'replace'], default: 'merge' },
        },
      },
    },
  },
  scope: (spec) => {
    const { params, incremental } = Object(spec) as { params?: unknown; incremental?: unknown }
    return scopeOf({ params, incremental: incremental !== undefined })
  },
  check: (manifest) => {
    const { cron, timezone } = manifest.spec.schedule
    const wrong = cron === undefined ? undefined : checkCron(cron, timezone)
    const path = 'spec.schedule.cron'
    const found: Problem[] = []
    if (wrong !== undefined) found.push(problem('invalid_cron', `${path}: ${wrong}`, manifest.locate(path), { path }))
    return found
  },
}

export const connection: KindDefinition = {
  kind: 'Connection',
  plural: 'connections',
  summary: 'What several resources share: address, credentials, limits.',
  spec: {
    type: 'object',
    additionalProperties: false,
    'x-one-of': ['http', 'postgres'],
    properties: {
      http: {
        type: 'object',
        required: ['url'],
        additionalProperties: false,
        properties: {
          url: { type: 'string', format: 'uri' },
          auth: {
            anyOf: [
              { const: 'none' },
              {
                type: 'object',
                additionalProperties: false,
                'x-one-of': ['bearer', 'apiKey'],
                properties: {
                  bearer: { type: 'string', 'x-secret': true },
                  apiKey: {
                    type: 'object',
                    required: ['value'],
                    additionalProperties: false,
                    properties: { query: text, header: text, value: { type: 'string', 'x-secret': true } },
                  },
                },
              },
            ],
          },
          rateLimit: {
            type: 'object',
            required: ['requests', 'per'],
            additionalProperties: false,
            properties: {
              requests: { type: 'integer', minimum: 1 },
              per: durationSchema,
              concurrency: { type: 'integer', minimum: 1, default: 4 },
            },
          },
        },
      },
      postgres: { type: 'object', properties: { url: { type: 'string', 'x-secret': true } }, required: ['url'] },
    },
  },
}

export const kinds: readonly KindDefinition[] = [sourceDefinition, connection]
