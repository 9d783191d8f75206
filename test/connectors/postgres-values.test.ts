import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postgresSource } from '../../src/connectors/sources/postgres.ts'
import { arrayJson } from '../../src/connectors/sources/postgres-array.ts'
import { lsnText, parseLsn, protocolTime } from '../../src/connectors/sources/postgres-lsn.ts'
import { eventually, opened, reading } from './opened-stream.ts'
import { type OwnPostgres, onOwnPostgres, ownPostgres } from './own-postgres.ts'

let server: OwnPostgres

/** SQL of a value with its type, and the JSON that it becomes. */
const values: readonly (readonly [string, string, string])[] = [
  ['boolean', 'true', 'true'],
  ['smallint', '-32768', '-32768'],
  ['bigint', '9223372036854775807', '9223372036854775807'],
  ['numeric', "'-12345678901234567890.1234567890'", '-12345678901234567890.1234567890'],
  ['numeric', "'NaN'", '"NaN"'],
  ['numeric', "'0.00'", '0.00'],
  ['real', '1.1', '1.1'],
  ['double precision', "'1e300'", '1e+300'],
  ['double precision', '0.1 + 0.2::float8', '0.30000000000000004'],
  ['double precision', "'-Infinity'", '"-Infinity"'],
  ['text', `E'"quoted" \\\\ \\n\\t zwölf \\u2260 😀'`, String.raw`"\"quoted\" \\ \n\t zwölf ≠ 😀"`],
  ['text', "''", '""'],
  ['text', 'NULL', 'null'],
  ['char(4)', "'ab'", '"ab  "'],
  ['bytea', String.raw`'\x00ff10'`, '"AP8Q"'],
  ['bytea', "''", '""'],
  ['date', "'2026-02-28'", '"2026-02-28"'],
  ['date', "'infinity'", '"infinity"'],
  ['timestamp', "'2026-02-28 12:00:00.123456'", '"2026-02-28T12:00:00.123456"'],
  ['timestamptz', "'2026-02-28 12:00:00+05:30'", '"2026-02-28T06:30:00Z"'],
  ['timestamptz', "'-infinity'", '"-infinity"'],
  ['timestamptz', "'0044-03-15 12:00:00+00 BC'", '"0044-03-15 12:00:00+00 BC"'],
  ['time', "'12:34:56.5'", '"12:34:56.5"'],
  ['interval', "'1 year 2 days 3.5 seconds'", '"P1Y2DT3.5S"'],
  ['uuid', "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"'],
  ['json', `'{"n": 1.10,\n "n": [9007199254740993]}'`, '{"n": 1.10,  "n": [9007199254740993]}'],
  ['jsonb', `'{"b": 1.10, "a": null}'`, '{"a": null, "b": 1.10}'],
  ['jsonb', `'null'`, 'null'],
  ['xml', "'<a>1</a>'", '"<a>1</a>"'],
  ['inet', "'10.0.0.1/8'", '"10.0.0.1/8"'],
  ['int[]', "'{1,NULL,3}'", '[1,null,3]'],
  ['int[]', "'{}'", '[]'],
  ['int[]', "'[0:1]={5,6}'", '[5,6]'],
  ['numeric[]', "'{{1.10,NaN},{2,3}}'", '[[1.10,"NaN"],[2,3]]'],
  ['text[]', `ARRAY['a,b', '"', '\\', 'NULL', NULL, '', '{}']`, String.raw`["a,b","\"","\\","NULL",null,"","{}"]`],
  ['jsonb[]', `ARRAY['{"a": [1]}'::jsonb]`, '[{"a": [1]}]'],
  ['bytea[]', `ARRAY['\\xff'::bytea]`, '["/w=="]'],
  ['timestamptz[]', `ARRAY['2026-01-01 00:00:00+00'::timestamptz]`, '["2026-01-01T00:00:00Z"]'],
  ['box[]', `ARRAY['((1,1),(0,0))'::box]`, '["(1,1),(0,0)"]'],
  ['mood', "'so so'", '"so so"'],
  ['mood[]', "ARRAY['so so'::mood, 'ok']", '["so so","ok"]'],
  ['money_of', '12.50', '12.50'],
  ['money_of[]', 'ARRAY[12.50]::money_of[]', '[12.50]'],
  ['pair', "ROW(1, 'x,y')", String.raw`"(1,\"x,y\")"`],
  ['int4range', "'[1,5)'", '"[1,5)"'],
  ['int2vector', "'1 2'", '"1 2"'],
]

onOwnPostgres('the values of a PostgreSQL database', () => {
  beforeAll(async () => {
    // Whatever the server is set to, messages have one spelling.
    server = await ownPostgres({ datestyle: 'SQL,DMY', timezone: 'Asia/Tokyo', intervalstyle: 'sql_standard' })
    await server.sql("ALTER DATABASE postgres SET bytea_output = 'escape'")
    await server.sql('ALTER DATABASE postgres SET extra_float_digits = 0')
    await server.sql("CREATE TYPE mood AS ENUM ('ok', 'so so')")
    await server.sql('CREATE DOMAIN money_of AS numeric CHECK (VALUE > 0)')
    await server.sql('CREATE TYPE pair AS (n int, t text)')
    const columns = values.map(([type], index) => `c${index} ${type}`)
    await server.sql(`CREATE TABLE all_types (id int PRIMARY KEY, ${columns.join(', ')})`)
  }, 60_000)
  afterAll(() => server[Symbol.asyncDispose]())

  it('are the same JSON in a snapshot, a change and an answer, with every digit', async () => {
    const list = values.map(([, sql]) => sql).join(', ')
    await server.sql(`INSERT INTO all_types VALUES (1, ${list})`)
    const changes = { tables: ['all_types'], slot: 'hermes_values' }
    await using source = await opened(postgresSource, { url: server.url(), changes })
    await using read = reading(source)
    await read.until(1)
    await server.sql(`INSERT INTO all_types VALUES (2, ${list})`)
    await read.until(2)
    const poll = { table: 'all_types', cursor: 'id', every: '10ms' }
    await using asking = await opened(postgresSource, { url: server.url(), poll })
    await using asked = reading(asking)
    await asked.until(2)
    const expected = (id: number) =>
      `{"id":${id},${values.map(([, , json], index) => `"c${index}":${json}`).join(',')}}`
    expect(read.got[0]).toBe(
      `{"op":"snapshot","schema":"public","table":"all_types","key":{"id":1},"after":${expected(1)}}`,
    )
    expect(read.got[1]).toContain(`,"key":{"id":2},"after":${expected(2)},"lsn":`)
    expect(asked.got).toEqual([expected(1), expected(2)])
    for (const text of read.got) expect(() => JSON.parse(text)).not.toThrow()
  })

  it('have odd names, and columns that come, go and change in the middle', async () => {
    const table = `"Odd"".schema"."it's a ""table"" ‽"`
    await server.sql('CREATE SCHEMA "Odd"".schema"')
    await server.sql(`CREATE TABLE ${table} ("Key ""1""" text, "__proto__" int, PRIMARY KEY ("Key ""1"""))`)
    await server.sql(`INSERT INTO ${table} VALUES ('''; DROP TABLE x; --', 1)`)
    const changes = { tables: [table], slot: 'hermes_odd', publication: `hermes_odd 'and "so` }
    await using source = await opened(postgresSource, { url: server.url(), changes })
    await using read = reading(source)
    await read.until(1)
    await server.sql(`INSERT INTO ${table} VALUES ('a', 2)`)
    await server.sql(`ALTER TABLE ${table} ADD COLUMN more mood[] DEFAULT '{ok}'`)
    await server.sql(`INSERT INTO ${table} VALUES ('b', 3)`)
    await server.sql(`ALTER TABLE ${table} RENAME COLUMN "__proto__" TO plain`)
    await server.sql(`ALTER TABLE ${table} ALTER COLUMN plain TYPE text`)
    await server.sql(`ALTER TABLE ${table} DROP COLUMN more`)
    await server.sql(`INSERT INTO ${table} VALUES ('c', 'x')`)
    await server.sql(`ALTER TABLE ${table} RENAME TO renamed`)
    await server.sql(`INSERT INTO "Odd"".schema".renamed VALUES ('d', 'y')`)
    await read.until(5)
    const got = read.got.map(
      (text) => JSON.parse(text) as { key: object; after: object; table: string; schema: string },
    )
    expect(got[0]).toMatchObject({ schema: 'Odd".schema', table: `it's a "table" ‽` })
    expect(got.map(({ after }) => JSON.stringify(after))).toEqual([
      `{"Key \\"1\\"":"'; DROP TABLE x; --","__proto__":1}`,
      '{"Key \\"1\\"":"a","__proto__":2}',
      '{"Key \\"1\\"":"b","__proto__":3,"more":["ok"]}',
      '{"Key \\"1\\"":"c","plain":"x"}',
      '{"Key \\"1\\"":"d","plain":"y"}',
    ])
    expect(got[4]?.table).toBe('renamed')
  })

  it('that were too large to repeat are named; a whole row before a change is given', async () => {
    await server.sql(
      'CREATE TABLE large (id int PRIMARY KEY, body text, n int, twice int GENERATED ALWAYS AS (n * 2) STORED)',
    )
    await server.sql('ALTER TABLE large ALTER COLUMN body SET STORAGE EXTERNAL')
    await server.sql("INSERT INTO large VALUES (1, repeat('x', 100000), 1)")
    const changes = { tables: ['large'], slot: 'hermes_large' }
    await using source = await opened(postgresSource, { url: server.url(), changes })
    await using read = reading(source)
    await read.until(1)
    await server.sql('UPDATE large SET n = 2')
    await read.until(2)
    await server.sql('ALTER TABLE large REPLICA IDENTITY FULL')
    await server.sql('UPDATE large SET n = 3')
    await server.sql('UPDATE large SET id = 9')
    await server.sql('DELETE FROM large')
    await read.until(6)
    const [snapshot, ...rest] = read.got.map((text) => JSON.parse(text) as Record<string, { body?: string }>)
    expect(Object.keys(snapshot?.['after'] ?? {})).toEqual(['id', 'body', 'n'])
    const [bare, whole, gone, came, removed] = rest
    expect(bare).toMatchObject({ op: 'update', key: { id: 1 }, after: { id: 1, n: 2 }, unchanged: ['body'] })
    expect(bare).not.toHaveProperty('before')
    expect(whole).toMatchObject({ op: 'update', key: { id: 1 }, before: { n: 2 }, after: { n: 3 } })
    expect(whole?.['after']?.body).toHaveLength(100_000)
    expect(whole).not.toHaveProperty('unchanged')
    expect(gone).toMatchObject({ op: 'delete', key: { id: 1 } })
    expect(came).toMatchObject({ op: 'insert', key: { id: 9 }, after: { n: 3 } })
    expect(came?.['after']?.body).toHaveLength(100_000)
    expect(removed).toMatchObject({ op: 'delete', key: { id: 9 }, before: { n: 3 } })
  })

  it('of a partitioned table are under its own name; a row that moves between partitions goes and comes', async () => {
    await server.sql('CREATE TABLE parted (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)')
    await server.sql("CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')")
    await server.sql("CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')")
    await server.sql("INSERT INTO parted VALUES (1, '2026-01-05'), (2, '2026-02-05')")
    const changes = { tables: ['parted'], slot: 'hermes_parted' }
    await using source = await opened(postgresSource, { url: server.url(), changes })
    await using read = reading(source)
    await read.until(2)
    await server.sql("UPDATE parted SET day = '2026-02-06' WHERE id = 1")
    await server.sql('TRUNCATE parted')
    await read.until(5)
    const got = read.got.map((text) => JSON.parse(text) as { op: string; table: string })
    expect(new Set(got.map(({ table }) => table))).toEqual(new Set(['parted']))
    expect(got.map(({ op }) => op)).toEqual(['snapshot', 'snapshot', 'delete', 'insert', 'truncate'])
    await eventually(() => expect(read.got).toHaveLength(5))
  })
})

describe('places and times of the log', () => {
  it.each(['0/0', '16/B374D848', 'FFFFFFFF/FFFFFFFF'])('%s is the same after a number', (text) => {
    expect(lsnText(parseLsn(text))).toBe(text)
  })

  it.each(['', '1', '1/', 'G/1', '1/123456789'])('%j is no place', (text) => {
    expect(() => parseLsn(text)).toThrow(RangeError)
  })

  it('has all microseconds, before 2000 too', () => {
    expect(protocolTime(0n)).toBe('2000-01-01T00:00:00.000000Z')
    expect(protocolTime(845_000_000_123_456n)).toBe('2026-10-11T02:13:20.123456Z')
    expect(protocolTime(-1n)).toBe('1999-12-31T23:59:59.999999Z')
  })
})

describe('an array that is none', () => {
  it.each(['', '{', '{1', '{1,}', '{1}}', '{"a}', '{{{{{{{1}}}}}}}', '{a}b', '1 2'])('%s', (text) => {
    expect(arrayJson(text, ',', JSON.stringify)).toBeUndefined()
  })
})
