import { expect, test } from 'vitest'
import { columnChange } from '../../src/store/column-change.ts'
import { readShapes, widenScript } from '../../src/store/dialects.ts'
import { openDatabase, openStore } from '../../src/store/open.ts'
import { eachDatabase } from './databases.ts'
import { catalogueColumns, converge, shapeOf, typeOf } from './table-shapes.ts'

/** From, to, and pairs of a value as it is written in SQL and as it comes out after; the same on both databases. */
const cases: readonly (readonly [from: string, to: string, values: readonly (readonly [string, unknown])[]])[] = [
  ['integer', 'bigint', [['-5', -5]]],
  ['integer', 'double', [['2147483647', 2147483647]]],
  [
    'integer',
    'numeric',
    [
      ['7', '7'],
      ['-2147483648', '-2147483648'],
    ],
  ],
  [
    'integer',
    'numeric(12,2)',
    [
      ['7', '7.00'],
      ['-7', '-7.00'],
      ['0', '0.00'],
    ],
  ],
  ['integer', 'text', [['-42', '-42']]],
  ['bigint', 'numeric', [['9223372036854775807', '9223372036854775807']]],
  ['bigint', 'numeric(21,2)', [['-9223372036854775808', '-9223372036854775808.00']]],
  ['bigint', 'text', [['9223372036854775807', '9223372036854775807']]],
  ...(['numeric', 'text'] as const).map(
    (to) =>
      [
        'double',
        to,
        [
          ['0.1', '0.1'],
          ['0.30000000000000004', '0.30000000000000004'],
          ['-123456.789', '-123456.789'],
          ['1e21', '1000000000000000000000'],
          ['1.5e-7', '0.00000015'],
          ['5e-324', `0.${'0'.repeat(323)}5`],
          ['1.7976931348623157e308', `17976931348623157${'0'.repeat(292)}`],
          ['100', '100'],
          ['-0.0', '0'],
        ],
      ] as const,
  ),
  [
    'numeric(10,2)',
    'numeric(12,4)',
    [
      ["'1.50'", '1.5000'],
      ["'-0.01'", '-0.0100'],
    ],
  ],
  ['numeric(10,0)', 'numeric(12,2)', [["'5'", '5.00']]],
  ['numeric(10,2)', 'numeric', [["'1.50'", '1.50']]],
  ['numeric(10,2)', 'text', [["'1.50'", '1.50']]],
  ['numeric', 'text', [["'123456789012345678901234567890.123456789'", '123456789012345678901234567890.123456789']]],
  [
    'boolean',
    'text',
    [
      ['true', 'true'],
      ['false', 'false'],
    ],
  ],
  [
    'date',
    'timestamptz',
    [
      ["'2024-02-29'", '2024-02-29T00:00:00.000000Z'],
      ["'0001-01-01'", '0001-01-01T00:00:00.000000Z'],
    ],
  ],
  ['date', 'text', [["'2024-02-29'", '2024-02-29']]],
  [
    'timestamptz',
    'text',
    [
      ["'2024-02-29T23:59:59.123456Z'", '2024-02-29T23:59:59.123456Z'],
      ["'2024-01-01T00:00:00.000000Z'", '2024-01-01T00:00:00.000000Z'],
    ],
  ],
  ['uuid', 'text', [["'018f4e5a-7b1c-7000-8000-0123456789ab'", '018f4e5a-7b1c-7000-8000-0123456789ab']]],
  [
    'json',
    'text',
    [
      [
        `'{"bb":1,"a":[1,2.50,"x, y: z"],"é":null,"c":{"d":"\\"q\\\\, \\u0001"}}'`,
        `{"a":[1,2.50,"x, y: z"],"c":{"d":"\\"q\\\\, \\u0001"},"bb":1,"é":null}`,
      ],
      [`'{"a":1,"a":2}'`, '{"a":2}'],
      [
        `'[1e3,-1.5e-7,0.0,-0,1.20e1,12345678901234567890.5,1E+2]'`,
        '[1000,-0.00000015,0.0,0,12.0,12345678901234567890.5,100]',
      ],
      [`'"a: b, c"'`, '"a: b, c"'],
      [`'null'`, 'null'],
    ],
  ],
  // Not a widening, but what inference does when a fraction turns up among integers.
  [
    'bigint',
    'double',
    [
      ['9007199254740993', 9007199254740992],
      ['-3', -3],
    ],
  ],
]

eachDatabase('widening', ({ home: newHome }) => {
  test('every widening keeps every value, the same one on both databases', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    await using database = await openDatabase(home.url)
    for (const [index, [from, to, values]] of cases.entries()) {
      const table = `w${index}`
      await converge(store, shapeOf(table, { n: 'integer', v: from }, { key: ['n'], indexes: [['v']] }))
      const rows = [...values.map(([sql]) => sql), 'NULL'].map(
        (sql, n) => `('s', '2024-01-01T00:00:00.000000Z', ${n}, ${sql})`,
      )
      await home.witness(`INSERT INTO ${table} (source_name, created_at, n, v) VALUES ${rows.join(', ')}`)

      const desired = shapeOf(table, { n: 'integer', v: to }, { key: ['n'], indexes: [['v']] })
      if (columnChange(typeOf(from), typeOf(to)) === 'widen') {
        const steps = await converge(store, desired)
        expect(steps.map(({ op, summary, destroys }) => ({ op, summary, destroys }))).toEqual([
          { op: '~', summary: `change column v from ${from} to ${to}`, destroys: undefined },
        ])
      } else {
        const actual = (await readShapes(database, [table])).get(table)
        if (actual === undefined) throw new Error('the table is gone')
        await database.script(widenScript(database.dialect, actual, 'v', typeOf(to)))
        expect(
          store.tables.plan(desired, (await store.tables.shapes([table])).get(table), { retired: new Set() }),
        ).toEqual([])
      }

      const after = await store.tables.rows({ table, source: 's' }, 100)
      expect(
        after.map((row) => row['v']),
        `${from} to ${to}`,
      ).toEqual([...values.map(([, value]) => value), null])
      const witness = await home.witness(`SELECT v FROM ${table} ORDER BY n`)
      if (to === 'text' || to.startsWith('numeric'))
        expect(witness.map((row) => row['v'])).toEqual(after.map((row) => row['v']))
    }
  })

  test('a column of the key widens as well', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    await converge(store, shapeOf('k', { day: 'date', v: 'text' }, { key: ['day'] }))
    await home.witness(`INSERT INTO k VALUES ('s', '2024-01-01T00:00:00.000000Z', '2024-02-29', 'x')`)
    await converge(store, shapeOf('k', { day: 'timestamptz', v: 'text' }, { key: ['day'] }))
    expect(await store.tables.rows({ table: 'k', source: 's' }, 9)).toEqual([
      { source_name: 's', created_at: '2024-01-01T00:00:00.000000Z', day: '2024-02-29T00:00:00.000000Z', v: 'x' },
    ])
    expect((await catalogueColumns(home, 'k'))[2]).toMatch(/^day .* not null$/)
  })
})

test('what widens, and what does not', () => {
  const all = [
    'text',
    'integer',
    'bigint',
    'double',
    'boolean',
    'date',
    'timestamptz',
    'json',
    'bytes',
    'uuid',
    'numeric',
  ]
  const pairs = all.flatMap((from) => all.map((to) => [from, to, columnChange(typeOf(from), typeOf(to))] as const))
  expect(pairs.filter(([, , change]) => change === 'same').map(([from]) => from)).toEqual(all)
  expect(pairs.filter(([, , change]) => change === 'widen').map(([from, to]) => `${from} ${to}`)).toEqual([
    'integer text',
    'integer bigint',
    'integer double',
    'integer numeric',
    'bigint text',
    'bigint numeric',
    'double text',
    'double numeric',
    'boolean text',
    'date text',
    'date timestamptz',
    'timestamptz text',
    'json text',
    'uuid text',
    'numeric text',
  ])
  const numeric = [
    ['numeric(10,2)', 'numeric(12,4)', 'widen'],
    ['numeric(10,2)', 'numeric(11,4)', 'narrow'],
    ['numeric(10,2)', 'numeric(10,1)', 'narrow'],
    ['numeric(10)', 'numeric(10,0)', 'same'],
    ['numeric', 'numeric(10,2)', 'narrow'],
    ['numeric(10,2)', 'numeric', 'widen'],
    ['integer', 'numeric(12,2)', 'widen'],
    ['integer', 'numeric(11,2)', 'narrow'],
    ['bigint', 'numeric(19,0)', 'widen'],
    ['bigint', 'numeric(18,0)', 'narrow'],
    ['double', 'numeric(300,10)', 'narrow'],
  ] as const
  for (const [from, to, change] of numeric)
    expect(columnChange(typeOf(from), typeOf(to)), `${from} to ${to}`).toBe(change)
})
