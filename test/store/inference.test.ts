import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { rawNumber } from '../../src/lossless-json.ts'
import { columnNames } from '../../src/store/column-name.ts'
import { formatColumnType } from '../../src/store/column-type.ts'
import { evolutionFor } from '../../src/store/evolve.ts'
import { kindOf, kinds, typeOf } from '../../src/store/infer.ts'
import { recordPlan } from '../../src/store/record-plan.ts'
import { eachDatabase } from './databases.ts'
import { declared, fetchPages, targetOf } from './fetches.ts'
import { sharedStore } from './shared-store.ts'

const long = rawNumber('9007199254740993')
const huge = rawNumber('12345678901234567890')
const fine = rawNumber('0.1234567890123456789')

const cases: readonly (readonly [values: readonly unknown[], type: string | undefined])[] = [
  [[], undefined],
  [[null, undefined, () => 1], undefined],
  [[true, null, false], 'boolean'],
  [[1, -5, 0], 'bigint'],
  [[1, long], 'bigint'],
  [[5n, 2n ** 62n], 'bigint'],
  [[1e17], 'bigint'],
  [[huge, 1], 'numeric'],
  [[1e21], 'numeric'],
  [[2n ** 63n], 'numeric'],
  [[0.5, 1.25], 'double'],
  [[0.1 + 0.2], 'double'],
  [[1, 0.5], 'double'],
  [[Number.MAX_SAFE_INTEGER, 0.5], 'double'],
  [[long, 0.5], 'numeric'],
  [[huge, 0.5], 'numeric'],
  [[fine], 'numeric'],
  [[fine, 1, 0.5], 'numeric'],
  [[rawNumber('1e400')], 'numeric'],
  [[rawNumber('1e200000')], 'text'],
  [['2024-01-02', '0001-01-01'], 'date'],
  [['2024-02-30'], 'text'],
  [['2024-01-02T03:04:05Z', '2024-01-02T03:04:05.123456789+02:00'], 'timestamptz'],
  [['2024-01-02 03:04:05+00:00'], 'timestamptz'],
  [['2024-01-02T03:04:05'], 'text'],
  [['2024-01-02T03:04Z'], 'text'],
  [['2024-01-02', '2024-01-02T03:04:05Z'], 'timestamptz'],
  [['2024-01-02', 'soon'], 'text'],
  [['20240102', '12'], 'text'],
  [[''], 'text'],
  [['x', 1, true], 'text'],
  [[true, 1], 'text'],
  [[1, '2024-01-02'], 'text'],
  [[{ a: 1 }, [1]], 'json'],
  [[{}, 'x', 5, null], 'json'],
  [[new Uint8Array([1])], 'bytes'],
  [[new Uint8Array([1]), 'x'], 'text'],
  [[new Date(0)], 'timestamptz'],
  [[Number.NaN, 1], 'text'],
]

test.each(cases)('%o is a column of type %s', (values, type) => {
  for (const order of [values, values.toReversed()]) {
    const found = typeOf(order.reduce((set: number, value) => set | kindOf(value), kinds.none))
    expect(found === undefined ? undefined : formatColumnType(found)).toBe(type)
  }
})

const anything = fc.oneof(
  fc.constantFrom<unknown>(null, true, 1, 0.5, long, huge, fine, '2024-01-02', '2024-01-02T03:04:05Z', 'x', {}, []),
  fc.integer(),
  fc.double(),
  fc.string(),
)
const records = fc.array(fc.dictionary(fc.constantFrom('a', 'A', 'b', 'created_at', 'ä', ''), anything), {
  maxLength: 12,
})
const shuffled = records.chain((list) =>
  fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
)

function inferred(list: readonly unknown[]): unknown {
  const target = targetOf()
  const survey = recordPlan(target, [], '', new Set()).survey(list, 1)
  return evolutionFor(target, [], survey, new Set()).added
}

test('the order of records and of their fields says nothing', () => {
  fc.assert(
    fc.property(shuffled, ([list, other]) => {
      const turned = other.map((record) => Object.fromEntries(Object.entries(record).toReversed()))
      expect(inferred(turned)).toStrictEqual(inferred(list))
    }),
  )
})

test('whatever records come, their own page fits what is inferred from it', () => {
  fc.assert(
    fc.property(records, (list) => {
      const target = targetOf()
      const survey = recordPlan(target, [], '', new Set()).survey(list, 1)
      const { added } = evolutionFor(target, [], survey, new Set())
      expect(recordPlan(target, added, '', new Set()).rows(list, 1, false)).toHaveLength(list.length)
    }),
  )
})

const hashed = /_[0-9a-f]{8}$/

test.each<readonly [field: string, existing: readonly string[], column: string | RegExp]>([
  ['close', [], 'close'],
  ['with "quotes" & ünïcode', [], 'with "quotes" & ünïcode'],
  ['created_at', [], 'record_created_at'],
  ['source_name', ['record_source_name'], 'record_source_name'],
  ['record_created_at', [], /^record_created_at_/],
  ['Created_At', [], /^Created_At_/],
  ['Close', ['close'], /^Close_/],
  ['close', ['close'], 'close'],
  ['', [], /^field_/],
  ['nul\0', [], /^nul\uFFFD_/],
  ['x'.repeat(64), [], /^x{54}_/],
  ['x'.repeat(63), [], 'x'.repeat(63)],
  ['é'.repeat(40), [], /^é{27}_/],
  ['🏔'.repeat(1_000_000), [], /^🏔{13}_/u],
])('field %j beside %j', (field, existing, column) => {
  const name = columnNames([], existing).of(field)
  if (typeof column === 'string') expect(name).toBe(column)
  else {
    expect(name).toMatch(column)
    expect(name).toMatch(hashed)
  }
  expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63)
  expect(columnNames([], existing).of(field)).toBe(name)
})

test('a field whose name a declared column has taken for another is kept apart', () => {
  const names = columnNames([{ name: 'id', type: { type: 'text' }, from: 'user.id' }], [])
  expect(names.of('id')).toMatch(/^id_[0-9a-f]{8}$/)
  expect(columnNames([{ name: 'price', type: { type: 'double' }, from: 'p' }], []).of('p')).toBe('price')
})

/** Which of two names that differ by case keeps its own, pages decide. */
function withoutClose(table: readonly string[] | undefined): readonly string[] | undefined {
  return table?.filter((each) => !each.startsWith('close'))
}

eachDatabase('inferred tables', ({ home: newHome }) => {
  const shared = sharedStore(newHome)

  test('the same records in any order and any pages make the same table', async () => {
    const list: readonly Record<string, unknown>[] = [
      { id: 1, n: 1, when: '2024-01-02', flag: true, mixed: 1 },
      { id: 2, n: 0.5, when: '2024-01-02T03:04:05Z', flag: null, mixed: 'x', Close: 1 },
      { id: 3, n: 7, big: long, exact: fine, close: 'y', created_at: 'then', doc: { a: [1] } },
      { id: 4, big: huge, exact: 2, toString: 'own', constructor: null },
    ]
    const orders = [[list], [list.toReversed()], list.map((each) => [each]), list.toReversed().map((each) => [each])]
    const tables = []
    for (const [index, pages] of orders.entries()) {
      const target = targetOf({ table: `t${index}`, source: `s${index}` })
      await fetchPages(shared.store, target, pages)
      const shape = (await shared.store.tables.shapes([target.table])).get(target.table)
      const columns = shape?.columns.map(
        ({ name, type }) => `${name.replace(/_[0-9a-f]{8}$/, '_#').toLowerCase()} ${formatColumnType(type)}`,
      )
      tables.push(columns?.toSorted())
    }
    expect(tables[0]).toStrictEqual([
      'big numeric',
      expect.stringMatching(/^close(_#)? (bigint|text)$/),
      expect.stringMatching(/^close(_#)? (bigint|text)$/),
      'doc json',
      'exact numeric',
      'flag boolean',
      'id bigint',
      'mixed text',
      'n double',
      'record_created_at text',
      'tostring text',
      'when timestamptz',
    ])
    expect(tables[1]).toStrictEqual(tables[0])
    for (const table of tables) expect(withoutClose(table)).toStrictEqual(withoutClose(tables[0]))
  })

  test('a first page creates the table with its key and the index of its cursor', async () => {
    const target = targetOf({ key: ['day', 'code'], write: 'merge', cursor: 'day' })
    const run = await fetchPages(shared.store, target, [[{ day: '2024-01-02', code: 7, v: 'a' }]])
    expect(run.evolved).toBe(true)
    const shape = (await shared.store.tables.shapes(['quotes'])).get('quotes')
    expect(shape).toMatchObject({ key: ['day', 'code'], indexes: [['day']], ours: true, runIndex: true })
    expect(
      (await fetchPages(shared.store, target, [[{ day: '2024-01-03', code: 7 }]], 1_800_000_000_000)).evolved,
    ).toBe(false)
  })

  test('a page without a key column says so', async () => {
    const target = targetOf({ key: ['id'], write: 'merge', columns: declared({ name: 'text' }) })
    await using run = await shared.store.runs.begin(target, 1)
    await expect(run.write([{ name: 'x' }], 1, AbortSignal.timeout(5_000))).rejects.toMatchObject({
      code: 'key_missing',
    })
  })
})
