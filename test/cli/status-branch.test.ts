import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Flags, readConfig } from '../../src/config.ts'
import type { StatusReport } from '../../src/observe/status.ts'
import { serviceName } from '../../src/open-status-branch.ts'
import { BRANCH, StatusRemote } from '../origin/git/status-remote.ts'
import { finish, openPlace } from './bin.ts'

const manifests = {
  'manifests/shop.yaml': `apiVersion: hermes/v1
kind: Connection
metadata: { name: shop }
spec:
  http: { url: "https://shop.example.com", auth: { bearer: { token: "\${secrets.SHOP_TOKEN}" } } }
`,
  'manifests/open.yaml': `apiVersion: hermes/v1
kind: Connection
metadata: { name: open }
spec:
  http: { url: "https://open.example.com" }
`,
}

/** The real commands: one place that writes the branch, and another that only reads it. */
let remote: StatusRemote
let writing: Awaited<ReturnType<typeof openPlace>>
let reading: Awaited<ReturnType<typeof openPlace>>
let git: readonly string[]
beforeAll(async () => {
  remote = await StatusRemote.create()
  await remote.commit(manifests, 'main')
  git = ['--git', remote.upstream.path]
  writing = await openPlace()
  reading = await openPlace()
})
afterAll(async () => {
  await writing[Symbol.asyncDispose]()
  await reading[Symbol.asyncDispose]()
  await remote[Symbol.asyncDispose]()
})

const written = () => remote.subjects()
const read = (flags: Flags, variables: Record<string, string> = {}) => readConfig(flags, variables, '/srv/project')

it('nothing is written to a repository without being asked to', async () => {
  expect((await writing.hermes('apply', ...git, '--path', 'manifests')).stdout).toContain('applied 1')
  expect(await written()).toEqual([])
})

it('hermes-status says so where there is nothing to read', async () => {
  const { code, stdout, stderr } = await reading.status(...git)
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toContain('error[service_absent]')
  expect(stderr).toContain(`${remote.upstream.path} has no branch hermes-status with a status`)
})

it('hermes apply writes the branch before it ends', async () => {
  const applied = await writing.hermes(
    'apply',
    ...git,
    '--path',
    'manifests',
    '--status-branch',
    BRANCH,
    '--git-author',
    'Data Team <data@example.com>',
  )
  expect(applied.stderr).not.toContain('status branch')
  expect(await written()).toEqual(['2 resources changed: Connection/shop stalled, Connection/open ready'])
  expect(await remote.git('log', '--format=%an <%ae>', BRANCH)).toBe('Data Team <data@example.com>')
  expect(await remote.file('README.md')).toContain('[Connection/shop](status/Connection/shop.yaml)')
})

describe('hermes-status with no service', () => {
  it('shows the branch as it would show the service, and how old it is', async () => {
    const { code, stdout, stderr } = await reading.status(...git, '--exit-code')
    expect(code).toBe(2)
    expect(stdout).toMatch(
      /^KIND +NAME +STATE .*\nConnection +open +ready .*\nConnection +shop +stalled .* SecretMissing: /,
    )
    expect(stderr).toMatch(
      new RegExp(
        `^no service answers on .*: branch ${BRANCH} of ${remote.upstream.path} was last written (now|\\d+s ago)\n$`,
      ),
    )
    expect((await reading.status(...git, '--status-branch', BRANCH, 'connection/open', '-o', 'yaml')).stdout).toContain(
      'state: ready',
    )
  })

  it('gives a program what the branch holds, and leaves nothing behind', async () => {
    const before = (await readdir(tmpdir())).filter((name) => name.startsWith('hermes-status-'))
    const report = JSON.parse((await reading.status(...git, '-o', 'json')).stdout) as StatusReport
    expect(report.revision).toBe(`main@sha1:${await remote.git('rev-parse', 'main')}`)
    expect(report.resources.map(({ name, state }) => [name, state])).toEqual([
      ['open', 'ready'],
      ['shop', 'stalled'],
    ])
    expect(await readdir(reading.directory)).toEqual([])
    const after = (await readdir(tmpdir())).filter((name) => name.startsWith('hermes-status-'))
    expect(after.filter((name) => !before.includes(name))).toEqual([])
  })

  it('looks again, until interrupted', async () => {
    const watching = reading.start('hermes-status', [...git, '--watch', '--every', '0.2'])
    const result = finish(watching)
    await once(watching.stdout, 'data')
    watching.kill('SIGINT')
    expect(await result).toMatchObject({ code: 130, stdout: expect.stringContaining('shop') })
  })

  it('says what is wrong with the repository', async () => {
    const { code, stderr } = await reading.status('--git', `${remote.upstream.path}-gone`)
    expect([code, stderr]).toEqual([1, expect.stringContaining('error[git_repository_missing]')])
  })
})

it('hermes-status shows what was written back where the repository cannot be reached', async () => {
  const { code, stdout, stderr } = await writing.status('--git', `${remote.upstream.path}-gone`)
  expect([code, stdout]).toEqual([0, expect.stringMatching(/shop +stalled/)])
  expect(stderr).toMatch(/^no service answers on .*: the branch cannot be read \(.*\); this was last written /)
})

it('hermes serve keeps it up to date', async () => {
  const settings = ['--path', 'manifests', '--interval', '1s', '--status-branch', BRANCH, '--status-interval', '1s']
  const service = await writing.serve(...git, ...settings)
  const revision = await remote.git('rev-parse', 'main')
  await remote.commit(
    { 'manifests/open.yaml': manifests['manifests/shop.yaml'].replace('name: shop', 'name: open') },
    'main',
  )
  await expect.poll(written, { timeout: 45_000 }).toContain('1 resource changed: Connection/open stalled')
  const seen = await writing.status('-o', 'json')
  expect((JSON.parse(seen.stdout) as StatusReport).revision).toBe(`main@sha1:${await remote.git('rev-parse', 'main')}`)
  service.child.kill('SIGTERM')
  const { code, stderr } = await service.result
  expect(code).toBe(0)
  expect(stderr).not.toContain('status branch not written')
  expect(await remote.git('log', '--format=%B', BRANCH)).toContain(
    `Revision main@sha1:${revision}; 1 stalled, 1 ready.`,
  )
  const local = JSON.parse((await reading.status(...git, '-o', 'json')).stdout) as StatusReport
  expect(local.resources.map(({ state }) => state)).toEqual(['stalled', 'stalled'])
}, 60_000)

it('hermes serve writes what still waits for its interval when it is told to stop', async () => {
  const settings = ['--path', 'manifests', '--interval', '1s', '--status-branch', BRANCH, '--status-interval', '1h']
  const service = await writing.serve(...git, ...settings)
  const before = await written()
  await remote.commit({ 'manifests/open.yaml': manifests['manifests/open.yaml'] }, 'main')
  const states = async () => (await writing.report())?.resources.map(({ name, state }) => `${name} ${state}`).toSorted()
  await expect.poll(states, { timeout: 15_000 }).toEqual(['open ready', 'shop stalled'])
  expect(await written()).toEqual(before)
  service.child.kill('SIGTERM')
  const { code, stderr } = await service.result
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('status branch not written')])
  expect(await written()).toEqual(['1 resource changed: Connection/open ready', ...before])
}, 60_000)

describe('the settings', () => {
  const url = 'https://git.example.com/data.git'

  it('write to no branch unless one is named', () => {
    expect(read({ git: url }).git).not.toHaveProperty('status')
    expect(read({ git: url, statusBranch: 'status/prod' }).git?.status).toEqual({
      branch: 'status/prod',
      intervalMs: 60_000,
    })
    const variables = { HERMES_GIT: url, HERMES_GIT_STATUS_BRANCH: BRANCH, HERMES_GIT_STATUS_INTERVAL: '5m' }
    expect(read({ git: url, gitAuthor: 'Data Team <data@example.com>' }).git?.author).toBe(
      'Data Team <data@example.com>',
    )
    expect(read({}, variables).git?.status).toEqual({ branch: BRANCH, intervalMs: 300_000 })
  })

  it('tell services apart, and know one again', () => {
    const name = (flags: Flags) => serviceName(read({ git: url, statusBranch: BRANCH, ...flags }))
    expect(name({})).toMatch(/^HEAD-[0-9a-f]{8}$/)
    const prod = { branch: 'prod', path: 'a/b', database: 'postgres://u:one@db/x?schema=s' }
    expect(name(prod)).toMatch(/^prod\/a\/b-[0-9a-f]{8}$/)
    expect(name({ ...prod, database: 'postgres://other:two@db/x?schema=s' })).toBe(name(prod))
    const others = [{ path: 'a' }, { branch: 'x' }, { database: 'postgres://db/x?schema=t' }, { database: 'sqlite:x' }]
    expect(new Set([prod, ...others.map((other) => ({ ...prod, ...other }))].map(name)).size).toBe(5)
    expect(read({ git: url, statusBranch: BRANCH, statusName: 'prod' }).git?.status?.name).toBe('prod')
  })

  it.each([
    ['--branch', { git: url, branch: BRANCH }, 'no manifests are read where status is written'],
    ['--branch', { git: url, branch: 'prod', statusBranch: 'prod' }, 'no manifests are read where status is written'],
    ['--status-branch', { git: url, statusBranch: 'a..b' }, 'the name of a branch'],
    ['--status-branch', { statusBranch: BRANCH }, 'without --git'],
    ['--status-name', { git: url, statusBranch: BRANCH, statusName: 'a\nb' }, 'a name of one line'],
    ['--git-author', { git: url, gitAuthor: 'Ada' }, 'a name and an address'],
    ['--git-author', { git: url, gitAuthor: 'Ada <a> 0 +0000\nfrom x <b>' }, 'a name and an address'],
    ['--status-interval', { git: url, statusBranch: BRANCH, statusInterval: '1' }, '1s to 1d'],
  ] as [string, Flags, string][])('%s is refused in %o', (flag, flags, why) => {
    expect(() => read(flags)).toThrow(expect.objectContaining({ code: 'setting_invalid' }))
    expect(() => read(flags)).toThrow(flag)
    expect(() => read(flags)).toThrow(why)
  })
})
