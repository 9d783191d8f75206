import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { hermesInProcess } from './in-process.ts'

/** Answers what is newer than `since`, as an API with an incremental parameter does. */
const orders = [
  { id: 1, at: '2024-01-01', meta: { changed: '2024-01-05' } },
  { id: 2, at: '2024-01-02', meta: { changed: '2024-01-06' } },
]
const asked: string[] = []
const server = createServer((request, response) => {
  const since = new URL(request.url ?? '', 'http://x').searchParams.get('since') ?? ''
  asked.push(since)
  response.end(JSON.stringify(orders.filter(({ at }) => at > since)))
})

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hermes-incremental-'))
  await mkdir(join(directory, 'manifests'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  server.close()
  await rm(directory, { recursive: true, force: true })
})

async function declare(column: string, table = ''): Promise<void> {
  const { port } = server.address() as AddressInfo
  const text = `apiVersion: hermes/v1
kind: SourceDefinition
metadata: { name: orders }
spec:
  http:
    url: http://127.0.0.1:${port}/orders
    incremental: { column: ${column}, parameter: since }
  table: { ${table} }
`
  await writeFile(join(directory, 'manifests/orders.yaml'), text)
}

function rows(): number {
  using database = new DatabaseSync(join(directory, '.hermes/hermes.db'), { readOnly: true })
  const [table] = database.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'orders'`).all()
  return table === undefined ? 0 : Number(database.prepare('SELECT count(*) AS n FROM orders').get()?.['n'])
}

it('an incremental column that no record has is refused before anything is written', async () => {
  await declare('updated')
  const { code, stdout } = await hermesInProcess(directory, 'apply')
  expect(code).toBe(1)
  expect(stdout).toContain(
    'cursor_missing: none of the 2 records on the first page has the incremental column updated; the first has id, at, meta',
  )
  expect(rows()).toBe(0)
})

it('the right one brings only what is new from then on', async () => {
  await declare('at')
  expect((await hermesInProcess(directory, 'apply')).code).toBe(0)
  asked.length = 0
  orders.push({ id: 3, at: '2024-01-03', meta: { changed: '2024-01-07' } })
  expect((await hermesInProcess(directory, 'run', 'orders')).code).toBe(0)
  expect((await hermesInProcess(directory, 'run', 'orders')).code).toBe(0)
  expect([asked, rows()]).toEqual([['2024-01-02', '2024-01-03'], 3])
})

it('a column taken from within the records may be the one', async () => {
  await declare('changed', 'columns: { changed: { type: date, from: meta.changed } }')
  expect((await hermesInProcess(directory, 'apply')).code).toBe(0)
  const { code, stdout } = await hermesInProcess(directory, 'run', 'orders')
  expect([code, stdout]).toEqual([0, expect.stringContaining('fetched orders')])
})
