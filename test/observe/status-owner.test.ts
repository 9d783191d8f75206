import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ResourceStatus } from '../../src/observe/status.ts'
import { type StatusBranch, statusBranch } from '../../src/observe/status-branch.ts'
import { FakeClock } from '../fake-clock.ts'
import { BRANCH, StatusRemote } from '../origin/git/status-remote.ts'
import { report, status } from './branch-reports.ts'

const signal = new AbortController().signal
const sourceFile = (name: string) => `status/SourceDefinition/${name}.yaml`

let remote: StatusRemote
let clock: FakeClock
let branch: StatusBranch
let warnings: object[]
beforeEach(async () => {
  remote = await StatusRemote.create()
  clock = new FakeClock()
  warnings = []
  branch = open('hermes')
})
afterEach(async () => {
  await branch[Symbol.asyncDispose]()
  await remote[Symbol.asyncDispose]()
})

/** A service with its own clone in the directory `name`. */
function open(name: string, service = 'main-1'): StatusBranch {
  const log = { warn: (fields: object) => void warnings.push(fields) }
  return statusBranch({ files: remote.writer(name, clock), branch: BRANCH, service, intervalMs: 60_000, clock, log })
}

const publish = (...resources: readonly ResourceStatus[]) => branch.publish(report(...resources), signal)

/** What `look` finds after a little more time. */
const passing = (look: () => unknown) => async () => {
  await clock.advance(3_000)
  return look()
}

describe('a branch with a status', () => {
  it('is left to the service that writes it, whoever restarts or moves', async () => {
    await publish(status('a'))
    const second = open('elsewhere', 'prod')
    const refused = second.publish(report(status('b')), signal)
    await expect(refused).rejects.toMatchObject({
      code: 'status_branch_taken',
      message: expect.stringContaining('written by the service "main-1", not by "prod"') as string,
      fix: expect.stringContaining('--status-name') as string,
    })
    second.take(report(status('b')))
    await expect
      .poll(
        passing(() => warnings),
        { timeout: 15_000 },
      )
      .toHaveLength(1)
    expect(warnings).toEqual([expect.objectContaining({ code: 'status_branch_taken' })])
    await second[Symbol.asyncDispose]()
    expect(await remote.files()).toContain(sourceFile('a'))
    expect(await remote.subjects()).toHaveLength(1)
    await branch[Symbol.asyncDispose]()
    branch = open('moved')
    await publish(status('a'), status('c'))
    expect(await remote.subjects()).toHaveLength(2)
  })

  it('goes to one of two services that begin at once', async () => {
    await using second = open('elsewhere', 'prod')
    const results = await Promise.allSettled([publish(status('a')), second.publish(report(status('b')), signal)])
    expect(results.filter((each) => each.status === 'rejected')).toMatchObject([
      { reason: { code: 'status_branch_taken' } },
    ])
    expect(await remote.subjects()).toHaveLength(1)
  })

  it('of a Hermes that named no service is taken on', async () => {
    await publish(status('a'))
    const { service: _, ...rest } = JSON.parse(await remote.file('status/status.json')) as { service: string }
    await remote.commit({ 'status/status.json': JSON.stringify(rest) })
    branch = open('again')
    await publish(status('a'))
    expect(JSON.parse(await remote.file('status/status.json'))).toMatchObject({ service: 'main-1' })
  })
})
