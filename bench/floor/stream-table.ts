// The floor of stream-table: XREADGROUP a batch ahead, binary COPY into a staging table, INSERT … ON CONFLICT and XACK, a
// transaction a batch; nothing else.
import { pipeline } from 'node:stream/promises'
import { Redis } from 'ioredis'
import { Client } from 'pg'
import { from } from 'pg-copy-streams'
import { peakRss } from '../child.ts'
import { type Entry, messageCopy } from './message-copy.ts'

const [redisUrl = '', key = '', group = '', database = '', tables = '', size = ''] = process.argv.slice(2)
const client = new Client({ connectionString: database })
await client.connect()
for (const sql of JSON.parse(tables) as string[]) await client.query(sql)
const redis = new Redis(redisUrl, { protocol: 2 })
await redis.xgroup('CREATE', key, group, '0')

const names = 'source_name, created_at, message_id, payload'
await client.query(`create temp table stage on commit delete rows as select ${names} from events with no data`)
const merge = `insert into events (${names}) select ${names} from stage
  on conflict (source_name, message_id) do update set created_at = excluded.created_at, payload = excluded.payload`
const buffer = Buffer.allocUnsafe(64 << 20)

/** Empty when the stream has no more. */
async function read(): Promise<readonly Entry[]> {
  const reply = await redis.callBuffer('XREADGROUP', 'GROUP', group, 'floor', 'COUNT', size, 'STREAMS', key, '>')
  return (reply as readonly (readonly [Buffer, readonly Entry[]])[] | null)?.[0]?.[1] ?? []
}

let messages = 0
for (let next = read(), entries = await next; entries.length > 0; entries = await next) {
  next = read()
  await client.query('begin')
  const copy = client.query(from(`copy stage (${names}) from stdin (format binary)`))
  await pipeline([messageCopy(entries, 'bench', new Date(), buffer)], copy)
  await client.query(merge)
  await client.query('commit')
  await redis.xack(key, group, ...entries.map(([id]) => id))
  messages += entries.length
}
await client.end()
redis.disconnect()
console.log(JSON.stringify({ messages, peakRss: peakRss('self') }))
