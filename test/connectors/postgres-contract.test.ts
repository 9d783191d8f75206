import { afterAll, beforeAll } from 'vitest'
import { postgresSource } from '../../src/connectors/sources/postgres.ts'
import { opened } from './opened-stream.ts'
import { type OwnPostgres, onOwnPostgres, ownPostgres } from './own-postgres.ts'
import { streamSourceContract } from './stream-source-contract.ts'

let server: OwnPostgres
let count = 0

const insert = (table: string, from: number, to: number) =>
  server.sql(`INSERT INTO ${table} SELECT n, 'row ' || n FROM generate_series($1::int, $2::int) n`, [from, to - 1])

const subject = async (changes: (table: string) => object) => {
  count += 1
  const table = `numbers_${count}`
  const slot = `hermes_contract_${count}`
  await server.sql(`CREATE TABLE ${table} (id int PRIMARY KEY, note text)`)
  return {
    open: () => opened(postgresSource, { url: server.url(), ...changes(table) }),
    give: async (from: number, to: number) => void (await insert(table, from, to)),
    resumes: true,
    hasIds: true,
    [Symbol.asyncDispose]: async () => {
      await server.sql(
        'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active',
        [slot],
      )
      await server.sql('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [
        slot,
      ])
    },
  }
}

onOwnPostgres('postgres', () => {
  beforeAll(async () => {
    server = await ownPostgres()
  }, 60_000)
  afterAll(() => server[Symbol.asyncDispose]())

  streamSourceContract('postgres, a table and its changes', () =>
    subject((table) => ({ changes: { tables: [table], slot: `hermes_contract_${count}` } })),
  )

  streamSourceContract('postgres, asked again and again', () =>
    subject((table) => ({ poll: { table, cursor: 'id', every: '10ms' } })),
  )
})
