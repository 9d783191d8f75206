import { expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { eachDatabase } from './databases.ts'
import { catalogueColumns, catalogueIndexes, converge, shapeOf } from './table-shapes.ts'

/** Each type and what the databases' own catalogues call it. */
const types = [
  ['text', 'TEXT', 'text'],
  ['integer', 'INTEGER', 'integer'],
  ['bigint', 'BIGINT', 'bigint'],
  ['double', 'DOUBLE', 'double precision'],
  ['numeric', 'DECIMAL_TEXT', 'numeric'],
  ['numeric(12,0)', 'DECIMAL_TEXT(12,0)', 'numeric(12,0)'],
  ['numeric(20,8)', 'DECIMAL_TEXT(20,8)', 'numeric(20,8)'],
  ['boolean', 'BOOLEAN', 'boolean'],
  ['date', 'DATE_TEXT', 'date'],
  ['timestamptz', 'TIMESTAMPTZ_TEXT', 'timestamp with time zone'],
  ['json', 'JSON_TEXT', 'jsonb'],
  ['bytes', 'BLOB', 'bytea'],
  ['uuid', 'UUID_TEXT', 'uuid'],
] as const

eachDatabase('column types', ({ home: newHome, dialect }) => {
  test('every type is what the catalogue says, and is read back as it was', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    const columns = Object.fromEntries(types.map(([type], index) => [`c${index}`, type]))
    const desired = shapeOf('every_type', columns, { key: ['c2', 'c12'], indexes: [['c8'], ['c1', 'c8']] })
    const steps = await converge(store, desired)
    expect(steps.map((step) => step.op)).toEqual(['+'])

    const physical = types.map(([, sqlite, postgres], index) => {
      const required = index === 2 || index === 12 ? ' not null' : ''
      return `c${index} ${dialect === 'sqlite' ? sqlite : postgres}${required}`
    })
    const reserved =
      dialect === 'sqlite'
        ? ['source_name TEXT not null', 'created_at TIMESTAMPTZ_TEXT not null']
        : ['source_name text not null', 'created_at timestamp with time zone not null']
    expect(await catalogueColumns(home, 'every_type')).toEqual([...reserved, ...physical])
    expect(await catalogueIndexes(home, 'every_type')).toEqual([
      expect.stringMatching(/^every_type_hermes_c1_c8_[0-9a-f]{8}\(source_name, c1, c8\)$/),
      expect.stringMatching(/^every_type_hermes_c8_[0-9a-f]{8}\(source_name, c8\)$/),
      'every_type_hermes_run(source_name, created_at)',
      'key(source_name, c2, c12)',
    ])

    const actual = (await store.tables.shapes(['every_type'])).get('every_type')
    expect(actual).toMatchObject({
      columns: desired.columns,
      key: desired.key,
      ours: true,
      runIndex: true,
      foreign: [],
    })
  })

  test('a column of a type that is none of ours is named by the database’s own word for it', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    await converge(store, shapeOf('t', { a: 'text' }))
    const foreign = dialect === 'sqlite' ? 'VARCHAR(5)' : 'character varying(5)'
    await home.witness(`ALTER TABLE t ADD COLUMN v ${foreign}`)
    const actual = (await store.tables.shapes(['t'])).get('t')
    expect(actual?.columns.find((each) => each.name === 'v')).toEqual({
      name: 'v',
      type: { type: 'text' },
      foreignType: foreign,
    })
    await home.witness(`INSERT INTO t (source_name, created_at, v) VALUES ('s', '2024-01-02T00:00:00.000000Z', '007')`)
    const steps = await converge(store, shapeOf('t', { a: 'text', v: 'text' }))
    expect(steps.map((step) => step.summary)).toEqual([`change column v from ${foreign} to text`])
    expect(await home.witness('SELECT v FROM t')).toEqual([{ v: '007' }])
  })
})
