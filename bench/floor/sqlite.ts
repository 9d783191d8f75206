// The floor of fetch-sqlite: undici, JSON.parse and one prepared statement, a transaction a page; nothing else.
import { DatabaseSync } from 'node:sqlite'
import { request } from 'undici'
import { peakRss } from '../child.ts'
import { type BenchRecord, columnNames } from '../records.ts'

const [url = '', file = '', tables = ''] = process.argv.slice(2)
const database = new DatabaseSync(file)
database.exec('pragma journal_mode = wal; pragma synchronous = full')
for (const sql of JSON.parse(tables) as string[]) database.exec(sql)

const names = ['source_name', 'created_at', ...columnNames]
const insert = database.prepare(
  `insert into trades (${names.join(', ')}) values (${names.map(() => '?').join(', ')})
   on conflict (source_name, id) do update set ${names.map((name) => `${name} = excluded.${name}`).join(', ')}`,
)
const createdAt = new Date().toISOString().replace('Z', '000Z')

const started = performance.now()
let rows = 0
for (let page = 1; ; page += 1) {
  const { body } = await request(`${url}/records?page=${page}`)
  const { records } = JSON.parse(await body.text()) as { records: BenchRecord[] }
  if (records.length === 0) break
  database.exec('begin')
  for (const each of records) {
    const { id, symbol, at, price, volume, side, venue, note } = each
    insert.run('bench', createdAt, id, symbol, at.replace('Z', '000Z'), price, volume, side, venue, note)
  }
  database.exec('commit')
  rows += records.length
}
const seconds = (performance.now() - started) / 1000
database.close()
console.log(JSON.stringify({ rows, seconds, peakRss: peakRss('self') }))
