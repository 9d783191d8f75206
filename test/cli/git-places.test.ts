import { afterAll, beforeAll, expect, it } from 'vitest'
import type { StatusReport } from '../../src/observe/status.ts'
import { Upstream } from '../origin/git/upstream.ts'
import { openPlace } from './bin.ts'

const connection = (name: string, more = ''): string => `apiVersion: hermes/v1
kind: Connection
metadata: { name: ${name} }
spec:
  http: { url: "https://${name}.example.com"${more} }
`

/** A service on a directory of a repository that is not called `manifests`, and commands that know only its socket. */
let upstream: Upstream
let place: Awaited<ReturnType<typeof openPlace>>
beforeAll(async () => {
  upstream = await Upstream.create()
  await upstream.commit({
    'teams/data/shop.yaml': connection('shop'),
    'teams/data/broken.yaml': connection('broken', ', speed: 1'),
  })
  place = await openPlace()
  const git = ['--git', upstream.path, '--path', 'teams/data', '--interval', '1h', '--git-write']
  await place.serve(...git, '--status-branch', 'hermes-status', '--status-interval', '1s')
})
afterAll(async () => {
  await place[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const report = async () => JSON.parse((await place.status('-o', 'json')).stdout) as StatusReport

it('hermes-status names problems by their path in the repository', async () => {
  await expect.poll(async () => (await place.report())?.problems.length, { timeout: 15_000 }).toBe(1)
  expect(await report()).toMatchObject({ root: 'teams/data', problems: [{ at: { file: 'broken.yaml' } }] })
  const { stdout } = await place.status()
  expect(stdout).toContain('teams/data/broken.yaml:5:')
  expect(stdout).not.toContain('manifests/')
})

it('what is written by commit is named by its path in the repository', async () => {
  const added = await place.run('hermes', ['add', '-'], connection('more'))
  expect(added.stdout).toBe('added Connection/more in teams/data/connection-more.yaml\n')
  expect((await place.hermes('delete', 'Connection/more')).stdout).toBe(
    'deleted Connection/more from teams/data/connection-more.yaml\n',
  )
})

it('the branch with the status says where places are, too', async () => {
  await using reading = await openPlace()
  const read = () => reading.status('--git', upstream.path)
  await expect.poll(async () => (await read()).stdout, { timeout: 15_000 }).toContain('teams/data/broken.yaml:5:')
})
