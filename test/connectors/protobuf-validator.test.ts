import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import protobuf from 'protobufjs'
import { expect, onTestFinished, test } from 'vitest'
import { protobufValidator } from '../../src/connectors/validators/protobuf.ts'
import { hex, payloads, validated } from './validators.ts'

const proto = `
syntax = "proto3";
package market.v1;
import "google/protobuf/timestamp.proto";
enum Side { UNKNOWN = 0; BUY = 1; SELL = 2; }
message Quote {
  string symbol_name = 1;
  int64 size = 2;
  repeated double price = 3;
  map<string, int32> tags = 4;
  oneof party { string name = 5; Quote quote = 6; }
  optional int32 depth = 7;
  Side side = 8;
  google.protobuf.Timestamp at = 9;
  bytes raw = 10;
  uint64 id = 11;
  sint64 delta = 12;
  float ratio = 13;
  bool live = 14;
  fixed64 hash = 15;
  sfixed32 offset = 16;
  repeated string notes = 17;
  map<int64, Quote> nested = 18;
  uint32 count = 19;
  sint32 shift = 20;
  repeated Quote legs = 21;
  double exact = 22;
}`

const quote = { schema: proto, message: 'market.v1.Quote' }
const root = protobuf.parse(proto, new protobuf.Root(), { keepCase: true }).root
root.addJSON((protobuf.common.get('google/protobuf/timestamp.proto') as { nested: object }).nested as never)
const type = root.lookupType('market.v1.Quote')
const encode = (value: object) => new Uint8Array(type.encode(type.fromObject(value)).finish())

const defaults = {
  symbol_name: '',
  size: 0,
  price: [],
  tags: {},
  side: 'UNKNOWN',
  raw: '',
  id: 0,
  delta: 0,
  ratio: 0,
  live: false,
  hash: 0,
  offset: 0,
  notes: [],
  nested: {},
  count: 0,
  shift: 0,
  legs: [],
  exact: 0,
}

async function decoded(...bytes: Uint8Array[]): Promise<unknown> {
  const { passed, failed } = await validated(protobufValidator, quote, ...bytes)
  return [...passed.map((each): unknown => JSON.parse(each)), ...Object.values(failed)]
}

test('fields have their names, and what cannot be absent its default', async () => {
  expect(await decoded(encode({}))).toStrictEqual([defaults])
  const full = {
    symbol_name: 'é\0',
    size: -5,
    price: [1.5, -0.1],
    tags: { a: -1, b: 2 },
    depth: 0,
    side: 'SELL',
    at: { seconds: 1_700_000_000, nanos: 5 },
    id: 12,
    delta: -3,
    ratio: 0.1,
    live: true,
    hash: 7,
    offset: -9,
    notes: ['', 'x'],
    count: 4_294_967_295,
    shift: -2_147_483_648,
    exact: 0.1,
  }
  const bytes = encode({
    ...full,
    raw: Buffer.from([0, 255]),
    quote: { symbol_name: 'in' },
    nested: { 5: {} },
    legs: [{}],
  })
  expect(await decoded(bytes)).toEqual([
    {
      ...full,
      raw: 'AP8=',
      quote: { ...defaults, symbol_name: 'in' },
      nested: { 5: defaults },
      legs: [defaults],
    },
  ])
})

test('64-bit integers keep all their digits', async () => {
  const bytes = encode({ size: '-9223372036854775808', id: '18446744073709551615', delta: '9007199254740993' })
  const { passed } = await validated(protobufValidator, quote, bytes)
  for (const part of ['"size":-9223372036854775808', '"id":18446744073709551615', '"delta":9007199254740993']) {
    expect(passed[0]).toContain(part)
  }
})

test('what the library encodes is decoded to the same, whatever it is', async () => {
  const step = await protobufValidator.open(quote)
  const value = fc.record({
    symbol_name: fc.string({ unit: 'binary' }),
    size: fc.maxSafeInteger(),
    price: fc.array(fc.double({ noNaN: true, noDefaultInfinity: true })),
    tags: fc.dictionary(fc.string({ unit: 'grapheme' }), fc.integer()),
    side: fc.constantFrom('UNKNOWN', 'BUY', 'SELL'),
    id: fc.maxSafeInteger().map(Math.abs),
    delta: fc.maxSafeInteger(),
    live: fc.boolean(),
    offset: fc.integer(),
    notes: fc.array(fc.string()),
    shift: fc.integer(),
    name: fc.string(),
  })
  fc.assert(
    fc.property(value, (given) => {
      const { batch, failures } = step.apply(payloads(encode(given)), 0)
      expect(failures).toBeUndefined()
      expect(batch.value(0)).toEqual({ ...defaults, ...given, tags: { ...given.tags } })
    }),
    { numRuns: 300 },
  )
})

test.each<readonly [string, string, object]>([
  ['numbers that are not packed', '19 000000000000f83f 19 0000000000000040', { price: [1.5, 2] }],
  ['a field that is not known', '0a0141 f83f01 e23f0161 e33f0801e43f', { symbol_name: 'A' }],
  ['a message in two parts is one', '32030a0141 32021005', { quote: { ...defaults, symbol_name: 'A', size: 5 } }],
  ['the last of a oneof', '32030a0141 2a0142', { name: 'B' }],
  ['the last of a single field', '1001 1002', { size: 2 }],
  ['an entry without a value', '22030a0161', { tags: { a: 0 } }],
  ['an entry without a key', '22021007', { tags: { '': 7 } }],
  ['a key that is a trap', '220d0a095f5f70726f746f5f5f1001', { tags: JSON.parse('{"__proto__":1}') as object }],
  ['a number that the enum does not name', '4063', { side: 99 }],
  ['no number', '6d0000c07f b101000000000000f07f', { ratio: 'NaN', exact: 'Infinity' }],
  ['an int32 of ten bytes', '38ffffffffffffffffff01', { depth: -1 }],
])('%s', async (_what, digits, expected) => {
  expect(await decoded(hex(digits))).toEqual([{ ...defaults, ...expected }])
})

test.each<readonly [string, string, string]>([
  ['text that is cut off', '0a05 61', 'symbol_name ends too early: 5 bytes are announced, 1 are left'],
  ['a number that is cut off', '10 80', 'size ends too early'],
  ['a double that is cut off', '1a03 000000', 'price[0] ends too early: 8 bytes are announced, 3 are left'],
  ['no UTF-8', '0a02 c328', 'symbol_name is not UTF-8'],
  ['another wire type', '0801', 'symbol_name has the wire type 0, not 2 as its type wants'],
  ['within a message', '3203 0a0541', 'quote.symbol_name ends too early: 5 bytes are announced, 1 are left'],
  ['within a list', 'aa0100 aa0102 0801', 'legs[1].symbol_name has the wire type 0, not 2 as its type wants'],
  ['field 0', '0001', 'the message has a field with the number 0'],
  ['a wire type that is none', '0f', 'symbol_name has the wire type 7, not 2 as its type wants'],
  ['a wire type that is none, of a field that is not known', 'ff3f', '["#1023"] has the wire type 7, which is none'],
  ['a group without end', 'e33f', '["#1020"] ends too early'],
  ['more than 64 bits', '10ffffffffffffffffff7f', 'size has an integer of more than 64 bits'],
])('a message that is not as its schema says: %s', async (_what, digits, reason) => {
  expect(await decoded(hex(digits))).toStrictEqual([reason])
})

test('any bytes come to values or to a reason, soon', async () => {
  const step = await protobufValidator.open(quote)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const { batch, failures = [] } = step.apply(payloads(bytes), 0)
      expect(batch.size + failures.length).toBe(1)
    }),
    { numRuns: 2_000 },
  )
  let deep = new Uint8Array()
  for (let depth = 0; depth < 150; depth++) {
    const length = deep.length < 128 ? [deep.length] : [(deep.length & 127) | 128, deep.length >> 7]
    deep = new Uint8Array([0x32, ...length, ...deep])
  }
  expect(await decoded(deep)).toStrictEqual([expect.stringMatching(/^quote\.quote.* nests deeper than 100 messages$/)])
  expect(await decoded(new Uint8Array(1_000_000).fill(0xe3))).toStrictEqual([expect.any(String)])
})

test('a required field that is missing is named', async () => {
  const schema = 'syntax = "proto2"; message P { required string a = 1; optional int32 b = 2 [default = 5]; }'
  const config = { schema, message: 'P' }
  expect(await validated(protobufValidator, config, hex('1001'), hex('0a0178'))).toStrictEqual({
    passed: ['{"a":"x"}'],
    failed: { 0: 'a is missing' },
  })
})

test.each<readonly [string, string, string, object]>([
  ['no .proto', 'message {', 'A', { field: 'schema', message: expect.stringContaining('line 1') as string }],
  [
    'a type that is none',
    'syntax = "proto3"; message A { Foo x = 1; }',
    'A',
    { message: expect.stringContaining('Foo') as string },
  ],
  ['a number twice', 'syntax = "proto3"; message A { int32 a = 1; int32 b = 1; }', 'A', { field: 'schema' }],
  ['the number 0', 'syntax = "proto3"; message A { int32 a = 0; }', 'A', { message: 'field a of A has the number 0' }],
  [
    'a group',
    'syntax = "proto2"; message A { optional group G = 1 { } }',
    'A',
    { message: expect.stringContaining('group') as string },
  ],
  [
    'an import',
    'syntax = "proto3"; import "other.proto"; message A { }',
    'A',
    { message: expect.stringContaining('other.proto') as string },
  ],
  [
    'another message',
    'syntax = "proto3"; package p; message A { message B { } }',
    'B',
    { field: 'message', message: 'there is no message B; there are p.A, p.A.B' },
  ],
  ['an enum for a message', 'syntax = "proto3"; enum A { X = 0; }', 'A', { field: 'message' }],
])('the schema is checked before anything runs: %s', async (_what, schema, message, fault) => {
  expect(await protobufValidator.check({ schema, message })).toMatchObject([fault])
  await expect(protobufValidator.open({ schema, message })).rejects.toMatchObject({ code: 'invalid_value' })
})

function imports(name: string): string {
  return `syntax = "proto3"; package a; import "${name}";`
}

test('a schema in a file, with what it imports beside it, in a circle too', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hermes-validator-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const file = join(directory, 'quote.proto')
  const config = { file, message: 'a.Quote' }
  await mkdir(join(directory, 'sub'))
  await writeFile(
    file,
    `${imports('sub/side.proto')} message Quote { Side side = 1; google.protobuf.Duration for = 2; }`,
  )
  expect(await protobufValidator.check(config)).toMatchObject([
    { field: 'file', message: expect.stringContaining('side.proto') as string },
  ])
  const side = `import "google/protobuf/duration.proto"; message Side { string name = 1; }`
  await writeFile(join(directory, 'sub', 'side.proto'), `${imports('../quote.proto')} ${side}`)
  expect(await protobufValidator.check(config)).toStrictEqual([])
  expect(await validated(protobufValidator, config, hex('0a030a0141'))).toMatchObject({
    passed: ['{"side":{"name":"A"}}'],
  })
})
