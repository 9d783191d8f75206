import type { FromSchema } from 'json-schema-to-ts'
import { credentialsInUrl, secretAddress } from './secret-text.ts'

/** The schema of a Connection to a database. */
export const databaseConnectionSchema = {
  type: 'object',
  description:
    "A database that is not Hermes' own, for the sink `table` of workflows. Nothing is made there but the tables that " +
    'sinks name. All sinks on it share at most 6 connections.',
  additionalProperties: false,
  required: ['url'],
  properties: {
    url: {
      ...secretAddress,
      pattern: '^(postgres(ql)?://[^\\s/]|sqlite:.|\\$\\{)',
      'x-pattern-hint': 'a postgres:// address, or sqlite: and a path',
      'x-secret-only': `${credentialsInUrl}|[?&](ssl)?password=[^&]`,
      description:
        'postgres://USER:PASSWORD@HOST:PORT/DATABASE, or sqlite:PATH with a path from the manifests directory. The ' +
        'password may be a secret: postgres://hermes:${secrets.PG}@db/warehouse. `?schema=` chooses a schema that is ' +
        'there, `?sslmode=` is understood as by libpq, `?connect_timeout=` are seconds.',
    },
  },
} as const

export type DatabaseConnectionConfig = FromSchema<typeof databaseConnectionSchema>
