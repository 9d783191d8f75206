import { expect, test } from 'vitest'
import { rawNumber } from '../../src/lossless-json.ts'
import { misfit } from '../../src/store/canonical.ts'
import { declaredCoercion } from '../../src/store/coerce.ts'
import { type ColumnType, parseColumnType } from '../../src/store/column-type.ts'
import { eachDatabase, onPostgres } from './databases.ts'
import { fetchPages, never, targetOf, witnessed } from './fetches.ts'
import { sharedStore } from './shared-store.ts'

type Pair = readonly [input: unknown, stored: string]

/** What goes in and what is stored, as a witness prints it: the same on both databases. */
const valid: Readonly<Record<string, readonly Pair[]>> = {
  text: [
    ['', ''],
    ['Zürich 🏔', 'Zürich 🏔'],
    ['a\0b', 'a\uFFFDb'],
    ['\uD800x', '\uFFFDx'],
    ['it\'s \\ "so"\n\t', 'it\'s \\ "so"\n\t'],
    ['\\N', '\\N'],
    [0.1, '0.1'],
    [1e21, '1000000000000000000000'],
    [-0, '0'],
    [true, 'true'],
    [12345678901234567890n, '12345678901234567890'],
    [rawNumber('0.1234567890123456789'), '0.1234567890123456789'],
    [rawNumber('1e200000'), '1e200000'],
    [{ a: [1, rawNumber('12345678901234567890')] }, '{"a":[1,12345678901234567890]}'],
    [new Date(1_700_000_000_123), '2023-11-14T22:13:20.123000Z'],
    ['x'.repeat(100_000), 'x'.repeat(100_000)],
  ],
  integer: [
    [0, '0'],
    [-0, '0'],
    [2_147_483_647, '2147483647'],
    [-2_147_483_648, '-2147483648'],
    ['42', '42'],
    [' +7 ', '7'],
    ['1.0', '1'],
    [5n, '5'],
    [rawNumber('1.00000000000000000000'), '1'],
  ],
  bigint: [
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    [rawNumber('9007199254740993'), '9007199254740993'],
    ['9223372036854775807', '9223372036854775807'],
    [-9_223_372_036_854_775_808n, '-9223372036854775808'],
    [4_294_967_296, '4294967296'],
    [-4_294_967_297, '-4294967297'],
    [1e17, '100000000000000000'],
    ['1e3', '1000'],
  ],
  double: [
    [0.1, '0.1'],
    [-0, '0'],
    [1e300, '1e+300'],
    [5e-324, '5e-324'],
    [Number.MAX_VALUE, '1.7976931348623157e+308'],
    ['1.25', '1.25'],
    [rawNumber('0.1234567890123456789'), '0.12345678901234568'],
    [2n ** 60n, '1152921504606847000'],
    [0.30000000000000004, '0.30000000000000004'],
  ],
  numeric: [
    [0, '0'],
    [1.5, '1.5'],
    ['12.50', '12.5'],
    ['-0.00', '0'],
    ['.5', '0.5'],
    ['007', '7'],
    [rawNumber('12345678901234567890'), '12345678901234567890'],
    [rawNumber('0.1234567890123456789'), '0.1234567890123456789'],
    [rawNumber('1e400'), `1${'0'.repeat(400)}`],
    [rawNumber('-1.5e-7'), '-0.00000015'],
    ['9999.9999', '9999.9999'],
    ['10000.0001', '10000.0001'],
    ['100000000', '100000000'],
    ['0.00010001', '0.00010001'],
    [`${'9'.repeat(300)}.${'1'.repeat(300)}`, `${'9'.repeat(300)}.${'1'.repeat(300)}`],
  ],
  'numeric(10,2)': [
    [1.5, '1.50'],
    [7, '7.00'],
    ['0.005', '0.01'],
    ['-0.005', '-0.01'],
    ['0.00499999999999999999999', '0.00'],
    ['-0.001', '0.00'],
    [2.675, '2.68'],
    ['99999999.994', '99999999.99'],
    [0, '0.00'],
    ['1e3', '1000.00'],
  ],
  'numeric(5)': [
    [12344.5, '12345'],
    ['0.5', '1'],
    ['-99999', '-99999'],
  ],
  boolean: [
    [true, '1'],
    [false, '0'],
    ['TRUE', '1'],
    ['f', '0'],
    ['yes', '1'],
    ['off', '0'],
    [1, '1'],
    ['0', '0'],
  ],
  date: [
    ['2024-02-29', '2024-02-29'],
    ['0001-01-01', '0001-01-01'],
    ['9999-12-31', '9999-12-31'],
    ['1999-12-31', '1999-12-31'],
    ['2024-03-01T00:00:00', '2024-03-01'],
    ['2024-03-01 00:00', '2024-03-01'],
    ['2024-03-01T00:00:00.000+09:00', '2024-03-01'],
  ],
  timestamptz: [
    ['2024-01-02T03:04:05Z', '2024-01-02T03:04:05.000000Z'],
    ['2024-01-02T03:04:05.123456Z', '2024-01-02T03:04:05.123456Z'],
    ['2024-01-02T03:04:05.1234565Z', '2024-01-02T03:04:05.123456Z'],
    ['2024-01-02T03:04:05.1234575Z', '2024-01-02T03:04:05.123458Z'],
    ['2024-12-31T23:59:59.999999999Z', '2025-01-01T00:00:00.000000Z'],
    ['2024-01-02T03:04:05+05:30', '2024-01-01T21:34:05.000000Z'],
    ['2024-01-02 03:04:05.5-0800', '2024-01-02T11:04:05.500000Z'],
    ['2024-01-02T03:04:05+02', '2024-01-02T01:04:05.000000Z'],
    ['2024-01-02T03:04Z', '2024-01-02T03:04:00.000000Z'],
    ['2024-01-02t03:04:05z', '2024-01-02T03:04:05.000000Z'],
    ['2024-01-02', '2024-01-02T00:00:00.000000Z'],
    ['2024-01-02 03:04:05', '2024-01-02T03:04:05.000000Z'],
    ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00.000000Z'],
    ['2024-01-02T24:00:00Z', '2024-01-03T00:00:00.000000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000000Z'],
    ['9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z'],
    ['1969-12-31T23:59:59.999999Z', '1969-12-31T23:59:59.999999Z'],
    [1_700_000_000, '2023-11-14T22:13:20.000000Z'],
    [1_700_000_000_123, '2023-11-14T22:13:20.123000Z'],
    [1_700_000_000.5, '2023-11-14T22:13:20.500000Z'],
    [-1, '1969-12-31T23:59:59.000000Z'],
    [new Date(0), '1970-01-01T00:00:00.000000Z'],
  ],
  bytes: [
    ['', ''],
    ['\\xDEADbeef', 'deadbeef'],
    ['aGVsbG8=', '68656c6c6f'],
    ['aGVsbG8', '68656c6c6f'],
    ['-_8=', 'fbff'],
    [new Uint8Array([0, 255, 10]), '00ff0a'],
  ],
  uuid: [
    ['01890A5D-AC96-774B-BCCE-B302099A8057', '01890a5d-ac96-774b-bcce-b302099a8057'],
    ['01890a5dac96774bbcceb302099a8057', '01890a5d-ac96-774b-bcce-b302099a8057'],
  ],
}

const invalid: Readonly<Record<string, readonly unknown[]>> = {
  integer: [2_147_483_648, -2_147_483_649, 1.5, '1.5', '', 'x', true, {}, [], rawNumber('1e400'), Number.NaN],
  bigint: ['9223372036854775808', rawNumber('-9223372036854775809'), 1e19, 0.5, '0x10', '1_000', false, Infinity],
  double: [rawNumber('1e400'), 'Infinity', 'NaN', '', ' ', '1,5', true, {}, Number.NaN, -Infinity],
  numeric: ['NaN', '', '.', 'e5', '1e', '--1', '1e131072', '1e-16384', rawNumber('1e999999999999'), true, [], Infinity],
  'numeric(10,2)': ['100000000', '99999999.995', rawNumber('1e400'), 'x'],
  'numeric(5)': [99_999.5, '100000'],
  boolean: [2, 'maybe', '', 0.5, {}, 'truee'],
  date: ['2023-02-29', '2024-13-01', '2024-00-10', '2024-04-31', '0000-01-01', '24-01-01', '2024-1-1', 20240101, ''],
  timestamptz: [
    '2024-02-30T00:00:00Z',
    '2024-01-02T25:00:00Z',
    '2024-01-02T03:60:00Z',
    '2024-01-02T24:00:01Z',
    '2024-01-02T03:04:05.1234567890Z',
    '2024-01-02T03:04:05+16:00',
    '0001-01-01T00:00:00+01:00',
    '9999-12-31T23:59:59.9999999Z',
    'yesterday',
    '1700000000',
    1e17,
    Number.NaN,
    true,
    {},
  ],
  json: [undefined, () => 1, { a: rawNumber('1e200000') }],
  bytes: ['\\xabc', 'not base64!', 'a', 5, {}],
  uuid: ['', '01890a5d-ac96-774b-bcce', 'g1890a5d-ac96-774b-bcce-b302099a8057', 5],
}

const typeOf = (text: string): ColumnType => parseColumnType(text) ?? { type: 'text' }

for (const [text, values] of Object.entries(invalid)) {
  test.each(values.map((value) => [value]))(`${text} refuses %o`, (value) => {
    expect(declaredCoercion(typeOf(text))(value)).toBe(misfit)
  })
}

test('what refers to itself has no JSON', () => {
  const loop: Record<string, unknown> = {}
  loop['self'] = loop
  expect(declaredCoercion({ type: 'json' })(loop)).toBe(misfit)
})

eachDatabase('values', ({ home: newHome, dialect }) => {
  const shared = sharedStore(newHome)

  test('every type is stored to the value', async () => {
    for (const [index, [text, pairs]] of Object.entries(valid).entries()) {
      const table = `t${index}`
      const target = targetOf({ table, source: table, columns: { id: 'integer', v: text } })
      const records = pairs.map(([input], id) => ({ id, v: input }))
      await fetchPages(shared.store, target, [[...records, { id: -1, v: null }, { id: -2 }]])
      const stored = await witnessed(shared.home, table, { name: 'v', type: typeOf(text) })
      const expected = Object.fromEntries(pairs.map(([, value], id) => [String(id), value]))
      expect(stored, text).toStrictEqual({ ...expected, '-1': null, '-2': null })
    }
  })

  test('json keeps every digit', async () => {
    const documents: readonly (readonly [unknown, string])[] = [
      [
        { n: rawNumber('12345678901234567890'), d: rawNumber('0.1234567890123456789') },
        '{"n":12345678901234567890,"d":0.1234567890123456789}',
      ],
      [[rawNumber('1e400')], '[1e400]'],
      ['text', '"text"'],
      [false, 'false'],
      [{ 'a\0b': '\uDC00\\u0000 \\' }, '{"a\uFFFDb":"\uFFFD\\\\u0000 \\\\"}'],
      [{ big: 2n ** 70n }, '{"big":1180591620717411303424}'],
      [{ nested: { list: [[], {}, null] } }, '{"nested":{"list":[[],{},null]}}'],
    ]
    const target = targetOf({ columns: { id: 'integer', v: 'json' } })
    await fetchPages(shared.store, target, [documents.map(([v], id) => ({ id, v }))])
    for (const [id, [, text]] of documents.entries()) {
      const same = dialect === 'sqlite' ? 'v = ?' : 'v = $1::jsonb'
      expect(await shared.home.witness(`SELECT id FROM quotes WHERE ${same}`, [text]), text).toStrictEqual([{ id }])
    }
  })

  test('a value that does not fit names column, type, record and value, and nothing of its page is written', async () => {
    const target = targetOf({ columns: { id: 'integer', price: 'numeric(10,2)' } })
    await using run = await shared.store.runs.begin(target, 1_700_000_000_000)
    await run.write(
      [
        { id: 1, price: 1 },
        { id: 2, price: '2.5' },
      ],
      1,
      never,
    )
    const long = `n/a ${'x'.repeat(200)}`
    const failing = run.write(
      [
        { id: 3, price: 3 },
        { id: 4, price: long },
      ],
      2,
      never,
    )
    await expect(failing).rejects.toMatchObject({
      code: 'value_mismatch',
      message: `column price is numeric(10,2); record 4 has ${`"${long}`.slice(0, 79)}…`,
    })
    expect(await shared.home.witness('SELECT count(*) AS n FROM quotes')).toMatchObject([
      { n: dialect === 'sqlite' ? 2 : '2' },
    ])
  })

  test('a record that is no object is refused', async () => {
    for (const [index, record] of [5, [1], null, 'x', undefined, rawNumber('1e400')].entries()) {
      await using run = await shared.store.runs.begin(targetOf({ source: `s${index}` }), 1_700_000_000_000)
      const failing = run.write([{ id: 1 }, record], 1, never)
      const message = `record 2 is ${JSON.stringify(record) ?? 'a value that JSON does not hold'}`
      await expect(failing).rejects.toMatchObject({ code: 'record_not_object', message })
    }
  })

  test('a declared column may be taken from within a record', async () => {
    const columns = [
      { name: 'id', type: typeOf('integer') },
      { name: 'city', type: typeOf('text'), from: 'address.city.name' },
      { name: 'amount', type: typeOf('numeric'), from: 'value' },
      { name: 'dotted', type: typeOf('text'), from: 'a.b' },
    ]
    const records = [
      { id: 1, address: { city: { name: 'Bern' } }, value: '1.10', 'a.b': 'own' },
      { id: 2, address: { city: 'Basel' }, value: 2, a: { b: 'within' } },
      { id: 3, address: 'none', value: null },
      { id: 4, address: { city: Object.create({ name: 'inherited' }) } },
    ]
    await fetchPages(shared.store, targetOf({ columns, evolve: 'freeze' }), [records])
    expect(await shared.home.witness('SELECT id, city, amount, dotted FROM quotes ORDER BY id')).toStrictEqual([
      { id: 1, city: 'Bern', amount: '1.1', dotted: 'own' },
      { id: 2, city: null, amount: '2', dotted: 'within' },
      { id: 3, city: null, amount: null, dotted: null },
      { id: 4, city: null, amount: null, dotted: null },
    ])
  })
})

onPostgres('rounding', ({ home: newHome }) => {
  test.each(['timestamptz', 'numeric(10,2)', 'numeric', 'date', 'boolean', 'uuid'])(
    '%s is what the server itself makes of the text',
    async (text) => {
      await using home = await newHome()
      for (const [input, stored] of (valid[text] ?? []).filter(([each]) => typeof each === 'string')) {
        const [row] = await home.witness(`SELECT $1::${text} = $2::${text} AS same`, [String(input), stored])
        expect(row, String(input)).toStrictEqual({ same: true })
      }
    },
  )
})
