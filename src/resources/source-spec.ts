import { forEachSchema } from '../manifest/for-each.ts'
import type { SyncWindow } from '../manifest/sync-window.ts'
import type { JsonSchema } from '../stream/connector.ts'

/** `spec` of a SourceDefinition, defaults filled in. Beside these fields it has exactly one source connector's key. */
export interface SourceSpec {
  readonly connection?: string
  readonly schedule?: ScheduleClause
  readonly params?: Readonly<Record<string, string | number | boolean>>
  readonly table?: TableClause
  readonly deletionPolicy: 'delete' | 'orphan'
  readonly suspend: boolean
  readonly syncWindow?: SyncWindow
  readonly priority?: number
  readonly [connector: string]: unknown
}

export interface ScheduleClause {
  readonly every?: string | number
  readonly cron?: string
  readonly timezone?: string
  readonly jitter?: string | number
}

export interface TableClause {
  readonly name?: string
  readonly primaryKey?: readonly string[]
  readonly columns?: Readonly<Record<string, string | ColumnClause>>
  readonly write?: 'append' | 'merge' | 'replace'
  readonly evolve: 'additive' | 'freeze'
}

export interface ColumnClause {
  readonly type: string
  readonly from?: string
}

const COLUMN_TYPE =
  '^(text|integer|bigint|double|boolean|date|timestamptz|json|bytes|uuid|numeric(\\(\\s*\\d{1,4}\\s*(,\\s*\\d{1,4}\\s*)?\\))?)$'

const columnType = {
  type: 'string',
  pattern: COLUMN_TYPE,
  'x-pattern-hint':
    'a column type: text, integer, bigint, double, numeric, numeric(p,s), boolean, date, timestamptz, json, bytes or uuid',
  description: 'text, integer, bigint, double, numeric, numeric(p,s), boolean, date, timestamptz, json, bytes or uuid',
}

const schedule = {
  type: 'object',
  description: 'When to fetch. Left out: once, and then when asked with `hermes run`.',
  additionalProperties: false,
  'x-one-of': ['every', 'cron'],
  properties: {
    every: {
      type: ['string', 'integer'],
      format: 'duration',
      description: 'Time between two runs, 15m; 0 is continuously.',
    },
    cron: { type: 'string', description: 'Five or six fields, "0 6 * * 1-5".' },
    timezone: { type: 'string', description: 'IANA time zone of the cron fields; UTC when left out.' },
    jitter: { type: ['string', 'integer'], format: 'duration', description: 'Spreads starts by at most so much.' },
  },
}

const table = {
  type: 'object',
  description: 'Where the records go.',
  additionalProperties: false,
  default: {},
  properties: {
    name: {
      type: 'string',
      minLength: 1,
      maxLength: 63,
      pattern: '^(?!hermes_|sqlite_|pg_)[a-z_][a-z0-9_$]*$',
      'x-pattern-hint': 'a name of small letters, digits and _ that does not begin with hermes_, sqlite_ or pg_',
      description:
        'Table name; the name of the source with underscores when left out. Several sources may share a table.',
    },
    primaryKey: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      minItems: 1,
      uniqueItems: true,
      description: 'Fields that identify a record within its source.',
    },
    columns: {
      type: 'object',
      description:
        'Declared columns: a type, or { type, from }. Fields beside them are inferred, or left out with evolve: freeze.',
      additionalProperties: {
        anyOf: [
          columnType,
          {
            type: 'object',
            additionalProperties: false,
            required: ['type'],
            properties: {
              type: columnType,
              from: { type: 'string', minLength: 1, description: 'Dotted path into the record, close.value.' },
            },
          },
        ],
      },
    },
    write: {
      enum: ['append', 'merge', 'replace'],
      description:
        'append adds rows; merge updates by key; replace swaps all rows of the source at the end of a run. ' +
        'Left out: merge with a primaryKey, append with an incremental cursor, else replace.',
    },
    evolve: {
      enum: ['additive', 'freeze'],
      default: 'additive',
      description: 'additive: new fields become columns; freeze: they are left out and counted.',
    },
  },
}

const windows = {
  type: 'array',
  minItems: 1,
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['cron', 'duration'],
    properties: {
      cron: { type: 'string', description: 'When it begins: five or six fields, "0 22 * * *".' },
      duration: { type: 'string', format: 'duration', description: 'How long it lasts, 6h.' },
      timezone: { type: 'string', description: 'IANA time zone of the cron fields; UTC when left out.' },
    },
  },
}

const syncWindow = {
  type: 'object',
  description: 'When changes are carried out and scheduled fetches start. Left out: at any time.',
  additionalProperties: false,
  minProperties: 1,
  properties: {
    allow: { ...windows, description: 'Only within one of these; left out: whenever no deny says otherwise.' },
    deny: { ...windows, description: 'Never within one of these, `hermes run` included; wins over allow.' },
  },
}

const params = {
  type: 'object',
  description: 'Values for ${params.NAME} in this manifest.',
  propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_]*$' },
  additionalProperties: { type: ['string', 'number', 'boolean'] },
}

/** The schema of a SourceDefinition's spec over the source connectors that there are. */
export function sourceSchema(sources: Readonly<Record<string, { summary: string; config: JsonSchema }>>): JsonSchema {
  const connectors = Object.fromEntries(
    Object.entries(sources).map(([type, { summary, config }]) => [type, { description: summary, ...config }]),
  )
  return {
    type: 'object',
    additionalProperties: false,
    'x-one-of': Object.keys(sources),
    properties: {
      connection: { type: 'string', minLength: 1, description: 'Name of a Connection: base URL, auth, limits.' },
      schedule,
      forEach: forEachSchema,
      params,
      ...connectors,
      table,
      deletionPolicy: {
        enum: ['delete', 'orphan'],
        default: 'delete',
        description: 'What removing the manifest does to the rows: delete them, or leave them.',
      },
      suspend: { type: 'boolean', default: false, description: 'Stops fetching; deletes nothing.' },
      syncWindow,
      priority: {
        type: 'integer',
        minimum: -1000,
        maximum: 1000,
        description: 'Among what is due the higher goes first; 0 when left out.',
      },
    },
  }
}
