import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { hermesInProcess } from './in-process.ts'

/** The first minutes of a newcomer without a service, each step on what the one before left. */
let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hermes-flow-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const hermes = (...args: readonly string[]) => hermesInProcess(directory, ...args)
const manifest = () => join(directory, 'manifests/cities.yaml')
const edit = async (from: string, to: string) => {
  const text = await readFile(manifest(), 'utf8')
  expect(text).toContain(from)
  await writeFile(manifest(), text.replace(from, to))
}

function witness<Row>(sql: string): Row[] {
  using database = new DatabaseSync(join(directory, '.hermes/hermes.db'), { readOnly: true })
  return database.prepare(sql).all() as Row[]
}

it('init writes what validate accepts', async () => {
  expect(await hermes('init')).toMatchObject({ code: 0, stderr: '' })
  expect(await hermes('validate')).toEqual({ code: 0, stdout: '1 file, 1 manifest, 0 problems\n', stderr: '' })
})

it('the Connection in its comment is a working one', async () => {
  const text = await readFile(manifest(), 'utf8')
  const commented = text.slice(text.indexOf('# ---')).replaceAll(/^# ?/gm, '')
  const file = join(directory, 'commented.yaml')
  await writeFile(file, commented)
  const { code, stdout } = await hermes('validate', 'commented.yaml')
  expect([stdout, code]).toEqual(['1 file, 2 manifests, 0 problems\n', 0])
  await rm(file)
})

it('plan shows it and creates nothing', async () => {
  const plan = await hermes('plan')
  expect(plan.code).toBe(2)
  expect(plan.stdout).toContain('+ SourceDefinition/cities')
  const json = await hermes('plan', '-o', 'json')
  expect(JSON.parse(json.stdout)).toMatchObject({ summary: { create: 1, remove: 0 }, problems: [] })
  expect((await hermes('plan', '-o', 'markdown')).stdout).toContain('SourceDefinition/cities')
  expect(await hermes('list')).toMatchObject({ code: 0 })
  expect(existsSync(join(directory, '.hermes'))).toBe(false)
})

it('preview fetches and writes nothing', async () => {
  const { code, stdout } = await hermes('preview', 'manifests/cities.yaml', '--rows', '2')
  expect(code).toBe(0)
  expect(stdout).toContain('cities into cities: 5 records on the first page; nothing was written')
  expect(stdout).toMatch(/population +bigint +declared/)
  expect(stdout).toMatch(/founded +date +inferred/)
  expect(stdout).toContain('Nairobi')
  expect(stdout).not.toContain('Quito')
  expect(existsSync(join(directory, '.hermes'))).toBe(false)
})

it('apply brings the rows, once', async () => {
  const applied = await hermes('apply')
  expect(applied).toMatchObject({ code: 0, stderr: '' })
  expect(applied.stdout).toContain('+ SourceDefinition/cities created')
  expect(applied.stdout).toMatch(/fetched cities: 5 rows into cities, 1 page, \d+\.\d s\n/)
  expect(witness('SELECT city, population FROM cities ORDER BY city')[0]).toEqual({
    city: 'Lisbon',
    population: 545796,
  })
  expect((await hermes('plan')).code).toBe(0)
  const again = await hermes('apply', '-o', 'json')
  expect(JSON.parse(again.stdout)).toMatchObject({ applied: [], failed: [], runs: [] })
})

it('list and get show it', async () => {
  expect((await hermes('list', 'sources')).stdout).toMatch(
    /^KIND +NAME +STATE .*\nSourceDefinition +cities +ready +cities +5 +\d{4}-.*Z +cities\.yaml:2\n$/,
  )
  expect((await hermes('list', 'connections')).stdout).toBe('no resources\n')
  const { stdout } = await hermes('get', 'cities', '--rows', '1')
  expect(stdout).toMatch(/^# cities\.yaml:2\n.*kind: SourceDefinition.*\nstate +ready\n.*\nrows +5\n.*Lisbon/s)
  const json = JSON.parse((await hermes('get', 'source/cities', '--rows', '2', '-o', 'json')).stdout) as {
    rows: object[]
  }
  expect(json.rows).toHaveLength(2)
  expect((await hermes('get', 'citis')).stderr).toContain('did you mean cities?')
})

it('run fetches what changed', async () => {
  const data = join(directory, 'data/cities.csv')
  await writeFile(data, (await readFile(data, 'utf8')).replace('Lisbon,PT,545796', 'Lisbon,PT,600000'))
  const ran = await hermes('run', 'cities')
  expect(ran.code).toBe(0)
  expect(ran.stdout).toMatch(/^fetched cities: 5 rows into cities, 1 page, \d+\.\d s\n$/)
  expect(witness("SELECT population FROM cities WHERE city = 'Lisbon'")).toEqual([{ population: 600000 }])
  expect(await hermes('run', 'nothing')).toMatchObject({ code: 1, stderr: expect.stringContaining('error[not_found]') })
})

it('suspend and resume write into the manifest, and keep its comments', async () => {
  const suspended = await hermes('suspend', 'cities')
  expect(suspended.stdout).toBe('updated SourceDefinition/cities in manifests/cities.yaml\n')
  expect(suspended.stderr).toContain('`hermes apply`')
  expect(await readFile(manifest(), 'utf8')).toMatch(/suspend: true[^]*# rows with the same key/)
  expect((await hermes('list')).stdout).toContain('suspended')
  const refused = await hermes('run', 'cities')
  expect([refused.code, refused.stdout]).toEqual([1, ''])
  expect(refused.stderr).toContain('error[suspended]: source cities is suspended')
  expect(refused.stderr).toMatch(
    /\n {2}at manifests\/cities\.yaml:\d+:\d+\n {2}fix: .*`hermes resume SourceDefinition\/cities`/,
  )
  expect((await hermes('resume', 'SourceDefinition/cities')).code).toBe(0)
  expect((await hermes('list')).stdout).toContain('ready')
  expect((await hermes('apply')).code).toBe(0)
})

it('a change that loses data waits for its approval', async () => {
  await edit('population: bigint, ', 'population: integer, ')
  const plan = await hermes('plan')
  expect(plan.code).toBe(3)
  const hash = /hermes approve (\w+)/.exec(plan.stdout)?.[1] ?? ''
  const waiting = await hermes('apply')
  expect(waiting.code).toBe(3)
  expect(waiting.stdout).toContain(`hermes approve ${hash}`)
  expect((await hermes('list')).stdout).toContain('blocked')
  expect(await hermes('approve', 'deadbeef')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('error[approval_stale]'),
  })
  expect(await hermes('approve', hash)).toMatchObject({ code: 0, stdout: expect.stringContaining('approved ') })
  expect((await hermes('apply')).code).toBe(0)
  expect((await hermes('plan')).code).toBe(0)
})

it('a broken file is reported with its place, and loses nothing', async () => {
  await writeFile(join(directory, 'manifests/broken.yaml'), 'kind: [\n')
  const { code, stdout } = await hermes('validate')
  expect(code).toBe(1)
  expect(stdout).toMatch(/^manifests\/broken\.yaml:\d+:\d+: yaml_syntax .+\n {2}fix: .+\n/)
  expect((await hermes('plan')).code).toBe(1)
  expect((await hermes('apply')).code).toBe(1)
  expect((await hermes('list')).stderr).toBe('1 problem in the manifests: see `hermes validate`\n')
  expect(witness('SELECT count(*) AS n FROM cities')).toEqual([{ n: 5 }])
  await rm(join(directory, 'manifests/broken.yaml'))
})

it('a schema that messages cannot be validated by is found before it runs', async () => {
  const file = join(directory, 'manifests/schema.yaml')
  const head = 'apiVersion: hermes/v1\nkind: Workflow\nmetadata: { name: w }\n'
  const spec = 'spec:\n  source: { generate: { payload: 1 } }\n  sinks: [{ drop: {} }]\n  validate: '
  for (const [validate, problem] of [
    [
      '{ jsonSchema: { schema: { type: objekt } } }',
      /schema\.yaml:7:29: spec\.validate\.jsonSchema\.schema: invalid_value /,
    ],
    ['{ jsonSchema: { file: none.json } }', /schema\.yaml:7:\d+: spec\.validate\.jsonSchema\.file: .*cannot be read/],
    ['{ avro: { schema: { type: bogus } } }', /spec\.validate\.avro\.schema: invalid_value .*bogus/],
    ['{ protobuf: { schema: "message A {}", message: B } }', /spec\.validate\.protobuf\.message: .*no message B/],
  ] as const) {
    await writeFile(file, `${head}${spec}${validate}\n`)
    expect(await hermes('validate')).toMatchObject({ code: 1, stdout: expect.stringMatching(problem) })
  }
  await rm(file)
})

function more(table: string): string {
  return `apiVersion: hermes/v1
kind: SourceDefinition
metadata: { name: more }
spec:
  file: { path: ../data/cities.csv }
  table: { name: ${table}, primaryKey: [city] }
`
}

it('add, update and delete write manifests, and apply follows', async () => {
  const file = join(directory, 'more.yaml')
  await writeFile(file, more('more'))
  const added = await hermes('add', file)
  expect(added).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^added SourceDefinition\/more in manifests\/.+\.yaml\n$/),
  })
  expect((await hermes('apply')).stdout).toContain('fetched more: 5 rows into more')
  await writeFile(file, more('other'))
  expect(await hermes('add', file)).toMatchObject({ code: 1, stderr: expect.stringContaining('error[already_exists]') })
  expect((await hermes('update', file)).stdout).toMatch(/^updated /)
  expect((await hermes('delete', 'more', 'nothing')).code).toBe(1)
  expect((await hermes('delete', 'more')).stdout).toMatch(/^deleted SourceDefinition\/more from /)
  const plan = await hermes('plan')
  expect([plan.code, plan.stdout]).toEqual([3, expect.stringContaining('DROP TABLE')])
  expect((await hermes('apply')).code).toBe(0)
  expect(witness("SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN ('more', 'other')")).toEqual([])
  expect(witness('SELECT count(*) AS n FROM cities')).toEqual([{ n: 5 }])
})

it('what add refuses leaves no file', async () => {
  const file = join(directory, 'bad.yaml')
  await writeFile(file, 'apiVersion: hermes/v1\nkind: SourceDefintion\nmetadata: { name: bad }\nspec: {}\n')
  const { code, stderr } = await hermes('add', file)
  expect(code).toBe(1)
  expect(stderr).toMatch(/^error\[unknown_kind\]: .*SourceDefinition/)
  expect((await hermes('validate')).code).toBe(0)
})
