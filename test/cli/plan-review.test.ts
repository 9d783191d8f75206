import { existsSync } from 'node:fs'
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Plan } from '../../src/reconcile/plan.ts'
import { freePort } from '../docs/checkout.ts'
import { openPlace } from './bin.ts'

/** A branch is planned against a running service, by who may only look, and applied by who may do more. */
const FULL = 'the-token-for-everything'
const READING = 'the-token-for-reading'
let place: Awaited<ReturnType<typeof openPlace>>
let service: Awaited<ReturnType<typeof place.serve>>
let url: string
beforeAll(async () => {
  place = await openPlace()
  await place.hermes('init')
  for (const [file, token] of [
    ['full', FULL],
    ['reading', READING],
  ] as const) {
    await writeFile(join(place.directory, file), token)
  }
  url = `http://127.0.0.1:${await freePort()}`
  const tokens = ['--token-file', 'full', '--read-token-file', 'reading']
  service = await place.serve('--http', url.slice('http://'.length), ...tokens)
  await cp(join(place.directory, 'manifests'), join(place.directory, 'branch'), { recursive: true })
})
afterAll(() => place[Symbol.asyncDispose]())

/** A command that knows the service by its address and a token only, as one in CI does. */
function remote(token: string, ...args: readonly string[]) {
  const elsewhere = ['--data-dir', 'elsewhere', '--server', url]
  return place.run('hermes', [...args, ...elsewhere], '', { HERMES_READ_TOKEN: token })
}

async function edit(directory: string, from: string, to: string): Promise<void> {
  const file = join(place.directory, directory, 'cities.yaml')
  const text = await readFile(file, 'utf8')
  expect(text).toContain(from)
  await writeFile(file, text.replace(from, to))
}

it('nothing differs as long as the branch says what is in force', async () => {
  const cities = async () => (await remote(READING, 'get', 'cities')).stdout
  await expect.poll(cities, { timeout: 10_000 }).toMatch(/^rows +5$/m)
  expect(await remote(READING, 'plan', 'branch')).toMatchObject({ code: 0, stderr: '' })
})

it('a change in the branch is planned against the data of the service, and changes nothing there', async () => {
  await edit('branch', 'area_km2: numeric', 'area_km2: numeric, mayor: text')
  const planned = await remote(READING, 'plan', 'branch')
  expect([planned.code, planned.stderr]).toEqual([2, ''])
  expect(planned.stdout).toMatch(/\+ add column mayor text\n.+ at cities\.yaml:\d+\n +ALTER TABLE "cities" ADD COLUMN/)
  expect((await place.hermes('plan', 'branch')).stdout).toBe(planned.stdout)
  expect((await place.hermes('plan')).code).toBe(0)
  expect(existsSync(join(place.directory, 'elsewhere'))).toBe(false)
})

it('what would be lost there is counted', async () => {
  await edit('branch', 'population: bigint, ', '')
  const { code, stdout } = await remote(READING, 'plan', 'branch')
  expect(code).toBe(3)
  expect(stdout).toContain('drop column population; loses the values of column population (5 rows)')
})

it('it can be had as a comment, beside what is printed', async () => {
  const told = await remote(READING, 'plan', 'branch', '--comment-file', 'comment.md', '--comment-name', 'prod')
  expect([told.code, told.stdout]).toEqual([3, expect.stringContaining('Plan: ')])
  const comment = await readFile(join(place.directory, 'comment.md'), 'utf8')
  expect(comment).toMatch(/^<!-- hermes plan: prod -->\n### Hermes plan for `[0-9a-f]{7}`\n/)
  const markdown = await remote(READING, 'plan', 'branch', '-o', 'markdown')
  expect(comment.split('\n').slice(1).join('\n')).toBe(markdown.stdout)
  expect(await remote(READING, 'plan', 'branch', '--comment-file', 'no/such/place')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('error[file_unwritable]'),
  })
})

it('problems of the branch are told once, with exit code 1, and annotate its files', async () => {
  await writeFile(join(place.directory, 'branch/broken.yaml'), 'kind: [\n')
  await writeFile(join(place.directory, 'branch/bytes.yaml'), new Uint8Array([0xff, 0xfe]))
  const { code, stdout } = await remote(READING, 'plan', 'branch', '-o', 'json')
  const { problems } = JSON.parse(stdout) as Plan
  expect(code).toBe(1)
  expect(problems.map((each) => `${each.at.file} ${each.code}`)).toEqual([
    'bytes.yaml file_not_text',
    'broken.yaml yaml_syntax',
  ])
  const annotated = await place.hermes('validate', 'branch', '-o', 'github')
  expect(annotated.code).toBe(1)
  expect(annotated.stdout).toMatch(/^::error file=branch\/broken\.yaml,line=\d+,col=\d+,title=yaml_syntax::/m)
  expect(annotated.stdout).toMatch(/^::error file=branch\/bytes\.yaml,line=1,col=1,title=file_not_text::/m)
  await rm(join(place.directory, 'branch/broken.yaml'))
  await rm(join(place.directory, 'branch/bytes.yaml'))
})

it('who may only look may not apply, and who has no token may not look', async () => {
  const applied = await remote(READING, 'apply')
  expect([applied.code, applied.stderr]).toEqual([1, expect.stringMatching(/^error\[read_only_token\]/)])
  const stranger = await remote('another-token', 'plan', 'branch')
  expect([stranger.code, stranger.stderr]).toEqual([1, expect.stringMatching(/^error\[unauthorized\]/)])
})

it('its state can be had for plans where nothing can be reached', async () => {
  expect(await remote(READING, 'export-state', 'state.json')).toMatchObject({ code: 0, stdout: '', stderr: '' })
  const there = await remote(READING, 'plan', 'branch')
  const here = await place.run('hermes', ['plan', 'branch', '--state', 'state.json', '--data-dir', 'elsewhere'])
  expect(here).toEqual(there)
  expect(existsSync(join(place.directory, 'elsewhere'))).toBe(false)
  const printed = await remote(READING, 'export-state')
  expect(JSON.parse(printed.stdout)).toMatchObject({ format: 'hermes-state', dialect: 'sqlite' })
  const missing = await place.hermes('plan', 'branch', '--state', 'nowhere.json')
  expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('hermes export-state FILE')])
})

it('against an empty world everything is new, whatever runs', async () => {
  const { code, stdout } = await place.hermes('plan', 'branch', '--empty')
  expect([code, stdout]).toEqual([2, expect.stringContaining('Plan: 1 to create')])
})

it('a service carries out the plan that is named, and refuses any other', async () => {
  const stale = await place.run('hermes', [
    'apply',
    '--plan',
    '0123456789abcdef',
    '--server',
    url,
    '--token-file',
    'full',
  ])
  expect([stale.code, stale.stdout]).toEqual([3, ''])
  expect(stale.stderr).toMatch(/^error\[plan_stale\]: the plan is [0-9a-f]{16} by now, and not 0123456789abcdef/)
  const { hash } = JSON.parse((await place.hermes('plan', '-o', 'json')).stdout) as Plan
  expect((await place.hermes('apply', '--plan', hash)).code).toBe(0)
})

it('so does a process of its own', async () => {
  service.child.kill('SIGTERM')
  await service.result
  await edit('manifests', 'area_km2: numeric', 'area_km2: numeric, mayor: text')
  const plan = JSON.parse((await place.hermes('plan', '-o', 'json')).stdout) as Plan
  await edit('manifests', 'mayor: text', 'mayor: text, motto: text')
  const stale = await place.hermes('apply', '--plan', plan.hash)
  expect([stale.code, stale.stderr]).toEqual([3, expect.stringContaining('error[plan_stale]')])
  const text = (await place.hermes('plan')).stdout
  const hash = /\nApply this plan with: hermes apply --plan (\w+)\n$/.exec(text)?.[1] ?? ''
  expect((await place.hermes('apply', '--plan', hash)).code).toBe(0)
  expect((await place.hermes('plan')).code).toBe(0)
})
