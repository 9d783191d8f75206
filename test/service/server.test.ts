import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorTable } from '../../src/errors.ts'
import { answers } from '../../src/service/answers.ts'
import { routes } from '../../src/service/routes.ts'
import { openWorld } from './open-world.ts'

const yaml = 'application/yaml'
const json = 'application/json'

let world: Awaited<ReturnType<typeof openWorld>>
beforeAll(async () => {
  world = await openWorld()
  await world.api.add('SourceDefinition/prices')
})
afterAll(() => world[Symbol.asyncDispose]())

describe('answers to what cannot be done', () => {
  it.each([
    ['an unknown path', 'GET', '/api/v1/nothing', undefined, undefined, 404, 'request_invalid'],
    ['another method', 'DELETE', '/api/v1/status', undefined, undefined, 404, 'request_invalid'],
    ['an unknown resource', 'DELETE', '/api/v1/manifests/Connection/none', undefined, undefined, 404, 'not_found'],
    ['a kind that is none', 'DELETE', '/api/v1/manifests/x%2Fy/none', undefined, undefined, 400, 'request_invalid'],
    [
      'a name over the limit',
      'GET',
      `/api/v1/sources/${'n'.repeat(254)}/rows`,
      undefined,
      undefined,
      414,
      'request_invalid',
    ],
    [
      'a limit over the limit',
      'GET',
      '/api/v1/sources/prices/rows?limit=5000',
      undefined,
      undefined,
      400,
      'request_invalid',
    ],
    ['JSON that is none', 'POST', '/api/v1/approve', '{', json, 400, 'request_invalid'],
    ['a field of another type', 'POST', '/api/v1/reconcile', '{"keys":7}', json, 400, 'request_invalid'],
    ['a field too many', 'POST', '/api/v1/reconcile', '{"kyes":["a"]}', json, 400, 'request_invalid'],
    ['a missing field', 'POST', '/api/v1/approve', '{}', json, 400, 'request_invalid'],
    ['a stale hash', 'POST', '/api/v1/approve', '{"hash":"bad"}', json, 409, 'approval_stale'],
    ['what exists', 'POST', '/api/v1/manifests', 'SourceDefinition/prices', yaml, 409, 'already_exists'],
    ['a bad manifest', 'POST', '/api/v1/manifests', 'nonsense', yaml, 422, 'not_a_manifest'],
    ['an empty manifest', 'POST', '/api/v1/manifests', '', yaml, 400, 'request_invalid'],
    ['another type', 'POST', '/api/v1/manifests', '<a/>', 'application/xml', 415, 'request_invalid'],
    ['5 MB', 'POST', '/api/v1/manifests', 'x'.repeat(5 << 20), yaml, 413, 'request_invalid'],
    ['33 MB to plan', 'POST', '/api/v1/plan', `"${'x'.repeat(33 << 20)}"`, json, 413, 'request_invalid'],
    [
      'a tree without files',
      'POST',
      '/api/v1/plan',
      '{"lists":[],"unread":[],"complete":true}',
      json,
      400,
      'request_invalid',
    ],
  ] as const)('%s', async (_what, method, path, body, type, status, code) => {
    const answer = await world.ask(method, path, body, type)
    expect(answer.status).toBe(status)
    const { error } = JSON.parse(answer.text) as { error: { code: string; message: string; fix: string } }
    expect(error).toMatchObject({ code, fix: expect.stringMatching(/\w/) })
    expect(error.message).not.toMatch(/ at \/|node_modules/)
  })

  it('are sent in pieces as well', async () => {
    const head = 'POST /api/v1/approve HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 15\r\n'
    const socket = connect(world.socketPath)
    let received = ''
    socket.setEncoding('utf8').on('data', (text: string) => {
      received += text
    })
    for (const part of [head, '\r\n{"hash"', ':"good"}', '\r\n']) {
      socket.write(part)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await expect.poll(() => received).toContain('200 OK')
    socket.destroy()
  })
})

describe('the OpenAPI description', () => {
  it('names every route, and what they answer is as it says', async () => {
    const description = JSON.parse((await world.ask('GET', '/api/v1/openapi.json')).text) as {
      paths: Record<string, Record<string, { operationId: string }>>
    }
    const ids = Object.values(description.paths).flatMap((methods) =>
      Object.values(methods).map((each) => each.operationId),
    )
    expect(ids.toSorted()).toEqual(routes.map(({ id }) => id).toSorted())

    const ajv = new Ajv2020({ strict: false })
    formats.default(ajv)
    ajv.addSchema({ $id: 'doc', components: { schemas: answers } })
    for (const { id, path, answer, method } of routes.filter((each) => each.method === 'GET')) {
      const { text } = await world.ask(method, `/api/v1${path.replace(':name', 'prices')}`)
      const valid = text
        .trim()
        .split('\n')
        .every((line) => ajv.validate({ $ref: `doc#/components/schemas/${answer}` }, JSON.parse(line)))
      expect([id, valid, ajv.errors]).toEqual([id, true, null])
    }
    const { text } = await world.ask('DELETE', '/api/v1/manifests/Connection/none')
    expect(ajv.validate({ $ref: 'doc#/components/schemas/Error' }, JSON.parse(text))).toBe(true)
    expect(ajv.validate({ $ref: 'doc#/components/schemas/Error' }, {})).toBe(false)
  })
})

function broken(name: string, gates: boolean) {
  return { name, gates, run: () => Promise.reject(new Error('away')) }
}

describe('health', () => {
  const fine = { name: 'database', gates: true, run: async () => 'sqlite' }
  const hangs = { name: 'slow', gates: false, run: () => new Promise<void>(() => undefined) }

  it.each([
    ['ok', [fine], 200],
    ['degraded', [fine, broken('disk', false)], 200],
    ['unavailable', [broken('database', true), broken('disk', false)], 503],
  ] as const)('%s', async (status, checks, code) => {
    await using other = await openWorld({ checks })
    const answer = await other.ask('GET', '/readyz')
    expect(answer.status).toBe(code)
    const ready = JSON.parse(answer.text) as { checks: { name: string; ok: boolean; duration_ms: number }[] }
    expect(ready).toMatchObject({ version: '1.2.3', status, time: expect.stringMatching(/^\d{4}-.*Z$/) })
    expect(ready.checks.map(({ name }) => name)).toEqual(checks.map(({ name }) => name))
    expect(ready.checks.every(({ duration_ms }) => duration_ms >= 0)).toBe(true)
    expect((await other.ask('GET', '/livez')).status).toBe(200)
  })

  it('answers though a check hangs', async () => {
    const clock = { now: Date.now, sleep: () => new Promise<void>((resolve) => setTimeout(resolve, 20)) }
    await using other = await openWorld({ checks: [fine, hangs], clock })
    const ready = JSON.parse((await other.ask('GET', '/readyz')).text) as { status: string; checks: object[] }
    expect(ready.status).toBe('degraded')
    expect(ready.checks[1]).toMatchObject({ name: 'slow', ok: false, message: 'no answer within 3000 ms' })
  })
})

function value(text: string, series: string): string | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `))
  return line?.slice(series.length + 1)
}

describe('metrics', () => {
  it('count what happened', async () => {
    world.metrics.run({ source: 'prices', result: 'succeeded', rows: 12, seconds: 0.3 })
    world.metrics.run({ source: 'prices', result: 'failed', rows: 0, seconds: 0.1 })
    world.metrics.lap(0.01)
    const { text } = await world.ask('GET', '/metrics')
    expect(value(text, 'hermes_runs_total{result="succeeded"}')).toBe('1')
    expect(value(text, 'hermes_runs_total{result="failed"}')).toBe('1')
    expect(value(text, 'hermes_rows_total{source="prices"}')).toBe('12')
    expect(value(text, 'hermes_run_duration_seconds_count{result="succeeded"}')).toBe('1')
    expect(value(text, 'hermes_lap_duration_seconds_count')).toBe('1')
    expect(value(text, 'hermes_queue_depth')).toBe('7')
    expect(value(text, 'hermes_resources{kind="SourceDefinition",state="ready"}')).toBe('1')
    expect(text).toMatch(/hermes_http_requests_total\{method="GET",route="\/api\/v1\/status",status="200"\} \d/)
    expect(text).not.toContain('/api/v1/nothing')
  })

  it('forget sources that are gone, and do not grow with their number', async () => {
    await using other = await openWorld()
    await other.api.add(Array.from({ length: 1200 }, (_, index) => `SourceDefinition/s${index}`).join('\n'))
    for (let index = 0; index < 1200; index += 1) {
      other.metrics.run({ source: `s${index}`, result: 'succeeded', rows: 1, seconds: 0.1 })
    }
    other.metrics.run({ source: 'gone', result: 'succeeded', rows: 1, seconds: 0.1 })
    const text = (await other.ask('GET', '/metrics')).text
    expect(text.match(/^hermes_rows_total\{/gm)).toHaveLength(1001)
    expect(value(text, 'hermes_rows_total{source="other"}')).toBe('201')

    await using small = await openWorld()
    small.metrics.run({ source: 'gone', result: 'succeeded', rows: 1, seconds: 0.1 })
    expect((await small.ask('GET', '/metrics')).text).not.toContain('hermes_rows_total{')
  })
})

it('every code the service answers with is in the table', async () => {
  const text = await readFile(new URL('../../src/service/error-answer.ts', import.meta.url), 'utf8')
  const codes = [...text.matchAll(/^ {2}(\w+): \d{3},/gm)].map((match) => match[1] ?? '')
  expect(codes.length).toBeGreaterThan(5)
  expect(codes.filter((code) => !Object.hasOwn(errorTable, code))).toEqual([])
})
