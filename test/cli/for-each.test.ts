import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { hermesInProcess } from './in-process.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hermes-for-each-'))
  for (const folder of ['data', 'manifests/live', 'manifests/lists']) {
    await mkdir(join(directory, folder), { recursive: true })
  }
  for (const city of ['oslo', 'rome', 'bern'])
    await write(`data/${city}.csv`, `day,people\n2026-01-01,${city.length}\n`)
  await write('manifests/lists/cities.csv', 'city\nOslo\nRome\nBern\n')
  await write(
    'manifests/live/people.yaml',
    `apiVersion: hermes/v1
kind: SourceDefinition
metadata: { name: people }
spec:
  forEach: { from: ../lists/cities.csv }
  file: { path: "../data/\${each.city.lowerAscii()}.csv" }
  table: { primaryKey: [day], columns: { day: date } }
`,
  )
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const write = (file: string, text: string) => writeFile(join(directory, file), text)
const hermes = (...argv: string[]) => hermesInProcess(directory, ...argv)

it('a plan has one line for all of them, and in JSON every one', async () => {
  const { code, stdout } = await hermes('plan')
  expect(code).toBe(2)
  expect(stdout).toContain('+ Table/people_* (3) live/people.yaml:1\n    people_bern, people_oslo, people_rome\n')
  expect(stdout).toContain('+ SourceDefinition/people-* (3) live/people.yaml:1\n')
  const { resources } = JSON.parse((await hermes('plan', '--output', 'json')).stdout) as {
    resources: { key: string }[]
  }
  expect(resources.map(({ key }) => key)).toEqual(
    ['Table/people_', 'SourceDefinition/people-'].flatMap((key) => ['bern', 'oslo', 'rome'].map((city) => key + city)),
  )
})

it('a directory is planned with its lists where it is sent to', async () => {
  const { code, stdout } = await hermes('plan', 'manifests')
  expect(code).toBe(2)
  expect(stdout).toContain('+ SourceDefinition/people-* (3) live/people.yaml:1\n')
})

it('one file is validated with the list that lies elsewhere, problems of the list included', async () => {
  const good = await hermes('validate', 'manifests/live/people.yaml')
  expect([good.code, good.stdout]).toEqual([0, '1 file, 3 manifests, 0 problems\n'])
  await write('manifests/lists/cities.csv', 'city\nOslo\noslo\n')
  const bad = await hermes('validate', 'manifests/live/people.yaml')
  expect(bad.code).toBe(1)
  expect(bad.stdout).toMatch(/lists\/cities\.csv:3:1: duplicate_name Oslo and oslo are both called/)
})

it('one of them is previewed by its name', async () => {
  const unnamed = await hermes('preview', 'manifests/live/people.yaml')
  expect(unnamed.stderr).toContain('Name one of them: people-oslo, people-rome, people-bern.')
  const { code, stdout } = await hermes('preview', 'manifests/live/people.yaml', 'people-rome')
  expect([code, stdout]).toEqual([0, expect.stringContaining('people-rome into people_rome: 1 record')])
})

it('one of them is not deleted by itself: the file to edit is named', async () => {
  const { code, stderr } = await hermes('delete', 'SourceDefinition/people-oslo')
  expect(code).not.toBe(0)
  expect(stderr).toContain(
    'SourceDefinition/people-oslo is made by SourceDefinition/people in live/people.yaml:1 for Oslo',
  )
  expect(stderr).toContain('Edit Oslo in lists/cities.csv, or live/people.yaml:1 for all.')
})

it('the definition is shown, suspended and deleted as a whole, by its own name', async () => {
  const shown = await hermes('get', 'people')
  expect([shown.code, shown.stdout]).toEqual([0, expect.stringContaining('forEach: { from: ../lists/cities.csv }')])
  const suspended = await hermes('suspend', 'SourceDefinition/people')
  expect(suspended.stdout).toBe('updated SourceDefinition/people in manifests/live/people.yaml\n')
  expect((await hermes('list')).stdout.match(/people-\w+ +suspended/g)).toHaveLength(3)
  const refused = await hermes('run', 'people-oslo')
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('hermes resume SourceDefinition/people`')])
  expect((await hermes('resume', 'people')).code).toBe(0)
  expect((await hermes('delete', 'people')).stdout).toBe(
    'deleted SourceDefinition/people from manifests/live/people.yaml\n',
  )
  expect((await hermes('list')).stdout).not.toContain('people')
})
