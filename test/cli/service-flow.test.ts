import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ResourceStatus, StatusReport } from '../../src/observe/status.ts'
import { finish, openPlace } from './bin.ts'

/** The real commands around a real service, each step on what the one before left. */
let place: Awaited<ReturnType<typeof openPlace>>
let service: Awaited<ReturnType<typeof place.serve>>
beforeAll(async () => {
  place = await openPlace()
  await place.hermes('init')
  service = await place.serve()
})
afterAll(() => place[Symbol.asyncDispose]())

async function cities(): Promise<ResourceStatus | undefined> {
  const { stdout } = await place.status('-o', 'json')
  return (JSON.parse(stdout) as StatusReport).resources.find(({ name }) => name === 'cities')
}

const state = async () => (await place.report())?.resources.find(({ name }) => name === 'cities')?.state

it('fetches by itself, and hermes-status tells', async () => {
  await expect.poll(state, { timeout: 10_000 }).toBe('ready')
  expect(await cities()).toMatchObject({ kind: 'SourceDefinition', table: 'cities', rows: 5, attempts: 0 })
  const { code, stdout, stderr } = await place.status('--exit-code')
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^KIND +NAME +STATE .*\nSourceDefinition +cities +ready +5 +(now|\d+s ago) +in .* -\n$/)
  expect((await place.status('source/cities', '-o', 'yaml')).stdout).toContain('state: ready')
  expect((await place.status('connections')).stdout).toBe('no resources\n')
  expect((await place.status('cities')).stdout).toContain('SourceDefinition  cities')
  expect(await place.status('city')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('there is neither a resource nor a kind city'),
  })
})

it('answers the other commands, from wherever they are asked', async () => {
  const ran = await place.hermes('run', 'cities')
  expect(ran).toMatchObject({ code: 0, stderr: '' })
  expect(ran.stdout).toMatch(/^fetched cities: 5 rows/)
  expect(await place.hermes('list')).toMatchObject({ code: 0, stderr: '' })
  expect(await place.hermes('reconcile')).toMatchObject({ code: 0, stdout: 'reconciled everything\n' })
  expect((await place.hermes('plan')).stdout).toContain('nothing to do')
  await writeFile(join(place.directory, 'empty.yaml'), '')
  expect(await place.hermes('add', 'empty.yaml')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^error\[request_invalid\]: empty\.yaml is empty\n {2}fix: Write at least one document/,
    ),
  })
  expect((await place.hermes('__complete', '--', 'run', 'c')).stdout).toBe('cities\n')
})

it('is told of changes by command and by file', async () => {
  expect(await place.hermes('suspend', 'cities')).toMatchObject({ code: 0, stderr: '' })
  await expect.poll(state, { timeout: 10_000 }).toBe('suspended')
  expect(await place.hermes('run', 'cities')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('hermes resume SourceDefinition/cities'),
  })
  expect(await place.hermes('run', 'nothing')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('there is no source nothing'),
  })
  const path = join(place.directory, 'manifests/cities.yaml')
  await writeFile(path, (await readFile(path, 'utf8')).replace('suspend: true', 'suspend: false'))
  await expect.poll(state, { timeout: 10_000 }).toBe('ready')
  const applied = await place.hermes('apply')
  expect([applied.code, applied.stdout]).toEqual([0, expect.stringContaining('applied 0, unchanged 2')])
})

it('is the only one on its data directory', async () => {
  const second = await place.hermes('serve')
  expect(second).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^error\[service_running\]/) })
  expect((await cities())?.state).toBe('ready')
})

it('is watched until interrupted', async () => {
  const watching = place.start('hermes-status', ['--watch', '--every', '0.2'])
  const result = finish(watching)
  await once(watching.stdout, 'data')
  watching.kill('SIGINT')
  expect(await result).toMatchObject({ code: 130, stdout: expect.stringContaining('cities'), stderr: '' })
})

it('ends with 0 when told to, logs JSON, and takes its socket along', async () => {
  await expect
    .poll(() => existsSync(join(place.directory, '.hermes/status/SourceDefinition/cities.yaml')), { timeout: 10_000 })
    .toBe(true)
  service.child.kill('SIGTERM')
  const { code, stdout, stderr } = await service.result
  expect([code, stdout]).toEqual([0, ''])
  const lines = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: string; msg: string })
  expect(lines.map(({ msg }) => msg)).toContain('fetched')
  expect(lines.filter(({ level }) => level === 'error')).toEqual([])
  expect(existsSync(join(place.directory, '.hermes/hermes.sock'))).toBe(false)
})

it('leaves its status behind', async () => {
  const left = await place.status('--exit-code')
  expect(left.code).toBe(0)
  expect(left.stdout).toMatch(/SourceDefinition +cities +ready +5/)
  expect(left.stderr).toMatch(/^no service answers on .*hermes\.sock: this was last written .+\n$/)
  expect((await place.hermes('__complete', '--', 'get', '')).stdout).toBe('SourceDefinition/cities\n')
})

it('is followed by another after it was killed', async () => {
  const killed = await place.serve()
  killed.child.kill('SIGKILL')
  await killed.result
  expect(existsSync(join(place.directory, '.hermes/hermes.sock'))).toBe(true)
  const next = await place.serve()
  expect((await cities())?.rows).toBe(5)
  next.child.kill('SIGINT')
  expect((await next.result).code).toBe(0)
})
