import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Upstream } from '../origin/git/upstream.ts'
import { openPlace } from './bin.ts'

const source = (path: string): string => `apiVersion: hermes/v1
kind: SourceDefinition
metadata: { name: sales }
spec:
  file: { path: ${path} }
`

/** The real commands on a real repository that holds data beside its manifests. */
let upstream: Upstream
let place: Awaited<ReturnType<typeof openPlace>>
let git: readonly string[]
beforeAll(async () => {
  upstream = await Upstream.create()
  place = await openPlace()
  git = ['--git', upstream.path, '--path', 'ops/manifests']
  await upstream.commit({
    'ops/manifests/sales.yaml': source('data/*.csv'),
    'ops/manifests/data/sales.csv': 'id\n1\n',
  })
})
afterAll(async () => {
  await place[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

it('data is not read from the repository, and a relative path says where it starts', async () => {
  const { code, stdout, stderr } = await place.hermes('apply', ...git)
  const start = join(place.directory, 'ops/manifests')
  const shown = `${stdout}${stderr}`
  expect(code).not.toBe(0)
  expect(shown).toContain(
    `no file matches ${start}/data/*.csv: data/*.csv starts from ${start} on this machine, and no data is read from the`,
  )
  expect((await place.status()).stdout).toMatch(/FileSourceMissing: /)
})

it('it starts from --path below the working directory, as in a checkout', async () => {
  await mkdir(join(place.directory, 'ops/manifests/data'), { recursive: true })
  await writeFile(join(place.directory, 'ops/manifests/data/sales.csv'), 'id\n1\n2\n3\n')
  expect((await place.hermes('run', 'sales', ...git)).stdout).toMatch(/^fetched sales: 3 rows/)
})

it('an absolute path is taken as it is', async () => {
  const path = join(place.directory, 'elsewhere.csv')
  await upstream.commit({ 'ops/manifests/sales.yaml': source(path) })
  expect((await place.hermes('apply', ...git)).stdout).toContain('failed 0')
  const missing = await place.hermes('run', 'sales', ...git)
  expect(missing.stderr).toContain(`${path} does not exist`)
  expect(missing.stderr).not.toContain('on this machine')
  await writeFile(path, 'id\n1\n')
  expect((await place.hermes('run', 'sales', ...git)).stdout).toMatch(/^fetched sales: 1 row/)
})
