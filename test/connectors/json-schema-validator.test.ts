import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { jsonSchemaValidator } from '../../src/connectors/validators/json-schema.ts'
import { payloads, validated } from './validators.ts'

const quote = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  additionalProperties: false,
  required: ['symbol', 'price'],
  properties: {
    symbol: { type: 'string', pattern: '^[A-Z]{1,5}$' },
    price: { type: 'number', exclusiveMinimum: 0 },
    at: { type: 'string', format: 'date-time' },
    side: { enum: ['buy', 'sell'] },
    'odd/name~': { type: 'integer' },
    levels: { type: 'array', maxItems: 3, items: { $ref: '#/$defs/level' } },
  },
  $defs: { level: { type: 'array', prefixItems: [{ type: 'number' }, { type: 'number' }], items: false } },
}

const check = (schema: Record<string, unknown>) => jsonSchemaValidator.check({ schema })

test('valid messages pass as they came, in the very same batch', async () => {
  const step = await jsonSchemaValidator.open({ schema: quote })
  const batch = payloads('{"symbol": "AAPL",  "price":1.50, "levels":[[1,2]]}', '{"symbol":"A","price":1}')
  expect(step.apply(batch, 0)).toStrictEqual({ batch })
  expect(step.apply(payloads(), 0).batch.size).toBe(0)
})

test('a failure names the field and the rule', async () => {
  const cases: readonly (readonly [string, string])[] = [
    ['{"symbol":"AAPL"}', 'the message has no price (required)'],
    ['{"symbol":"aapl","price":1}', 'symbol must match pattern "^[A-Z]{1,5}$" (pattern)'],
    ['{"symbol":"A","price":"1"}', 'price must be number (type)'],
    ['{"symbol":"A","price":0}', 'price must be > 0 (exclusiveMinimum)'],
    ['{"symbol":"A","price":1,"x":1}', 'the message must not have x (additionalProperties)'],
    ['{"symbol":"A","price":1,"at":"today"}', 'at must match format "date-time" (format)'],
    ['{"symbol":"A","price":1,"side":"hold"}', 'side must be one of ["buy","sell"] (enum)'],
    ['{"symbol":"A","price":1,"odd/name~":0.5}', '["odd/name~"] must be integer (type)'],
    ['{"symbol":"A","price":1,"levels":[[1,2],[1,"2"]]}', 'levels[1][1] must be number (type)'],
    ['[]', 'the message must be object (type)'],
    ['null', 'the message must be object (type)'],
  ]
  const { passed, failed } = await validated(jsonSchemaValidator, { schema: quote }, ...cases.map(([text]) => text))
  expect(passed).toStrictEqual([])
  expect(Object.values(failed)).toStrictEqual(cases.map(([, reason]) => reason))
})

test('what is no JSON fails by itself; ids and position stay with the others', async () => {
  const step = await jsonSchemaValidator.open({ schema: quote })
  const good = '{"symbol":"A","price":1}'
  const { batch, failures } = step.apply(payloads('{"symbol":', good, new Uint8Array([0xff, 0xfe]), good, ''), 0)
  expect(failures?.map(({ index, reason }) => [index, reason.includes('not JSON')])).toStrictEqual([
    [0, true],
    [2, true],
    [4, true],
  ])
  expect([batch.meta(0).id, batch.meta(1).id, batch.position]).toStrictEqual(['m1', 'm3', 7])
  expect(Buffer.from(batch.bytes(0)).toString()).toBe(good)
})

test('numbers beyond a double are numbers, with all their digits behind the step', async () => {
  const long = '{"symbol":"A","price":123456789012345678901234567890.125}'
  const schema = { type: 'object', properties: { price: { type: 'number', maximum: 10 }, n: { type: 'integer' } } }
  expect((await validated(jsonSchemaValidator, { schema: quote }, long)).passed).toStrictEqual([long])
  const { passed, failed } = await validated(jsonSchemaValidator, { schema }, long, '{"n":12345678901234567890123}')
  expect(failed).toStrictEqual({ 0: 'price must be <= 10 (maximum)' })
  expect(passed).toStrictEqual(['{"n":12345678901234567890123}'])
})

test('hostile messages are judged in bounded time and memory', async () => {
  const schema = {
    $defs: { t: { type: ['object', 'array', 'null'], items: { $ref: '#/$defs/t' } } },
    $ref: '#/$defs/t',
  }
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
  const wide = `[${'1,'.repeat(200_000)}1]`
  const raw = `{${Array.from({ length: 50_000 }, (_, index) => `"f${index}":1234567890123456789012`).join(',')}}`
  const { failed } = await validated(jsonSchemaValidator, { schema }, deep, wide, raw, '{"__proto__":{"x":1}}')
  expect(Object.keys(failed)).toStrictEqual(['0', '1'])
  expect(failed[0]).toBe('the payload is nested deeper than 1000 levels')
  expect(failed[1]).toBe('[0] must be object,array,null (type)')
})

test.each<readonly [string, Record<string, unknown>, RegExp]>([
  ['a wrong type name', { type: 'strin' }, /type/],
  ['a misspelled keyword', { type: 'object', requried: ['a'] }, /requried/],
  ['a reference to nowhere', { $ref: '#/$defs/nothing' }, /nothing/],
  ['a reference to elsewhere', { $ref: 'https://example.com/schema.json' }, /example\.com/],
  ['a pattern that is none', { pattern: '(' }, /pattern|regular expression/i],
  ['a format that nobody knows', { format: 'ticker' }, /ticker/],
  ['a draft that nobody knows', { $schema: 'https://example.com/draft' }, /example\.com/],
  ['promises in the place of answers', { $async: true }, /\$async/],
  ['a limit that is none', { maxItems: -1 }, /maxItems/],
])('the schema is checked before anything runs: %s', async (_what, schema, message) => {
  const [fault, ...more] = await check(schema)
  expect(fault).toMatchObject({ field: 'schema', message: expect.stringMatching(message) })
  expect(more).toStrictEqual([])
  await expect(jsonSchemaValidator.open({ schema })).rejects.toMatchObject({ code: 'invalid_value' })
})

test('remarks that people write into schemas are let be, and older drafts are known', async () => {
  expect(await check({ type: 'object', properties: { a: { type: 'string', 'x-unit': 'EUR', example: 'b' } } })).toEqual(
    [],
  )
  for (const draft of ['http://json-schema.org/draft-07/schema#', 'http://json-schema.org/draft-06/schema#']) {
    const schema = { $schema: draft, type: 'array', items: [{ type: 'number' }] }
    expect(await check(schema), draft).toEqual([])
    expect((await validated(jsonSchemaValidator, { schema }, '["a"]')).failed).toEqual({
      0: '[0] must be number (type)',
    })
  }
  expect(
    await check({ $schema: 'https://json-schema.org/draft/2019-09/schema', minContains: 1, contains: {} }),
  ).toEqual([])
})

test('a schema in a file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hermes-validator-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const file = join(directory, 'quote.json')
  await expect(jsonSchemaValidator.open({ file })).rejects.toMatchObject({ code: 'file_unreadable' })
  expect(await jsonSchemaValidator.check({ file })).toMatchObject([
    { field: 'file', message: expect.stringContaining('cannot be read') },
  ])
  await writeFile(file, '{"type":')
  expect(await jsonSchemaValidator.check({ file })).toMatchObject([{ field: 'file' }])
  await writeFile(file, '["type"]')
  expect(await jsonSchemaValidator.check({ file })).toMatchObject([{ message: 'a JSON Schema is an object' }])
  await writeFile(file, JSON.stringify(quote))
  expect(await jsonSchemaValidator.check({ file })).toEqual([])
  expect((await validated(jsonSchemaValidator, { file }, '{"symbol":"A","price":1}')).failed).toEqual({})
})
