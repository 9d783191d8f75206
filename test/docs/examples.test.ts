import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { exampleFiles } from '../../src/cli/example-files.ts'
import { root } from '../architecture.ts'

const scratch = mkdtempSync(join(tmpdir(), 'hermes-examples-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** Runs a command as a user would, in a data directory of its own and with the secrets that the examples name. */
function hermes(...args: readonly string[]) {
  const env = {
    ...process.env,
    HERMES_DATA_DIR: join(scratch, 'data'),
    HERMES_SECRET_QUICKSTART_TOKEN: 'none',
  }
  return spawnSync(process.execPath, ['bin/hermes.js', ...args], { cwd: root, encoding: 'utf8', env })
}

describe.each([
  ['examples/public-apis', 14],
  ['examples/quickstart/manifests', 11],
  ['examples/workflows', 2],
  ['manifests', 0],
])('%s', (folder, manifests) => {
  it('has no problems', () => {
    const { stdout, status } = hermes('validate', folder, '--output', 'json')
    const report = JSON.parse(stdout) as { manifests: number; problems: unknown[] }
    expect(report.problems).toEqual([])
    expect(report.manifests).toBe(manifests)
    expect(status).toBe(0)
  })

  it('has a plan that creates everything', () => {
    const { stdout, status } = hermes('plan', '--manifests', folder, '--output', 'json')
    const plan = JSON.parse(stdout) as { summary: { create: number; blocked: number } }
    expect(plan.summary.create).toBeGreaterThanOrEqual(manifests)
    expect(plan.summary.blocked).toBe(0)
    expect(status).toBe(manifests === 0 ? 0 : 2)
  })
})

it('the tests of examples/workflows pass', () => {
  const { stdout, status } = hermes('test', '--manifests', 'examples/workflows')
  expect([status, stdout]).toEqual([0, expect.stringMatching(/1 file, 3 cases: 3 passed/)])
})

describe('the pages beside the examples', () => {
  it.each(['examples/public-apis', 'examples/quickstart', 'examples/workflows'])(
    '%s/README.md lists every manifest',
    (folder) => {
      const listed = [...readFileSync(join(root, folder, 'README.md'), 'utf8').matchAll(/^\| `([\w.-]+\.yaml)` \|/gm)]
      const there = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      const names = there.filter((path) => path.endsWith('.yaml')).map((path) => path.split('/').at(-1) ?? '')
      expect(listed.map((match) => match[1] ?? '').toSorted()).toEqual(names.toSorted())
    },
  )

  it('has schema lines that lead an editor to the schema of every document', () => {
    const files = readdirSync(join(root, 'examples'), { recursive: true, encoding: 'utf8' })
    const manifests = files.filter((path) => path.endsWith('.yaml')).map((path) => join(root, 'examples', path))
    expect(manifests.length).toBeGreaterThan(10)
    expect(manifests.flatMap(refusedDocuments)).toEqual([])
  })

  it.each([
    ['an unknown field', 'schedule: { every: 1m }', 'scheduel: { every: 1m }'],
    ['two connectors', 'file: {', 'http: { url: "https://example.com" }\n  file: {'],
    ['an unknown kind', 'kind: SourceDefinition', 'kind: Source'],
    ['a field of the wrong type', 'primaryKey: [city]', 'primaryKey: city'],
  ])('has schemas that refuse %s', (_, right, wrong) => {
    const [, good = ''] = exampleFiles.find(([path]) => path.endsWith('.yaml')) ?? []
    for (const schema of ['manifest', 'source-definition'].map(validatorOf)) {
      expect(schema(parse(good))).toBe(true)
      expect(schema(parse(good.replace(right, wrong)))).toBe(false)
    }
  })
})

/** Checks as an editor does: by the published schema and nothing else. */
function validatorOf(name: string) {
  return new Ajv2020({ strict: false, validateFormats: false }).compile(
    JSON.parse(readFileSync(join(root, 'schemas', `${name}.json`), 'utf8')) as object,
  )
}

function refusedDocuments(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const line = /^# yaml-language-server: \$schema=(\S+)\n/.exec(text)?.[1]
  if (line === undefined) return [`${file} has no schema line`]
  const schema = resolve(dirname(file), line)
  if (dirname(schema) !== join(root, 'schemas')) return [`${file} leads to ${schema}`]
  const validate = validatorOf(basename(schema, '.json'))
  return parseAllDocuments(text).flatMap((document) =>
    validate(document.toJS()) ? [] : `${file}: ${JSON.stringify(validate.errors)}`,
  )
}
