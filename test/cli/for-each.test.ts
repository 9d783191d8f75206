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
  expect(stdout).toContain('+ SourceDefinition/people-* (3) live/people.yaml:1 for lists/cities.csv:2-4\n')
  const { resources } = JSON.parse((await hermes('plan', '--output', 'json')).stdout) as {
    resources: { key: string }[]
  }
  expect(resources.map(({ key }) => key)).toEqual(
    ['Table/people_', 'SourceDefinition/people-'].flatMap((key) => ['bern', 'oslo', 'rome'].map((city) => key + city)),
  )
})

it('a plan names the line of the list that brings a step about', async () => {
  expect((await hermes('apply')).code).toBe(0)
  await write('data/kiel.csv', 'day,people\n2026-01-01,4\n')
  await write('manifests/lists/cities.csv', 'city\nRome\nBern\n\nKiel\n')
  const { stdout } = await hermes('plan')
  expect(stdout).toContain('+ SourceDefinition/people-kiel live/people.yaml:1 for lists/cities.csv:5\n')
  expect(stdout).toMatch(/because the element Kiel was added in \w+ at lists\/cities.csv:5\n/)
  expect(stdout).toContain('- SourceDefinition/people-oslo live/people.yaml:1\n')
  expect(stdout).toMatch(/because its element was removed from lists\/cities.csv in \w+\n/)
  const markdown = (await hermes('plan', '-o', 'markdown')).stdout
  expect(markdown).toContain('| `live/people.yaml:1` for `lists/cities.csv:5` | because the element Kiel was added in')
  const { resources } = JSON.parse((await hermes('plan', '-o', 'json')).stdout) as { resources: object[] }
  expect(resources).toContainEqual(
    expect.objectContaining({
      key: 'SourceDefinition/people-kiel',
      element: { value: 'Kiel', at: { file: 'lists/cities.csv', line: 5, column: 1 } },
    }),
  )
})

const people = (every: string) => `apiVersion: hermes/v1
kind: SourceDefinition
metadata: { name: people }
spec:
  forEach: { from: ../lists/cities.csv, name: "people-\${each.city}" }
  schedule: { every: ${every} }
  file: { path: "../data/\${each.file}.csv" }
  table: { primaryKey: [day], columns: { day: date } }
`

it('a change has its place in the list when it comes from there, else in the manifest', async () => {
  await write('manifests/live/people.yaml', people('1h'))
  await write('manifests/lists/cities.csv', 'city,file\nOslo,oslo\nRome,rome\n')
  expect((await hermes('apply')).code).toBe(0)
  await write('manifests/lists/cities.csv', 'city,file\nOslo,oslo\nRome,bern\n')
  const ofList = await hermes('plan')
  expect(ofList.stdout).toContain('~ SourceDefinition/people-rome live/people.yaml:1 for lists/cities.csv:3\n')
  expect(ofList.stdout).toMatch(/because spec.file.path changed from .* at lists\/cities.csv:3\n/)
  await write('manifests/live/people.yaml', people('2h'))
  await write('manifests/lists/cities.csv', 'city,file\nOslo,oslo\nRome,rome\n')
  const ofManifest = await hermes('plan')
  expect(ofManifest.stdout).toContain('~ SourceDefinition/people-* (2) live/people.yaml:1 for lists/cities.csv:2-3\n')
  expect(ofManifest.stdout).toMatch(/because spec.schedule.every changed from 1h to 2h in \w+ at live\/people.yaml:6\n/)
})

it('a directory is planned with its lists where it is sent to', async () => {
  const { code, stdout } = await hermes('plan', 'manifests')
  expect(code).toBe(2)
  expect(stdout).toContain('+ SourceDefinition/people-* (3) live/people.yaml:1 for lists/cities.csv:2-4\n')
})

it('one file is validated with the list that lies elsewhere, problems of the list included', async () => {
  const good = await hermes('validate', 'manifests/live/people.yaml')
  expect([good.code, good.stdout]).toEqual([0, '1 file, 3 manifests, 0 problems\n'])
  await write('manifests/lists/cities.csv', 'city\nOslo\noslo\n')
  const bad = await hermes('validate', 'manifests/live/people.yaml')
  expect(bad.code).toBe(1)
  expect(bad.stdout).toMatch(/lists\/cities\.csv:3:1: duplicate_name Oslo and oslo are both called/)
})

it('a file whose list is empty is one that was validated', async () => {
  await write('manifests/lists/cities.csv', 'city\n')
  for (const path of [[], ['manifests/live/people.yaml'], ['manifests']]) {
    const { code, stdout } = await hermes('validate', ...path)
    expect([code, stdout]).toEqual([0, '1 file, 0 manifests, 0 problems\n'])
  }
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
