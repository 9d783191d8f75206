import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually } from '../connectors/opened-stream.ts'
import { type OwnPostgres, onOwnPostgres, ownPostgres } from '../connectors/own-postgres.ts'
import { openPlace } from './bin.ts'

let server: OwnPostgres
let place: Awaited<ReturnType<typeof openPlace>>

const manifest = () => join(place.directory, 'manifests', 'orders.yaml')
const declare = (slot: string, { name = 'orders', spec = '', more = '' } = {}) =>
  writeFile(
    manifest(),
    `apiVersion: hermes/v1
kind: Workflow
metadata: { name: ${name} }
spec:${spec}
  source:
    postgres:
      url: ${server.url()}
      changes: { tables: [public.orders], slot: ${slot}${more} }
  steps:
    - filter: message.op != "truncate"
    - set: { id: message.key.id, deleted: 'message.op == "delete"', row: 'has(message.after) ? message.after : null' }
  sinks:
    - table: { name: orders, primaryKey: [id], columns: { id: bigint, deleted: boolean, row: json } }
`,
  )
const rows = () => {
  using database = new DatabaseSync(join(place.directory, '.hermes', 'hermes.db'), { readOnly: true })
  return database.prepare('SELECT CAST(id AS TEXT) id, deleted, row FROM orders ORDER BY orders.id').all()
}
const slots = async () =>
  (await server.sql('SELECT slot_name FROM pg_replication_slots')).map((row) => row['slot_name'])
const publications = async () => (await server.sql('SELECT pubname FROM pg_publication')).map((row) => row['pubname'])
const listed = async () => (await place.hermes('list', '-o', 'json')).stdout
const status = async () => JSON.stringify(await place.report())
const until = (check: () => unknown) => eventually(check, 30_000)

onOwnPostgres('a workflow that follows a PostgreSQL database into a table', () => {
  beforeAll(async () => {
    server = await ownPostgres()
    place = await openPlace()
    await mkdir(join(place.directory, 'manifests'))
  }, 60_000)
  afterAll(async () => {
    await place[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })

  it('goes on after a kill, and leaves nothing behind when it is removed', { timeout: 180_000 }, async () => {
    await server.sql('CREATE TABLE orders (id bigint PRIMARY KEY, price numeric)')
    await server.sql('INSERT INTO orders VALUES (1, 1.10), (9007199254740993, 2)')
    await declare('hermes_orders')
    // What is read as empty prunes nothing.
    const other =
      'apiVersion: hermes/v1\nkind: Connection\nmetadata: { name: other }\nspec: { http: { url: http://127.0.0.1:1 } }\n'
    await writeFile(join(place.directory, 'manifests', 'other.yaml'), other)
    const { child, result } = await place.serve()
    await until(() => expect(rows().map(({ id }) => id)).toEqual(['1', '9007199254740993']))
    await server.sql('UPDATE orders SET price = 3 WHERE id = 1')
    await until(() => expect(rows()[0]).toMatchObject({ row: expect.stringContaining('"price":3') }))
    child.kill('SIGKILL')
    await result
    await server.sql('DELETE FROM orders WHERE id = 1')
    await server.sql('INSERT INTO orders SELECT n, n FROM generate_series(10, 2009) n')

    const second = await place.serve()
    await until(() => expect(rows()).toHaveLength(2_002))
    expect(rows()[0]).toMatchObject({ id: '1', deleted: 1, row: null })
    expect(await slots()).toEqual(['hermes_orders'])

    await declare('hermes_orders_2')
    await until(async () => expect(await slots()).toEqual(['hermes_orders_2']))
    await until(async () => expect(await publications()).toEqual(['hermes_orders_2']))

    second.child.kill('SIGTERM')
    await second.result
    await server.stop('immediate')
    await rm(manifest())
    const { stdout } = await place.hermes('plan')
    expect(stdout).toContain('drop the replication slot hermes_orders_2 and the publication hermes_orders_2')
    await place.serve()
    await until(async () => expect(await status()).toContain('ConnectorUnavailable'))
    await server.start()
    await until(async () => expect(await slots()).toEqual([]))
    await until(async () => expect(await publications()).toEqual([]))
    await until(async () => expect((await place.hermes('list', '-o', 'json')).stdout).not.toContain('orders'))
  })
  it('leaves its slot to another name of it, and is let go of when the server is gone for good', async () => {
    await server.sql('TRUNCATE orders')
    await server.sql('INSERT INTO orders VALUES (1, 1)')
    await declare('hermes_kept')
    await until(async () => expect(await slots()).toEqual(['hermes_kept']))
    await server.streaming('hermes_kept')
    await declare('hermes_kept', { name: 'renamed' })
    await until(async () => expect(await listed()).toContain('renamed'))
    await until(async () => expect(await listed()).not.toContain('"orders"'))
    await server.sql('INSERT INTO orders VALUES (2, 2)')
    await until(() => expect(rows().map(({ id }) => id)).toContain('2'))
    expect(await slots()).toEqual(['hermes_kept'])

    await server.stop('immediate')
    await rm(manifest())
    await until(async () => expect(await status()).toContain('drop the replication slot hermes_kept'))
    const given = { name: 'renamed', spec: '\n  suspend: true', more: ', deletionPolicy: orphan' }
    await declare('hermes_kept', given)
    await until(async () => expect(await status()).not.toContain('drop the replication slot hermes_kept'))
    await rm(manifest())
    await until(async () => expect(await listed()).not.toContain('renamed'))
    await server.start()
    expect(await slots()).toEqual(['hermes_kept'])
  }, 180_000)
})
