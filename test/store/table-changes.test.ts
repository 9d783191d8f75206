import { expect, test } from 'vitest'
import { openDatabase, openStore } from '../../src/store/open.ts'
import { eachDatabase, type Home } from './databases.ts'
import { catalogueColumns, catalogueIndexes, converge, planFor, shapeOf } from './table-shapes.ts'

const day1 = '2024-01-01T00:00:00.000000Z'
const day2 = '2024-01-02T00:00:00.000000Z'

async function insert(home: Home, table: string, columns: string, rows: readonly string[]): Promise<void> {
  await home.witness(
    `INSERT INTO ${table} (source_name, created_at, ${columns}) VALUES ${rows.map((row) => `(${row})`).join(', ')}`,
  )
}

async function names(home: Home, table: string): Promise<string[]> {
  return (await catalogueColumns(home, table)).map((line) => line.split(' ')[0] ?? '')
}

eachDatabase('changes of tables', ({ home: newHome, dialect }) => {
  test('missing columns are added; columns nobody declared stay, retired ones go with their indexes', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    await converge(store, shapeOf('t', { a: 'text', b: 'bigint' }, { indexes: [['b']] }))
    await insert(home, 't', 'a, b', [`'s', '${day1}', 'x', 1`])
    await home.witness('CREATE INDEX by_hand ON t (b, a)')
    await home.witness('ALTER TABLE t ADD COLUMN by_hand text')

    const steps = await converge(store, shapeOf('t', { a: 'text', c: 'date' }), { retired: ['b', 'gone'], rows: 1 })
    expect(steps.map(({ op, summary, code, column, destroys }) => ({ op, summary, code, column, destroys }))).toEqual([
      { op: '+', summary: 'add column c date', column: 'c' },
      {
        op: '-',
        summary: 'drop column b',
        code: 'column_dropped',
        column: 'b',
        destroys: { what: 'the values of column b', rows: 1 },
      },
    ])
    expect(await names(home, 't')).toEqual(['source_name', 'created_at', 'a', 'by_hand', 'c'])
    expect(await catalogueIndexes(home, 't')).toEqual(['t_hermes_run(source_name, created_at)'])
    expect(await home.witness('SELECT source_name, a, c FROM t')).toEqual([{ source_name: 's', a: 'x', c: null }])
  })

  test('narrowing drops the values and says so; of an empty table nothing is lost', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    await converge(store, shapeOf('t', { n: 'integer', v: 'text' }, { key: ['n'], indexes: [['v']] }))
    await insert(home, 't', 'n, v', [`'s', '${day1}', 1, '5'`])
    const steps = await converge(store, shapeOf('t', { n: 'integer', v: 'bigint' }, { key: ['n'], indexes: [['v']] }), {
      rows: 1,
    })
    expect(steps[0]).toMatchObject({
      op: '-',
      summary: 'narrow column v from text to bigint; its values come back with the next full fetch',
      code: 'column_narrowed',
      destroys: { what: 'the values of column v', rows: 1 },
    })
    expect(await home.witness('SELECT n, v FROM t')).toEqual([{ n: 1, v: null }])
    expect(await catalogueIndexes(home, 't')).toContainEqual(expect.stringMatching(/^t_hermes_v_.*\(source_name, v\)$/))
    const [empty] = await planFor(store, shapeOf('t', { n: 'integer', v: 'date' }, { key: ['n'], indexes: [['v']] }), {
      rows: 0,
    })
    expect(empty).not.toHaveProperty('destroys')
  })

  test('narrowing a column of the key takes all rows', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    await converge(store, shapeOf('t', { n: 'text', m: 'text', v: 'text' }, { key: ['n', 'm'] }))
    await insert(home, 't', 'n, m, v', [`'s', '${day1}', '1', 'm', 'x'`])
    const steps = await converge(store, shapeOf('t', { n: 'bigint', m: 'text', v: 'text' }, { key: ['n', 'm'] }))
    expect(steps[0]).toMatchObject({ op: '-', code: 'column_narrowed', destroys: { what: 'all rows of table t' } })
    expect(await home.witness('SELECT * FROM t')).toEqual([])
    await insert(home, 't', 'n, m, v', [`'s', '${day1}', 1, 'm', 'x'`])
    await expect(insert(home, 't', 'n, m, v', [`'s', '${day1}', 1, 'm', 'y'`])).rejects.toThrow(/unique/i)
  })

  test('a new key keeps the newest of the rows that share it and drops those without', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    await converge(store, shapeOf('t', { a: 'integer', b: 'text', v: 'text' }, { key: ['a', 'b'] }))
    await insert(home, 't', 'a, b, v', [
      `'s', '${day2}', 1, 'x', 'new'`,
      `'s', '${day1}', 1, 'y', 'old'`,
      `'other', '${day1}', 1, 'y', 'theirs'`,
      `'s', '${day1}', 2, 'z', NULL`,
    ])
    const [step] = await converge(store, shapeOf('t', { a: 'integer', b: 'text', v: 'text' }, { key: ['a'] }), {
      rows: 4,
    })
    expect(step).toMatchObject({ op: '~', summary: 'change the key from a, b to a', code: 'key_changed' })
    expect(step?.destroys?.rows).toBe(4)
    const after = await home.witness('SELECT source_name, a, b, v FROM t ORDER BY source_name, a')
    expect(after.map((row) => Object.values(row))).toEqual([
      ['other', 1, 'y', 'theirs'],
      ['s', 1, 'x', 'new'],
      ['s', 2, 'z', null],
    ])
    expect((await catalogueColumns(home, 't'))[3]).not.toMatch('not null')

    await converge(store, shapeOf('t', { a: 'integer', b: 'text', v: 'text' }, { key: ['v'] }))
    expect((await home.witness('SELECT v FROM t ORDER BY v')).map((row) => row['v'])).toEqual(['new', 'theirs'])
    expect(await catalogueIndexes(home, 't')).toEqual(['key(source_name, v)', 't_hermes_run(source_name, created_at)'])

    const [none] = await converge(store, shapeOf('t', { a: 'integer', b: 'text', v: 'text' }))
    expect(none).not.toHaveProperty('destroys')
    expect(await catalogueIndexes(home, 't')).toEqual(['t_hermes_run(source_name, created_at)'])
    expect(await home.witness('SELECT count(*) AS n FROM t')).toEqual([{ n: dialect === 'sqlite' ? 2 : '2' }])
  })

  test('the order of a key has no meaning; one that does not begin with the source is not the key', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    await converge(store, shapeOf('t', { a: 'integer', b: 'text' }, { key: ['a', 'b'] }))
    expect(await planFor(store, shapeOf('t', { a: 'integer', b: 'text' }, { key: ['b', 'a'] }))).toEqual([])
    const type = dialect === 'sqlite' ? 'TIMESTAMPTZ_TEXT' : 'timestamptz'
    await home.witness(
      `CREATE TABLE u (source_name text NOT NULL, created_at ${type} NOT NULL, a integer NOT NULL, PRIMARY KEY (a))`,
    )
    const steps = await converge(store, shapeOf('u', { a: 'integer' }, { key: ['a'] }))
    expect(steps.map((step) => step.summary)).toEqual([
      'change the key from a to a',
      'add index on source_name, created_at',
    ])
    expect(await catalogueIndexes(home, 'u')).toContain('key(source_name, a)')
  })

  test('drift comes back: a column, an index and the run index dropped by hand', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    const desired = shapeOf('t', { a: 'text', b: 'bigint' }, { key: ['a'], indexes: [['b']] })
    await converge(store, desired)
    const index = (await catalogueIndexes(home, 't')).find((each) => each.includes('_b_'))?.split('(')[0] ?? ''
    await home.witness(`DROP INDEX ${index}`)
    await home.witness('DROP INDEX t_hermes_run')
    await home.witness('ALTER TABLE t DROP COLUMN b')
    // Somebody took the name for another index.
    await home.witness('CREATE INDEX t_hermes_run ON t (a)')
    const steps = await converge(store, desired)
    expect(steps.map((step) => step.summary)).toEqual([
      'add column b bigint',
      'add index on b',
      'add index on source_name, created_at',
    ])
    expect(await catalogueIndexes(home, 't')).toEqual([
      'key(source_name, a)',
      `${index}(source_name, b)`,
      't_hermes_run(source_name, created_at)',
    ])
  })

  test('a column made NOT NULL by hand may be null again', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    const [text, instant] = dialect === 'sqlite' ? ['TEXT', 'TIMESTAMPTZ_TEXT'] : ['text', 'timestamptz']
    await home.witness(
      `CREATE TABLE t (source_name ${text} NOT NULL, created_at ${instant} NOT NULL, a ${text} NOT NULL, b bigint NOT NULL, PRIMARY KEY (source_name, a))`,
    )
    await insert(home, 't', 'a, b', [`'s', '${day1}', 'x', 1`])
    const steps = await converge(store, shapeOf('t', { a: 'text', b: 'bigint' }, { key: ['a'] }))
    expect(steps.map((step) => step.summary)).toEqual(['let column b be null', 'add index on source_name, created_at'])
    await insert(home, 't', 'a', [`'s', '${day1}', 'y'`])
    expect((await home.witness('SELECT a FROM t ORDER BY a')).map((row) => row['a'])).toEqual(['x', 'y'])
  })

  test('a table dropped by hand is created again; one that is no longer wanted is dropped', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    const desired = shapeOf('t', { a: 'text' }, { key: ['a'] })
    await converge(store, desired)
    await home.witness('DROP TABLE t')
    expect((await converge(store, desired)).map((step) => step.summary)).toEqual(['create table t with a text; key a'])
    const actual = (await store.tables.shapes(['t'])).get('t')
    const [drop, ...rest] = store.tables.plan(undefined, actual, { retired: new Set(), rows: 3 })
    expect([drop, rest]).toEqual([
      {
        op: '-',
        summary: 'drop table t',
        sql: 'DROP TABLE IF EXISTS "t"',
        destroys: { what: 'table t', rows: 3 },
        code: 'table_dropped',
      },
      [],
    ])
    await store.tables.execute(drop?.sql ?? '', AbortSignal.timeout(5_000))
    expect(await store.tables.shapes(['t'])).toEqual(new Map())
  })

  test('several instances that create the same table at once all succeed', async () => {
    await using home = await newHome()
    await using one = await openStore(home.url)
    await using two = await openStore(home.url)
    for (let round = 0; round < 5; round++) {
      const desired = shapeOf(`t${round}`, { a: 'text' }, { key: ['a'], indexes: [['a']] })
      const [step] = one.tables.plan(desired, undefined, { retired: new Set() })
      const creating = [one, two, one, two].map((store) =>
        store.tables.execute(step?.sql ?? '', AbortSignal.timeout(5_000)),
      )
      await Promise.all(creating)
      expect(await planFor(two, desired)).toEqual([])
    }
  })

  test('a query asked again after the table has changed sees the change', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    await using database = await openDatabase(home.url)
    await converge(store, shapeOf('t', { a: 'text' }))
    await insert(home, 't', 'a', [`'s', '${day1}', 'x'`])
    const all = () => database.query<Record<string, unknown>>('SELECT * FROM t')
    expect(Object.keys((await all())[0] ?? {})).toEqual(['source_name', 'created_at', 'a'])
    await converge(store, shapeOf('t', { a: 'text', b: 'bigint' }))
    expect(Object.keys((await all())[0] ?? {})).toEqual(['source_name', 'created_at', 'a', 'b'])
    await converge(store, shapeOf('t', { b: 'bigint' }), { retired: ['a'] })
    expect(Object.keys((await all())[0] ?? {})).toEqual(['source_name', 'created_at', 'b'])
  })

  test('what somebody else created is not touched', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    await home.witness('CREATE TABLE theirs (id integer, created_at text)')
    await home.witness(`CREATE VIEW a_view AS SELECT 's' AS source_name, '' AS created_at`)
    const shapes = await store.tables.shapes(['theirs', 'a_view', 'hermes_retries', 'absent'])
    const ours = Object.fromEntries([...shapes].map(([name, shape]) => [name, shape.ours]))
    expect(ours).toEqual({ a_view: false, hermes_retries: false, theirs: false })
    for (const [name, shape] of shapes) {
      expect(() => store.tables.plan(shapeOf(name, {}), shape, { retired: new Set() })).toThrow(
        expect.objectContaining({ code: 'table_foreign' }),
      )
      expect(store.tables.plan(undefined, shape, { retired: new Set() })).toEqual([])
    }
    expect(await store.tables.owners(['theirs', 'a_view', 'absent'])).toEqual(new Map())
    expect(await store.tables.counts([{ table: 'theirs', source: 's' }])).toEqual(new Map([['theirs/s', 0]]))
  })

  test('what others hung onto a table outlives a change of type', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    await converge(store, shapeOf('t', { a: 'integer', b: 'text' }))
    await home.witness('CREATE INDEX theirs ON t (b)')
    await home.witness('ALTER TABLE t ADD COLUMN note varchar(9)')
    await insert(home, 't', 'a, b, note', [`'s', '${day1}', 1, 'x', 'kept'`])
    if (dialect === 'sqlite') {
      await home.witness('CREATE VIEW v AS SELECT b FROM t')
      await home.witness(`CREATE TRIGGER tr AFTER INSERT ON t BEGIN UPDATE t SET note = 'seen' WHERE note IS NULL; END`)
    }
    await converge(store, shapeOf('t', { a: 'text', b: 'text' }))
    await insert(home, 't', 'a, b', [`'s', '${day2}', 'two', 'y'`])
    expect(await catalogueIndexes(home, 't')).toContain('theirs(b)')
    const notes = (await home.witness('SELECT note FROM t ORDER BY created_at')).map((row) => row['note'])
    expect(notes).toEqual(['kept', dialect === 'sqlite' ? 'seen' : null])
  })

  test.each([
    ['quotes', `o'clock "now"`],
    ['a statement', 'x"; DROP TABLE hermes_meta; --'],
    ['a reserved word', 'select'],
    ['unicode', 'prix_été_💶'],
    ['63 bytes', 'n'.repeat(63)],
    ['a name of the server’s own', 'pg_class'],
    ['percent and backslash', '50%\\ $1 ?'],
  ])('names are only names: %s', async (_, name) => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    const column = name === 'created_at' ? 'x' : name
    const source = `it's "${name}"`
    await converge(
      store,
      shapeOf(name, { [column]: 'integer', v: 'text' }, { key: [column], indexes: [['v', column]] }),
    )
    await converge(store, shapeOf(name, { [column]: 'text', v: 'text' }, { key: [column], indexes: [[column]] }))
    const quoted = `"${name.replaceAll('"', '""')}"`
    const at = dialect === 'sqlite' ? '?' : '$1'
    const table = dialect === 'sqlite' ? quoted : `(SELECT 1) AS one, current_schema() AS s, ${quoted}`
    await home.witness('SELECT 1')
    await store.tables.execute(
      `INSERT INTO ${quoted} VALUES ('${source.replaceAll("'", "''")}', '${day1}', 'k', 'v')`,
      AbortSignal.timeout(5_000),
    )
    expect(await store.tables.owners([name])).toEqual(new Map([[name, [source]]]))
    expect(await store.tables.counts([{ table: name, source }])).toEqual(new Map([[`${name}/${source}`, 1]]))
    const move = { from: { table: name, source }, to: { table: name, source: 'b;b' } }
    const shape = (await store.tables.shapes([name])).get(name)
    if (shape === undefined) throw new Error('no table')
    const step = store.tables.planMove(move.from, move.to, { from: shape, to: shape }, 1)
    await store.tables.execute(step.sql, AbortSignal.timeout(5_000))
    if (name !== 'pg_class') {
      expect(await home.witness(`SELECT v FROM ${table} WHERE source_name = ${at}`, ['b;b'])).toEqual([{ v: 'v' }])
    }
    expect(await store.tables.rows(move.to, 1)).toMatchObject([{ v: 'v' }])
    await store.tables.execute(store.tables.planDelete(move.to, 1).sql, AbortSignal.timeout(5_000))
    expect(await store.tables.owners([name])).toEqual(new Map([[name, []]]))
  })

  test('names that a database would cut short or cannot hold are refused', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    for (const name of ['', 'n'.repeat(64), 'é'.repeat(32), 'nul\0']) {
      expect(() => store.tables.plan(shapeOf(name, {}), undefined, { retired: new Set() })).toThrow(
        expect.objectContaining({ code: 'invalid_value' }),
      )
    }
  })
})
