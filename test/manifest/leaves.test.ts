import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { checkCron, nextCron } from '../../src/manifest/cron.ts'
import { durationMs, formatDuration, parseDuration } from '../../src/manifest/duration.ts'
import { canonicalJson } from '../../src/manifest/hash.ts'
import { kebabOf } from '../../src/manifest/kind.ts'
import { parsePath, pathText } from '../../src/manifest/path.ts'
import { publishedSchema, schemaFile } from '../../src/manifest/schema.ts'
import { suggest } from '../../src/manifest/suggest.ts'
import { sourceDefinition } from './kinds.ts'

test.each<[string | number, number | undefined]>([
  ['500ms', 500],
  ['30s', 30_000],
  ['15m', 900_000],
  ['1h', 3_600_000],
  ['2d', 172_800_000],
  ['1w', 604_800_000],
  ['1h30m', 5_400_000],
  ['1.5h', 5_400_000],
  ['0', 0],
  [0, 0],
  ['', undefined],
  ['5', undefined],
  ['5 m', undefined],
  ['-5m', undefined],
  ['5M', undefined],
  ['m', undefined],
  [5, undefined],
  ['1'.repeat(70), undefined],
  ['99999999999999999999d', undefined],
])('the duration %j', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
  if (ms !== undefined) expect(durationMs(formatDuration(ms))).toBe(ms)
})

function nextInBerlin(after: string): string {
  return new Date(nextCron('30 2 * * *', 'Europe/Berlin', Date.parse(after))).toISOString()
}

describe('cron', () => {
  test.each<[string, string | undefined, RegExp | undefined]>([
    ['0 6 * * 1-5', 'Europe/Berlin', undefined],
    ['*/10 * * * * *', undefined, undefined],
    ['0 0 L * *', undefined, undefined],
    ['@daily', undefined, undefined],
    ['61 * * * *', undefined, /not a cron expression/],
    ['* * *', undefined, /not a cron expression/],
    ['0 0 30 2 *', undefined, /never comes due/],
    ['2030-01-01T00:00:00', undefined, /not a cron expression/],
    ['', undefined, /not a cron expression/],
    ['0 6 * * *', 'Europe/Berln', /not an IANA time zone/],
  ])('%s in %s', (expression, timezone, wrong) => {
    const found = checkCron(expression, timezone)
    if (wrong === undefined) expect(found).toBeUndefined()
    else expect(found).toMatch(wrong)
  })

  test('keeps to the wall clock over both changes of the clocks', () => {
    expect(nextInBerlin('2026-01-10T00:00:00Z')).toBe('2026-01-10T01:30:00.000Z')
    expect(nextInBerlin('2026-03-28T12:00:00Z')).toBe('2026-03-29T01:00:00.000Z')
    expect(nextInBerlin('2026-03-29T12:00:00Z')).toBe('2026-03-30T00:30:00.000Z')
    expect(nextInBerlin('2026-10-25T00:30:00Z')).toBe('2026-10-26T01:30:00.000Z')
    expect(nextCron('0 6 * * *', undefined, Date.parse('2026-01-01T06:00:00Z'))).toBe(
      Date.parse('2026-01-02T06:00:00Z'),
    )
  })
})

test('canonical JSON knows no order and no absent fields', () => {
  expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: undefined })).toBe('{"b":[1,{"c":"x","d":null}]}')
  expect(canonicalJson({ a: 1, b: 2 })).toBe(canonicalJson({ b: 2, a: 1 }))
  expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]))
})

test('suggestions are near, or none', () => {
  const known = ['every', 'cron', 'timezone', 'jitter']
  expect(suggest('evry', known)).toBe('every')
  expect(suggest('corn', known)).toBe('cron')
  expect(suggest('timeZone', known)).toBe('timezone')
  expect(suggest('schedule', known)).toBeUndefined()
  expect(suggest('x'.repeat(10_000), known)).toBeUndefined()
})

test('paths read back', () => {
  for (const path of [
    ['spec', 'steps', 0, 'filter'],
    ['metadata', 'annotations', 'hermes/moved-from'],
    ['a', '"]', 'b c'],
  ]) {
    expect(parsePath(pathText(path))).toEqual(path)
  }
})

test('kinds in kebab case', () => {
  expect(['SourceDefinition', 'Connection', 'HTTPProbe', 'A2B'].map(kebabOf)).toEqual([
    'source-definition',
    'connection',
    'http-probe',
    'a2-b',
  ])
})

test('the published schema is standard JSON Schema and judges as an editor should', () => {
  const schema = publishedSchema(sourceDefinition)
  expect(JSON.stringify(schema)).not.toContain('"x-')
  expect(schemaFile('SourceDefinition')).toBe('source-definition.json')
  const validate = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false }).compile(schema)
  const document = { apiVersion: 'hermes/v1', kind: 'SourceDefinition', metadata: { name: 'a' } }
  const spec = { schedule: { every: '15m' }, file: { path: 'x' }, table: { name: 't' } }
  expect(validate({ ...document, spec })).toBe(true)
  expect(validate({ ...document, spec: { ...spec, schedule: { every: 0 } } })).toBe(true)
  expect(validate({ ...document, spec: { ...spec, schedule: { every: '15 minutes' } } })).toBe(false)
  expect(validate({ ...document, spec: { ...spec, http: { path: 'x' } } })).toBe(false)
  expect(validate({ ...document, spec: { ...spec, table: { nam: 't' } } })).toBe(false)
})
