import type { FromSchema } from 'json-schema-to-ts'
import { durationSchema } from '../duration-schema.ts'
import { postgresServerProperties } from '../postgres-config.ts'

const messages = (description: string) =>
  ({ type: 'integer', minimum: 1, maximum: 100_000, default: 1_000, description }) as const

const changes = {
  type: 'object',
  description:
    'Follows tables by logical replication (pgoutput): a snapshot of their rows, then every committed change, in the ' +
    'order of the commits. Needs `wal_level = logical`, PostgreSQL 13 or later, and a role with REPLICATION.',
  additionalProperties: false,
  required: ['slot'],
  properties: {
    tables: {
      type: 'array',
      minItems: 1,
      items: { type: 'string', minLength: 1 },
      description:
        'Tables, as SQL writes them: public.orders, "Odd name". One that is added later gets its snapshot then. May ' +
        'be left out with a publication of your own: all of its tables.',
    },
    slot: {
      type: 'string',
      pattern: '^[a-z0-9_]{1,63}$',
      'x-pattern-hint': 'small letters, digits and _, at most 63',
      description:
        'Name of the replication slot, one for each workflow. One that begins with `hermes_` belongs to Hermes: it ' +
        'makes it, and drops it with the workflow. Any other must be there, and stays. With another name the ' +
        'workflow begins anew, with a snapshot.',
    },
    publication: {
      type: 'string',
      minLength: 1,
      maxLength: 63,
      description:
        'Name of the publication, that of the slot when left out. Here too `hermes_` says that Hermes makes, alters ' +
        'and drops it, for which its role must own the tables; any other must be there, older than the slot, and ' +
        'stays as it is.',
    },
    operations: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { enum: ['insert', 'update', 'delete', 'truncate'] },
      default: ['insert', 'update', 'delete', 'truncate'],
      description: 'What a publication that Hermes makes publishes.',
    },
    snapshot: {
      enum: ['initial', 'never'],
      default: 'initial',
      description: 'Whether the rows that are there come first.',
    },
    batch: messages('Messages of a batch at most.'),
    deletionPolicy: {
      enum: ['delete', 'orphan'],
      default: 'delete',
      description:
        'Whether slot and publication that Hermes made go with the workflow. A slot that stays keeps the log of the ' +
        'server until its disk is full.',
    },
  },
} as const

const name = { type: 'string', minLength: 1 } as const

const poll = {
  type: 'object',
  description:
    'Asks again and again for the rows of a table or a query behind the last one. Deletions are not seen, and a row ' +
    'that changed twice in between is seen once. Works on a standby.',
  additionalProperties: false,
  required: ['cursor'],
  'x-one-of': ['table', 'query'],
  properties: {
    table: { ...name, description: 'A table or view, as SQL writes it: public.orders.' },
    query: { ...name, description: 'A SELECT without a semicolon, ORDER BY and LIMIT.' },
    cursor: {
      ...name,
      description:
        'Column that grows with each new or changed row: a time, a number, a text. Rows in which it is NULL are not ' +
        'read until it has a value.',
    },
    key: {
      type: 'array',
      minItems: 1,
      items: name,
      description:
        'Columns that tell apart rows with one value of the cursor; never NULL. Left out: the primary key of the table.',
    },
    every: { ...durationSchema, default: '5s', description: 'Pause after nothing more was found.' },
    batch: messages('Rows of a question at most.'),
    settle: {
      ...durationSchema,
      default: '0s',
      description:
        'How long a transaction may take: rows that are committed so long after others with a higher cursor are found ' +
        'still. What is found again has the same id.',
    },
    statementTimeout: { ...durationSchema, default: '5m', description: 'Time for one question.' },
  },
} as const

/** The schema of `postgres` as a source. */
export const postgresSourceSchema = {
  type: 'object',
  description:
    'Follows the changes of tables of a PostgreSQL database, or asks a table or query for new rows. Numbers keep every ' +
    'digit.',
  additionalProperties: false,
  required: ['url'],
  'x-one-of': ['changes', 'poll'],
  properties: { ...postgresServerProperties, changes, poll },
} as const

/** `x-one-of` leaves one of `changes` and `poll`. */
export type PostgresSourceConfig = FromSchema<typeof postgresSourceSchema>
export type PostgresChangesConfig = NonNullable<PostgresSourceConfig['changes']>
export type PostgresPollConfig = NonNullable<PostgresSourceConfig['poll']>
