import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type StatusBranch, statusBranch } from '../../src/observe/status-branch.ts'
import { FakeClock } from '../fake-clock.ts'
import { BRANCH, StatusRemote } from '../origin/git/status-remote.ts'
import { report, stalled, status } from './branch-reports.ts'

const signal = new AbortController().signal
const SOON_MS = 3_000

let remote: StatusRemote
let clock: FakeClock
let branch: StatusBranch
let warnings: object[]
beforeEach(async () => {
  remote = await StatusRemote.create()
  clock = new FakeClock()
  warnings = []
  branch = open()
})
afterEach(async () => {
  await branch[Symbol.asyncDispose]()
  await remote[Symbol.asyncDispose]()
})

function open(): StatusBranch {
  const log = { warn: (fields: object) => void warnings.push(fields) }
  return statusBranch({
    files: remote.writer('hermes', clock),
    branch: BRANCH,
    service: 'main-1',
    intervalMs: 60_000,
    clock,
    log,
  })
}

/** Until it waits for time to pass. */
const asleep = () => expect.poll(() => clock.sleeping, { timeout: 15_000 }).toBe(1)

describe('a service that is told to stop', () => {
  it('writes at once what waits for its minute, and nothing after that', async () => {
    await branch.publish(report(status('a')), signal)
    branch.take(report(stalled('a')))
    await clock.advance(SOON_MS)
    await asleep()
    await branch.drain(signal)
    expect(await remote.subjects()).toEqual([
      '1 resource changed: SourceDefinition/a stalled',
      '1 resource changed: SourceDefinition/a ready',
    ])
    branch.take(report(status('a')))
    await branch.drain(signal)
    expect([clock.sleeping, (await remote.subjects()).length, warnings]).toEqual([0, 2, []])
  })

  it('writes what changed a moment ago, and only the newest of it', async () => {
    branch.take(report(stalled('a')))
    branch.take(report(status('a')))
    await branch.drain(signal)
    expect(await remote.subjects()).toEqual(['1 resource changed: SourceDefinition/a ready'])
  })

  it('does not write what nobody has looked at since the start', async () => {
    branch.take(report(status('a', { state: 'progressing', reason: 'Reconciling' })))
    await branch.drain(signal)
    expect([await remote.subjects(), warnings]).toEqual([[], []])
  })

  it('tries once more where the server is away, and says what is not written', async () => {
    await remote.goAway()
    branch.take(report(stalled('a')))
    await clock.advance(SOON_MS)
    await asleep()
    await remote.comeBack()
    branch.take(report(status('a')))
    await branch.drain(signal)
    expect(await remote.subjects()).toEqual(['1 resource changed: SourceDefinition/a ready'])
    branch = open()
    await remote.goAway()
    warnings.length = 0
    branch.take(report(stalled('a')))
    await branch.drain(signal)
    expect([clock.sleeping, warnings]).toEqual([0, [expect.objectContaining({ code: 'git_repository_missing' })]])
    await remote.comeBack()
  })

  it.each([
    ['five seconds', async () => clock.advance(5_000)],
    ['until it is told to give up', async (giveUp: () => void) => giveUp()],
  ])('waits %s for a server that does not answer, and says so', async (_what, pass) => {
    await remote.hook('pre-receive', 'sleep 20')
    branch.take(report(stalled('a')))
    const giveUp = new AbortController()
    let done = false
    const drained = branch.drain(giveUp.signal).then(() => {
      done = true
    })
    await clock.advance(4_999)
    expect(done).toBe(false)
    await pass(() => giveUp.abort())
    await drained
    await branch[Symbol.asyncDispose]()
    const error = 'the service stopped before it was written'
    expect([await remote.subjects(), warnings]).toEqual([[], [expect.objectContaining({ branch: BRANCH, error })]])
  })
})
