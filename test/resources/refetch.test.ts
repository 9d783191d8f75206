import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Plan, Refetch } from '../../src/reconcile/plan.ts'
import { hermesInProcess } from '../cli/in-process.ts'
import { type LocalServer, serve } from '../connectors/local-server.ts'

/** An API that answers what is newer than `since`, by either of two fields that grow. */
const orders = [1, 2, 3].map((id) => ({ id, number: id * 10, note: `n${id}` }))
let api: LocalServer
let directory: string
beforeAll(async () => {
  api = await serve(({ url }) => orders.filter(({ id }) => id > Number(url.searchParams.get('since') ?? 0)))
})
afterAll(() => api[Symbol.asyncDispose]())
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hermes-refetch-'))
  await mkdir(join(directory, 'manifests'))
  return () => rm(directory, { recursive: true, force: true })
})

const unused = `apiVersion: hermes/v1
kind: Connection
metadata: { name: unused }
spec: { http: { url: "http://127.0.0.1:9" } }
`

interface Orders {
  readonly name?: string
  readonly cursor?: string
  readonly table?: string
  readonly schedule?: string
  readonly policy?: string
}

/** One source of orders, beside something that keeps the directory from being empty. */
async function declare({
  name = 'orders',
  cursor = 'id',
  table = '',
  schedule = '{ every: 1d }',
  policy = 'delete',
}: Orders = {}) {
  const text = `apiVersion: hermes/v1
kind: SourceDefinition
metadata: { name: orders }
spec:
  deletionPolicy: ${policy}
  schedule: ${schedule}
  http: { url: "${api.url}/orders", incremental: { column: ${cursor}, parameter: since } }
  table: { name: ${name}, ${table} }
---
${unused}`
  await writeFile(join(directory, 'manifests/orders.yaml'), text)
}

async function refetches(): Promise<readonly Refetch[]> {
  const { stdout } = await hermesInProcess(directory, 'plan', '-o', 'json')
  return (JSON.parse(stdout) as Plan).resources.flatMap((each) => each.refetches ?? [])
}

const apply = () => hermesInProcess(directory, 'apply')

/** What the source was asked for when it was fetched next. */
async function sinceOfNextRun(): Promise<string | null | undefined> {
  const before = api.seen.length
  await hermesInProcess(directory, 'run', 'orders')
  return api.seen[before]?.url.searchParams.get('since')
}

it('a new source comes from the start, and how much that is nobody knows', async () => {
  await declare()
  expect(await refetches()).toEqual([{ source: 'orders' }])
  await apply()
  expect(await refetches()).toEqual([])
  expect(await sinceOfNextRun()).toBe('3')
})

it('a cursor over a column that the table has not brings every row again', async () => {
  await declare({ table: 'evolve: freeze, columns: { id: bigint }' })
  await apply()
  await declare({ cursor: 'number', table: 'evolve: freeze, columns: { id: bigint, number: bigint }' })
  expect(await refetches()).toEqual([{ source: 'orders', rows: 3 }])
  await apply()
  expect(await sinceOfNextRun()).toBeNull()
})

it('a cursor whose column is narrowed loses its place', async () => {
  await declare({ table: 'columns: { id: text }' })
  await apply()
  await declare({ table: 'columns: { id: bigint }' })
  expect(await refetches()).toEqual([{ source: 'orders', rows: 3 }])
})

it('a cursor that goes on fetches nothing again, whatever else changes', async () => {
  await declare()
  await apply()
  await declare({ table: 'columns: { note: text, number: text }' })
  expect(await refetches()).toEqual([])
  await apply()
  expect(await sinceOfNextRun()).toBe('3')
})

it('what no schedule fetches is not said to be fetched', async () => {
  await declare({ table: 'columns: { id: text }', schedule: '{}' })
  await apply()
  await declare({ table: 'columns: { id: bigint }', schedule: '{}' })
  expect(await refetches()).toEqual([])
})

it('rows that go along to another table, or were left behind, are not fetched again', async () => {
  await declare()
  await apply()
  await declare({ name: 'elsewhere', policy: 'orphan' })
  expect(await refetches()).toEqual([])
  await apply()
  await writeFile(join(directory, 'manifests/orders.yaml'), unused)
  await apply()
  await declare({ name: 'elsewhere', policy: 'orphan' })
  expect(await refetches()).toEqual([])
  await apply()
  expect(await sinceOfNextRun()).toBe('3')
})
