import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type LocalServer, serve } from '../connectors/local-server.ts'
import { openPlace } from './bin.ts'

/** Workflows as their user has them: manifests in a directory, the real service, and files on both sides. */
let place: Awaited<ReturnType<typeof openPlace>>
beforeEach(async () => {
  place = await openPlace()
  await mkdir(join(place.directory, 'manifests'))
})
afterEach(() => place[Symbol.asyncDispose]())

const at = (file: string) => join(place.directory, file)
const manifest = (name: string, spec: object) =>
  writeFile(
    at(`manifests/${name}.yaml`),
    JSON.stringify({ apiVersion: 'hermes/v1', kind: 'Workflow', metadata: { name }, spec }),
  )
const give = (...lines: readonly unknown[]) =>
  appendFile(at('in.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
const lines = async (file: string): Promise<readonly Record<string, unknown>[]> => {
  const text = await readFile(at(file), 'utf8').catch(() => '')
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, unknown>]))
}
const status = async (name: string) => (await place.report())?.resources.find((resource) => resource.name === name)
const flow = async (name: string) => (await status(name))?.flow

async function eventually(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (const end = performance.now() + 20_000; !(await isSo()); await delay(50)) {
    if (performance.now() > end) throw new Error(`not within 20 s: ${what}`)
  }
}

const source = { file: { path: '../in.jsonl' } }
const needsId = { jsonSchema: { schema: { type: 'object', required: ['id'] } } }
const into = (path: string) => ({ file: { path: `../${path}` } })

it('one hands messages to another, a third reads the dead letters of that', { timeout: 60_000 }, async () => {
  await manifest('front', { source, sinks: [{ workflow: { name: 'hub' } }] })
  await manifest('hub', { source: { workflow: {} }, validate: needsId, sinks: [into('out.jsonl')] })
  const letters = { workflow: 'hub', every: '100ms', as: 'letter', where: 'stage == "validate"' }
  await manifest('mend', { source: { dead_letter: letters }, sinks: [into('mended.jsonl')] })
  await give({ id: 1 }, { x: 2 }, { id: 3 })
  const { child, result } = await place.serve()
  await eventually(async () => (await lines('out.jsonl')).length === 2, 'hub writes')
  await eventually(async () => (await lines('mended.jsonl')).length === 1, 'mend writes')
  expect(await lines('out.jsonl')).toEqual([{ id: 1 }, { id: 3 }])
  expect((await lines('mended.jsonl'))[0]).toMatchObject({
    workflow: 'hub',
    payload: '{"x":2}',
    reason: expect.stringContaining('no id'),
  })
  expect(await flow('hub')).toMatchObject({ read: 3, written: 2 })
  await give(...Array.from({ length: 5_000 }, (_, index) => ({ id: index + 10 })))
  child.kill('SIGTERM')
  expect(await result).toMatchObject({ code: 0 })
  await place.serve()
  await eventually(async () => new Set((await lines('out.jsonl')).map(({ id }) => id)).size === 5_002, 'the rest')
  await eventually(async () => (await flow('hub'))?.deadLetters === 0, 'the letter is gone')
})

it('what a workflow feeds has to be there, and may come later', { timeout: 60_000 }, async () => {
  await manifest('front', { source, sinks: [{ workflow: { name: 'hub' } }] })
  await give({ id: 1 })
  await place.serve()
  await eventually(async () => (await status('front'))?.state === 'waiting', 'front waits')
  await manifest('hub', { source: { workflow: {} }, sinks: [into('out.jsonl')] })
  await eventually(async () => (await lines('out.jsonl')).length === 1, 'hub writes')
})

it('dead letters go to the sink that the workflow names', { timeout: 60_000 }, async () => {
  await manifest('w', { source, validate: needsId, deadLetter: into('letters.jsonl'), sinks: [into('out.jsonl')] })
  await give({ id: 1 }, { x: 2 })
  await place.serve()
  await eventually(async () => (await lines('letters.jsonl')).length === 1, 'the letter')
  expect(await lines('letters.jsonl')).toMatchObject([{ workflow: 'w', stage: 'validate', payload: '{"x":2}' }])
  expect((await place.hermes('dead-letters', 'list', 'w', '-o', 'json')).stdout.trim()).toBe('[]')
})

it('dead letters go first at a start, and those that fail again stay with their count', {
  timeout: 60_000,
}, async () => {
  const spec = { source, validate: needsId, deadLetter: { drainFirst: true } }
  await manifest('w', { ...spec, sinks: [into('out.jsonl')] })
  await give({ x: 1 }, { x: 2, kind: 'b' })
  const { child, result } = await place.serve()
  await eventually(async () => (await flow('w'))?.deadLetters === 2, 'two letters')
  child.kill('SIGTERM')
  expect(await result).toMatchObject({ code: 0 })
  await give({ x: 3, kind: 'b' })
  const validate = { jsonSchema: { schema: { type: 'object', required: ['kind'] } } }
  await manifest('w', { ...spec, validate, sinks: [into('out.jsonl')] })
  await place.serve()
  await eventually(async () => (await lines('out.jsonl')).length === 2, 'the mended and the new one')
  expect(await lines('out.jsonl')).toEqual([
    { x: 2, kind: 'b' },
    { x: 3, kind: 'b' },
  ])
  const { stdout } = await place.hermes('dead-letters', 'list', 'w', '-o', 'json')
  expect(JSON.parse(stdout)).toMatchObject([{ excerpt: '{"x":1}', stage: 'validate', attempts: 2 }])
})

it('is looked at while it runs: rates and live messages', { timeout: 60_000 }, async () => {
  const generate = { expression: '{"id": index, "token": "abc"}', rate: { perSecond: 200 } }
  const steps = [{ filter: 'message.id % 2 == 0' }]
  await manifest('ticks', { source: { generate }, steps, sinks: [{ name: 'gone', drop: {} }] })
  await place.serve()
  await eventually(async () => ((await flow('ticks'))?.readPerSecond ?? 0) > 50, 'it runs')
  const shown = await place.hermes('tap', 'ticks', '--at', 'gone', '-n', '3', '-o', 'json')
  const samples = shown.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { node: string; payload: string })
  expect(samples).toHaveLength(3)
  for (const { node, payload } of samples) {
    const { id, token } = JSON.parse(payload) as { id: number; token: string }
    expect([node, id % 2, token]).toEqual(['sinks.gone', 0, '***'])
  }
  expect(await place.hermes('tap', 'ticks', '--at', 'gon')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('not_found'),
  })
  expect(await place.hermes('tap', 'tocks')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no workflow tocks'),
  })
  const { stdout } = await place.hermes('top')
  expect(stdout).toMatch(/^WORKFLOW.*\nticks +running +\d+(\.\d)?\/s .*\n +→ gone .* closed /)
  expect(await flow('ticks')).toMatchObject({
    phase: 'running',
    owner: expect.stringMatching(/./),
    lag: { messages: expect.any(Number) },
    sinks: [{ writeSize: 10_000 }],
  })
})

const posted = ({ seen }: LocalServer) =>
  seen.filter(({ method }) => method === 'POST').flatMap(({ body }) => JSON.parse(body) as unknown[])
const connection = (url: string) =>
  writeFile(
    at('manifests/api.yaml'),
    JSON.stringify({
      apiVersion: 'hermes/v1',
      kind: 'Connection',
      metadata: { name: 'api' },
      spec: { http: { url } },
    }),
  )

it('a Connection that changes is followed by what runs', { timeout: 60_000 }, async () => {
  await using one = await serve(() => ({}))
  await using two = await serve(() => ({}))
  await connection(one.url)
  await manifest('w', { connection: 'api', source, sinks: [{ http: { path: '/in' } }] })
  await give({ id: 1 })
  await place.serve()
  await eventually(async () => posted(one).length === 1, 'the first address')
  await connection(two.url)
  await eventually(
    async () => (await status('api'))?.state === 'ready' && (await place.hermes('plan')).code === 0,
    'the other',
  )
  await give({ id: 2 })
  await eventually(async () => posted(two).length === 1, 'the second address')
  expect([posted(one), posted(two)]).toEqual([[{ id: 1 }], [{ id: 2 }]])
})

it('nobody looks at live messages where no service runs', async () => {
  await manifest('ticks', { source, sinks: [into('out.jsonl')] })
  for (const verb of ['tap', 'top'])
    expect(await place.hermes(verb, 'ticks')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('service_absent'),
    })
})

it('says that it waits for its dead letters, and goes on once they are taken', async () => {
  let isAway = false
  await using letters = await serve((_request, response) => {
    response.statusCode = isAway ? 503 : 200
    return {}
  })
  const deadLetter = { http: { url: letters.url } }
  await manifest('careful', { source, validate: needsId, sinks: [into('out.jsonl')], deadLetter })
  await give({ id: 1 })
  await place.serve()
  await eventually(async () => (await lines('out.jsonl')).length === 1, 'it runs')
  isAway = true
  await give({ x: 2 }, { id: 3 })
  await eventually(async () => (await status('careful'))?.state === 'retrying', 'it waits')
  expect((await status('careful'))?.message).toMatch(/^dead letters: .*503/)
  isAway = false
  await eventually(async () => (await lines('out.jsonl')).length === 2, 'it goes on')
  await eventually(async () => (await status('careful'))?.state === 'ready', 'all is well')
  expect(letters.seen.at(-1)?.body).toContain('no id')
})

it('what may be lost is told when manifests are validated', async () => {
  const feed = { websocket: { url: 'ws://127.0.0.1:9/' } }
  await manifest('feed', { source: feed, sinks: [into('out.jsonl')] })
  const { code, stdout } = await place.hermes('validate')
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/volatile_source spec.source: what websocket sends is lost/),
  ])
  expect(stdout).toMatch(/1 manifest, 0 problems, 1 warning\n$/)
  expect((await place.hermes('validate', '-o', 'github')).stdout).toMatch(
    /^::warning file=manifests\/feed.yaml,line=1,/,
  )
  await manifest('feed', { source: feed, buffer: { file: {} }, sinks: [into('out.jsonl')] })
  expect((await place.hermes('validate')).stdout).toBe('1 file, 1 manifest, 0 problems\n')
  const url = 'redis://127.0.0.1:9'
  await manifest('heard', { source: { redis: { url, channels: ['ticks'] } }, sinks: [into('out.jsonl')] })
  await manifest('kept', { source: { redis: { url, stream: { key: 'a', group: 'b' } } }, sinks: [into('out.jsonl')] })
  expect((await place.hermes('validate')).stdout).toMatch(
    /heard\.yaml.*what redis sends(.|\n)*3 manifests, 0 problems, 1 warning/,
  )
})
