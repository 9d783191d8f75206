import type { PoolClient } from 'pg'
import type { LoadTarget } from '../database.ts'
import { identifier, identifiers } from '../sql-text.ts'
import { physicalType } from './column-types.ts'

/** So many tables a connection keeps to receive rows in: each costs a little at every commit. */
const keptInboxes = 4

const inboxes = new WeakMap<PoolClient, Map<string, string>>()
let count = 0

/** A temporary table of this connection with the columns of `target`, empty at the start of every transaction. */
export async function inboxFor(client: PoolClient, target: LoadTarget): Promise<string> {
  const kept = inboxes.get(client) ?? new Map<string, string>()
  inboxes.set(client, kept)
  const shape = JSON.stringify(target.columns)
  const known = kept.get(shape)
  kept.delete(shape)
  const inbox = known ?? (await createTable(client, target, 'DELETE ROWS'))
  const [oldest] = kept
  if (oldest !== undefined && kept.size >= keptInboxes) {
    await client.query(`DROP TABLE ${oldest[1]}`)
    kept.delete(oldest[0])
  }
  kept.set(shape, inbox)
  return inbox
}

/** A temporary table that collects rows until they are swapped in; nothing of it is left behind by a crash. */
export async function createStage(client: PoolClient, target: LoadTarget): Promise<string> {
  const stage = await createTable(client, target, 'PRESERVE ROWS')
  if (target.key.length > 0) await client.query(`CREATE UNIQUE INDEX ON ${stage} (${identifiers(target.key)})`)
  return stage
}

async function createTable(client: PoolClient, target: LoadTarget, atCommit: string): Promise<string> {
  const table = identifier(`hermes_stage_${++count}`)
  const columns = target.columns.map(({ name, type }) => `${identifier(name)} ${physicalType(type)}`)
  await client.query(`CREATE TEMPORARY TABLE ${table} (${columns.join(', ')}) ON COMMIT ${atCommit}`)
  return table
}
