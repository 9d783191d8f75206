// The floor of fetch-postgres: undici, JSON.parse, binary COPY into a staging table and one INSERT … ON CONFLICT, a
// transaction a page; nothing else.
import { pipeline } from 'node:stream/promises'
import { Client } from 'pg'
import { from } from 'pg-copy-streams'
import { request } from 'undici'
import { peakRss } from '../child.ts'
import { type BenchRecord, columnNames } from '../records.ts'
import { binaryCopy } from './binary-copy.ts'

const [url = '', database = '', tables = ''] = process.argv.slice(2)
const client = new Client({ connectionString: database })
await client.connect()
for (const sql of JSON.parse(tables) as string[]) await client.query(sql)

const names = ['source_name', 'created_at', ...columnNames].join(', ')
const set = columnNames.map((name) => `${name} = excluded.${name}`).join(', ')
await client.query(`create temp table stage on commit delete rows as select ${names} from trades with no data`)
const merge = `insert into trades (${names}) select ${names} from stage
  on conflict (source_name, id) do update set created_at = excluded.created_at, ${set}`
const createdAt = new Date().toISOString()
const buffer = Buffer.allocUnsafe(4 << 20)

const started = performance.now()
let rows = 0
for (let page = 1; ; page += 1) {
  const { body } = await request(`${url}/records?page=${page}`)
  const { records } = JSON.parse(await body.text()) as { records: BenchRecord[] }
  if (records.length === 0) break
  await client.query('begin')
  const copy = client.query(from(`copy stage (${names}) from stdin (format binary)`))
  await pipeline([binaryCopy(records, 'bench', createdAt, buffer)], copy)
  await client.query(merge)
  await client.query('commit')
  rows += records.length
}
const seconds = (performance.now() - started) / 1000
await client.end()
console.log(JSON.stringify({ rows, seconds, peakRss: peakRss('self') }))
