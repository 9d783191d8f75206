import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import avro from 'avsc'
import * as fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { avroValidator } from '../../src/connectors/validators/avro.ts'
import { hex, payloads, validated } from './validators.ts'

const trade = {
  type: 'record',
  name: 'Trade',
  namespace: 'market.v1',
  fields: [
    { name: 'symbol', type: 'string' },
    { name: 'price', type: 'double' },
    { name: 'size', type: 'long' },
    { name: 'side', type: { type: 'enum', name: 'Side', symbols: ['BUY', 'SELL'] } },
    { name: 'venue', type: ['null', 'string', { type: 'fixed', name: 'Mic', size: 4 }], default: null },
    { name: 'levels', type: { type: 'array', items: { type: 'map', values: 'int' } } },
    { name: 'raw', type: 'bytes' },
    { name: 'parent', type: ['null', 'Trade'], default: null },
  ],
}

const empty = { venue: null, levels: [], raw: Buffer.alloc(0), parent: null }
const type = avro.Type.forSchema(trade as never, { wrapUnions: 'always' })
const binary = (schema: object | string) => ({ schema: schema as Record<string, unknown>, encoding: 'binary' as const })
const asJson = (schema: object | string) => ({ schema: schema as Record<string, unknown>, encoding: 'json' as const })

test('binary messages are decoded to plain values', async () => {
  const parent = { symbol: 'P', price: 0.1, size: -1, side: 'SELL', ...empty }
  const venue = { 'market.v1.Mic': Buffer.from('XNAS') }
  const levels = [{ a: 1, __proto__x: -2 }, {}]
  const full = { symbol: 'é\0', price: 1.5, size: 2 ** 40, side: 'BUY', venue, levels, raw: Buffer.from([0, 255]) }
  const bytes = type.toBuffer({ ...full, parent: { 'market.v1.Trade': parent } })
  const { passed, failed } = await validated(avroValidator, binary(trade), bytes)
  expect(failed).toStrictEqual({})
  expect(JSON.parse(passed[0] ?? '')).toStrictEqual({
    ...full,
    venue: Buffer.from('XNAS').toString('base64'),
    raw: 'AP8=',
    parent: { ...parent, raw: '' },
  })
})

test('what the library encodes is decoded to the same, whatever it is', async () => {
  const value = fc.record({
    symbol: fc.string({ unit: 'binary' }),
    price: fc.double({ noNaN: true, noDefaultInfinity: true }),
    // The library's encoder counts in doubles: beyond 2^52 it loses the last bit.
    size: fc.integer({ min: -(2 ** 51), max: 2 ** 51 }),
    side: fc.constantFrom('BUY', 'SELL'),
    venue: fc.oneof(fc.constant(null), fc.record({ string: fc.string() })),
    levels: fc.array(fc.dictionary(fc.string(), fc.integer())),
    raw: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    parent: fc.constant(null),
  })
  const step = await avroValidator.open(binary(trade))
  fc.assert(
    fc.property(value, (given) => {
      const { batch, failures } = step.apply(payloads(type.toBuffer(given)), 0)
      expect(failures).toBeUndefined()
      expect(batch.value(0)).toEqual({
        ...given,
        venue: given.venue === null ? null : given.venue.string,
        levels: given.levels.map((each) => ({ ...each })),
        raw: given.raw.toString('base64'),
      })
    }),
    { numRuns: 300 },
  )
})

test.each<readonly [string, object | string, string, string]>([
  ['the least long', 'long', 'ff ff ff ff ff ff ff ff ff 01', '-9223372036854775808'],
  ['the greatest long', 'long', 'fe ff ff ff ff ff ff ff ff 01', '9223372036854775807'],
  ['2^53', 'long', '80 80 80 80 80 80 80 20', '9007199254740992'],
  ['a float as it is written', 'float', 'cd cc cc 3d', '0.1'],
  ['no number', 'double', '00 00 00 00 00 00 f8 7f', '"NaN"'],
  ['a decimal', { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 }, '04 ff 85', '-1.23'],
  ['a small decimal', { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 3 }, '02 07', '0.007'],
  ['a decimal without bytes', { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 }, '00', '0.00'],
  [
    'a long decimal',
    { type: 'fixed', name: 'D', size: 10, logicalType: 'decimal', precision: 24, scale: 4 },
    '7f ff ff ff ff ff ff ff ff ff',
    '60446290980731458735.3087',
  ],
  ['a decimal that is none', { type: 'bytes', logicalType: 'decimal', precision: 0 }, '02 07', '"Bw=="'],
  ['blocks with their sizes', { type: 'array', items: 'int' }, '03 04 02 04 02 06 00', '[1,2,3]'],
  ['a schema as text', '{"type":"map","values":"null"}', '02 02 61 00', '{"a":null}'],
  ['a key that is a trap', { type: 'map', values: 'int' }, '02 12 5f5f70726f746f5f5f 0200', '{"__proto__":1}'],
])('%s', async (_what, schema, digits, json) => {
  expect(await validated(avroValidator, binary(schema), hex(digits))).toStrictEqual({ passed: [json], failed: {} })
})

test.each<readonly [string, object | string, string, string]>([
  ['nothing', 'int', '', 'the message ends too early'],
  ['too much', 'int', '02 00 00', 'the message has 2 bytes more than its schema'],
  ['an int beyond 32 bits', 'int', '80 80 80 80 10', 'the message must be int, which 2147483648 is not'],
  ['more than 64 bits', 'long', 'ff ff ff ff ff ff ff ff ff 03', 'the message has an integer of more than 64 bits'],
  [
    'an integer without end',
    'long',
    'ff ff ff ff ff ff ff ff ff ff ff',
    'the message has an integer of more than 64 bits',
  ],
  ['a boolean of 2', 'boolean', '02', 'the message must be boolean, 0 or 1, not 2'],
  ['a text cut off', 'string', '0a 61', 'the message ends too early: 5 bytes are announced, 1 are left'],
  [
    'a text of gigabytes',
    'string',
    'fe ff ff ff ff 07',
    'the message ends too early: 137438953471 bytes are announced, 0 are left',
  ],
  ['a negative length', 'bytes', '01', 'the message has a length of -1'],
  ['no UTF-8', 'string', '02 ff', 'the message is not UTF-8'],
  ['a branch that is none', ['null', 'int'], '04', 'the message has branch 2 of 2'],
  ['a symbol that is none', { type: 'enum', name: 'E', symbols: ['A'] }, '01', 'the message has symbol -1 of 1'],
  [
    'nulls for ever',
    { type: 'array', items: 'null' },
    'fe ff ff ff ff 7f 00',
    'the message announces 2199023255551 items, more than the message has bytes',
  ],
  [
    'a field within',
    { type: 'record', name: 'R', fields: [{ name: 'a', type: { type: 'array', items: 'boolean' } }] },
    '04 01 07 00',
    'a[1] must be boolean, 0 or 1, not 7',
  ],
])('a message that is not as its schema says: %s', async (_what, schema, digits, reason) => {
  expect(await validated(avroValidator, binary(schema), hex(digits))).toStrictEqual({
    passed: [],
    failed: { 0: reason },
  })
})

test('any bytes come to values or to a reason, soon', async () => {
  const step = await avroValidator.open(binary(trade))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const { batch, failures = [] } = step.apply(payloads(bytes), 0)
      expect(batch.size + failures.length).toBe(1)
    }),
    { numRuns: 2_000 },
  )
  const endless = { type: 'record', name: 'E', fields: [{ name: 'again', type: 'E' }] }
  expect((await validated(avroValidator, binary(endless), '')).failed).toStrictEqual({
    0: 'the message nests too deep',
  })
  const nested = { type: 'array', items: { type: 'array', items: 'null' } }
  const bomb = new Uint8Array(1_000_000).fill(0x7e)
  expect(Object.keys((await validated(avroValidator, binary(nested), bomb)).failed)).toStrictEqual(['0'])
})

function message(more: object): string {
  return JSON.stringify({
    symbol: 'A',
    price: 1.5,
    size: 1,
    side: 'BUY',
    venue: null,
    levels: [],
    raw: '',
    parent: null,
    ...more,
  })
}

test('JSON messages are validated and decoded alike', async () => {
  const exact = message({}).replace('"size":1', '"size":9223372036854775807')
  const { passed, failed } = await validated(
    avroValidator,
    asJson(trade),
    type.toString({
      symbol: 'A',
      price: 1,
      size: 1,
      side: 'BUY',
      ...empty,
      venue: { string: 'x' },
      raw: Buffer.from([255]),
    }),
    exact,
    message({ venue: { 'market.v1.Mic': 'XNAS' } }),
    message({ venue: { 'market.v1.Mic': 'X' } }),
    message({ venue: 'x' }),
    message({ size: 1.5 }),
    exact.replace('775807', '775808'),
    message({ side: 'HOLD' }),
    message({ raw: '€' }),
    message({ levels: [{}, { a: '1' }] }),
    message({ parent: { 'market.v1.Trade': { symbol: 1 } } }),
    message({ more: 1 }),
    '{"symbol":"A"}',
    '[]',
    '{',
  )
  expect(passed).toHaveLength(3)
  expect(JSON.parse(passed[0] ?? '')).toMatchObject({ venue: 'x', raw: '/w==' })
  expect(passed[1]).toContain('"size":9223372036854775807')
  expect(passed[2]).toContain('"venue":"WE5BUw=="')
  expect(Object.values(failed)).toStrictEqual([
    'venue["market.v1.Mic"] must have 4 bytes, not 1',
    'venue must be one of null, string, market.v1.Mic, named as {"type": value}, not "x"',
    'size must be long, not 1.5',
    'size must be long, not 9223372036854775808',
    'side must be one of BUY, SELL, not "HOLD"',
    'raw must be bytes, not "€"',
    'levels[1].a must be int, not "1"',
    'parent["market.v1.Trade"].symbol must be string, not 1',
    'more is not in the schema',
    'price is missing',
    'the message must be a record, not []',
    expect.stringContaining('not JSON'),
  ])
})

test.each<readonly [string, object | string, RegExp]>([
  ['a type that is none', 'lnog', /lnog/],
  ['a name that is none', { type: 'enum', name: '9', symbols: ['A'] }, /9/],
  [
    'a default that does not fit',
    { type: 'record', name: 'R', fields: [{ name: 'a', type: 'int', default: 'x' }] },
    /"x"/,
  ],
  [
    'a field twice',
    {
      type: 'record',
      name: 'R',
      fields: [
        { name: 'a', type: 'int' },
        { name: 'a', type: 'int' },
      ],
    },
    /duplicate/,
  ],
  ['a trap', { type: 'record', name: 'R', fields: [{ name: '__proto__', type: 'int' }] }, /__proto__/],
  ['text that is cut off', '{"type":', /JSON/],
])('the schema is checked before anything runs: %s', async (_what, schema, fault) => {
  expect(await avroValidator.check(binary(schema))).toMatchObject([
    { field: 'schema', message: expect.stringMatching(fault) },
  ])
  await expect(avroValidator.open(binary(schema))).rejects.toMatchObject({ code: 'invalid_value' })
})

test('a schema in a file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hermes-validator-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const file = join(directory, 'trade.avsc')
  const config = { file, encoding: 'binary' as const }
  await expect(avroValidator.open(config)).rejects.toMatchObject({ code: 'file_unreadable' })
  await writeFile(file, JSON.stringify(trade))
  expect(await avroValidator.check(config)).toStrictEqual([])
  await writeFile(file, '"int"')
  expect(await validated(avroValidator, config, hex('02'))).toStrictEqual({ passed: ['1'], failed: {} })
})
