import type { FromSchema } from 'json-schema-to-ts'

const columnType = {
  type: 'string',
  pattern:
    '^(text|integer|bigint|double|boolean|date|timestamptz|json|bytes|uuid|numeric(\\(\\s*\\d{1,4}\\s*(,\\s*\\d{1,4}\\s*)?\\))?)$',
  'x-pattern-hint':
    'a column type: text, integer, bigint, double, numeric, numeric(p,s), boolean, date, timestamptz, json, bytes or uuid',
  description: 'text, integer, bigint, double, numeric, numeric(p,s), boolean, date, timestamptz, json, bytes or uuid',
} as const

/** The schema of the sink `table` where there is one database. */
export const ownTableSchema = {
  type: 'object',
  description:
    'A table of the database, made and kept in shape by Hermes. A row has the name of the workflow in source_name and the ' +
    'time it was written in created_at. A message that comes twice is one row: it is known by the primaryKey, or by its ' +
    'idempotency key. A message that has no place in the table goes to the dead letters, with the column and why.',
  additionalProperties: false,
  required: ['name'],
  properties: {
    name: {
      type: 'string',
      minLength: 1,
      maxLength: 63,
      pattern: '^(?!hermes_|sqlite_|pg_)[a-z_][a-z0-9_$]*$',
      'x-pattern-hint': 'a name of small letters, digits and _ that does not begin with hermes_, sqlite_ or pg_',
      description: 'Table name. Several workflows may share a table.',
    },
    primaryKey: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      uniqueItems: true,
      default: [],
      description:
        'Fields that tell one row of the workflow from another. Left out: the column message_id, which holds the idempotency key.',
    },
    columns: {
      type: 'object',
      default: {},
      description:
        'Declared columns: a type, or { type, from }. A column that is there is widened to its type with the next write, and never narrowed. Fields beside them are inferred, or left out with evolve: freeze.',
      additionalProperties: {
        anyOf: [
          columnType,
          {
            type: 'object',
            additionalProperties: false,
            required: ['type'],
            properties: {
              type: columnType,
              from: { type: 'string', minLength: 1, description: 'Dotted path into the message, data.price.' },
            },
          },
        ],
      },
    },
    json: {
      type: 'string',
      minLength: 1,
      maxLength: 63,
      description:
        'A column that takes the message as a whole, as it came. No other columns are inferred then; primaryKey and columns still are filled.',
    },
    write: {
      enum: ['merge', 'append'],
      default: 'merge',
      description: 'What becomes of a row whose key comes again: merge replaces it, append leaves it.',
    },
    evolve: {
      enum: ['additive', 'freeze'],
      default: 'additive',
      description: 'additive: new fields become columns; freeze: they are left out.',
    },
  },
} as const

/** The schema of the `table` sink of a Workflow. */
export const workflowTableSchema = {
  ...ownTableSchema,
  properties: {
    connection: {
      type: 'string',
      minLength: 1,
      description:
        "Name of a Connection with `database`, where the table is then. Left out: Hermes' own database. A position is " +
        'committed with the rows in the latter alone; elsewhere a message that comes twice is one row all the same.',
    },
    ...ownTableSchema.properties,
  },
} as const

export type WorkflowTableConfig = FromSchema<typeof workflowTableSchema>
