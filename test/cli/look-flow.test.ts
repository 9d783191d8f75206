import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { EventEntry } from '../../src/service/api.ts'
import { openPeer } from '../connectors/websocket-peer.ts'
import { Upstream } from '../origin/git/upstream.ts'
import { openPlace } from './bin.ts'

/** The real commands that look, around a real service. */
let place: Awaited<ReturnType<typeof openPlace>>
beforeAll(async () => {
  place = await openPlace()
  await place.hermes('init')
})
afterAll(() => place[Symbol.asyncDispose]())

const manifest = (name: string) => join(place.directory, 'manifests', name)
const stateOf = async (name: string) => {
  const found = (await place.report())?.resources.find((each) => each.name === name)
  return `${found?.state} ${found?.reason}`
}
const events = async (...args: readonly string[]) =>
  JSON.parse((await place.hermes('events', '-o', 'json', ...args)).stdout) as readonly EventEntry[]
const reasons = async (...args: readonly string[]) => (await events(...args)).map(({ reason }) => reason)

/** A source that fills the table `shared`. */
function sharing(name: string): string {
  return `apiVersion: hermes/v1
kind: SourceDefinition
metadata: { name: ${name} }
spec: { http: { url: "http://127.0.0.1:1" }, table: { name: shared } }
`
}

it('without a service tell what files, ledger and data tell; of what happened there is nothing', async () => {
  const none = await place.hermes('events')
  expect(none).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^error\[service_absent\]/) })
  expect((await place.hermes('tree')).stdout).toMatch(
    /^◌ SourceDefinition\/cities {2}progressing.*\n└─ ✔ Table\/cities/,
  )
  await place.serve()
})

it('tell what happened, and to whom', async () => {
  await expect.poll(() => stateOf('cities'), { timeout: 10_000 }).toBe('ready Fetched')
  expect(await reasons('--for', 'cities')).toEqual(['StepApplied', 'FirstFetch'])
  expect((await place.hermes('events', '--for', 'table/cities')).stdout).toBe('nothing happened yet\n')
  expect(await reasons()).toContain('RevisionAccepted')
  const { stdout } = await place.hermes('events', '--for', 'SourceDefinition/cities')
  expect(stdout).toMatch(
    /^LAST SEEN +RESOURCE +REASON +MESSAGE\n.* StepApplied +fetch .*because the manifest was added\n/,
  )
  expect(await place.hermes('events', '--for', 'citie')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('did you mean cities?'),
  })
})

it('show what hangs on what, what is missing, and its arrival', async () => {
  const source = 'apiVersion: hermes/v1\nkind: SourceDefinition\nmetadata: { name: orders }\n'
  await writeFile(manifest('orders.yaml'), `${source}spec: { connection: shop, http: { path: /orders } }\n`)
  await expect.poll(() => stateOf('orders'), { timeout: 10_000 }).toBe('waiting WaitingForResource')
  expect((await place.hermes('tree', 'orders')).stdout).toMatch(
    /^\? Connection\/shop {2}missing\n└─ … SourceDefinition\/orders {2}waiting, 0 rows {2}WaitingForResource: .*\n {3}└─ ✔ Table\/orders {2}ready\n$/,
  )
  const connection = 'apiVersion: hermes/v1\nkind: Connection\nmetadata: { name: shop }\n'
  await writeFile(manifest('shop.yaml'), `${connection}spec: { http: { url: "http://127.0.0.1:1" } }\n`)
  await expect.poll(() => stateOf('orders'), { timeout: 10_000 }).toBe('retrying HttpNetwork')
  expect(await reasons('--for', 'orders')).toContain('HttpNetwork')
  expect((await place.hermes('tree', 'connections/shop', '-o', 'yaml')).stdout).toMatch(/name: shop\n +state: ready/)
})

it('say that a workflow has lost its source, which it tries to reach by itself', async () => {
  const workflow = 'apiVersion: hermes/v1\nkind: Workflow\nmetadata: { name: ticks }\n'
  await using peer = await openPeer()
  await writeFile(
    manifest('ticks.yaml'),
    `${workflow}spec: { source: { websocket: { url: "${peer.url}" } }, sinks: [{ drop: {} }] }\n`,
  )
  await expect.poll(() => stateOf('ticks'), { timeout: 10_000 }).toBe('ready Running')
  await peer[Symbol.asyncDispose]()
  await expect.poll(() => stateOf('ticks'), { timeout: 10_000 }).toBe('retrying ConnectorUnavailable')
  expect((await place.status('ticks')).stdout).toContain(`source: ws://127.0.0.1:${peer.port}`)
  await using again = await openPeer({ port: peer.port })
  await expect.poll(() => stateOf('ticks'), { timeout: 15_000 }).toBe('ready Running')
  expect(again.sockets).toHaveLength(1)
})

it('trace a table to its sources', async () => {
  const { code, stdout } = await place.hermes('trace', 'cities')
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(
      /^SOURCE +STATE +ROWS +LAST RUN +DECLARED IN +REVISION\ncities +ready +5 +\S+.* cities\.yaml:2 +[0-9a-f]{7}\n$/,
    ),
  ])
  expect(await place.hermes('trace', 'citis')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('did you mean cities?'),
  })
  expect((await place.hermes('__complete', '--', 'trace', 'c')).stdout).toBe('cities\n')
})

it('say what waits for its window, which lets nobody through while it denies', async () => {
  const before = await readFile(manifest('cities.yaml'), 'utf8')
  const closed = 'spec:\n  syncWindow: { deny: [{ cron: "* * * * *", duration: 2m }] }\n  priority: 3\n'
  await writeFile(manifest('cities.yaml'), before.replace('spec:\n', closed))
  await expect.poll(() => stateOf('cities'), { timeout: 10_000 }).toBe('waiting SyncWindow')
  const waits = /waits for its window, which does not open\n/
  expect((await place.hermes('plan')).stdout).toMatch(waits)
  expect((await place.hermes('apply')).stdout).toMatch(new RegExp(`. SourceDefinition/cities ${waits.source}`))
  const refused = await place.hermes('run', 'cities')
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error\[sync_window_denied\]/) })
  expect(await reasons('--for', 'cities')).toContain('SyncWindow')
  await writeFile(manifest('cities.yaml'), before)
  await expect.poll(() => stateOf('cities'), { timeout: 10_000 }).toBe('ready Fetched')
})

it('trace a table to the commits of its sources, with no service at all', async () => {
  await using upstream = await Upstream.create()
  await using other = await openPlace()
  await upstream.commit({ 'a.yaml': sharing('a') }, { message: 'Add a' })
  await other.hermes('apply', '--no-run', '--git', upstream.path)
  await upstream.commit({ 'b.yaml': sharing('b') }, { message: 'Add b' })
  await other.hermes('apply', '--no-run', '--git', upstream.path)
  const { stdout } = await other.hermes('trace', 'shared', '--git', upstream.path)
  expect(stdout.split('\n').map((line) => line.replaceAll(/ {2,}/g, ' | '))).toEqual([
    'SOURCE | STATE | ROWS | LAST RUN | DECLARED IN | REVISION | AUTHOR | DATE | SUBJECT',
    expect.stringMatching(/^a \| \w+ \| 0 \| - \| a\.yaml:1 \| main@[0-9a-f]{7} \| Ann \| \d{4}-\d\d-\d\d \| Add a$/),
    expect.stringMatching(/^b \| \w+ \| 0 \| - \| b\.yaml:1 \| main@[0-9a-f]{7} \| Ann \| \d{4}-\d\d-\d\d \| Add b$/),
    '',
  ])
})
