import { HermesError } from '../../errors.ts'
import type { Connector } from '../../stream/connector.ts'
import type { Source } from '../../stream/source.ts'
import { postgresAddress } from '../postgres-config.ts'
import { PostgresChanges } from './postgres-changes.ts'
import { type PostgresSourceConfig, postgresSourceSchema } from './postgres-config.ts'
import { checkChanges, checkPoll } from './postgres-names.ts'
import { PostgresPoll } from './postgres-poll.ts'
import { postgresRemains } from './postgres-remains.ts'

/** The changes of tables by logical replication, or the new rows of a table or query by asking again and again. */
export const postgresSource: Connector<Source, PostgresSourceConfig> = {
  type: 'postgres',
  summary: 'The changes of tables of a PostgreSQL database, or new rows of a table or query.',
  config: postgresSourceSchema,
  remains: postgresRemains,
  open: async (config, { clock, log }) => {
    const { changes, poll, ...server } = config
    postgresAddress(server)
    if (changes !== undefined) {
      checkChanges(changes)
      return new PostgresChanges({ server, changes, clock, log })
    }
    if (poll === undefined) throw new HermesError('invalid_value', 'one of changes and poll is needed')
    checkPoll(poll)
    return new PostgresPoll({ server, poll, clock, log })
  },
}
