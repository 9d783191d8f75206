import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CommitStatus, type CommitStatusOptions, commitStatus } from '../../src/observe/commit-status.ts'
import { FakeClock } from '../fake-clock.ts'
import { failure, pending, success } from './reports.ts'
import { type Kind, type StatusApi, statusApi, TOKEN } from './status-api.ts'

const SHA = 'a'.repeat(40)
const NEXT = 'b'.repeat(40)

let clock: FakeClock
let closing: AsyncDisposableStack
let warned: object[]
beforeEach(() => {
  clock = new FakeClock()
  closing = new AsyncDisposableStack()
  warned = []
})
afterEach(() => closing.disposeAsync())

const addresses: Readonly<Record<Kind, string>> = {
  github: 'https://github.com/acme/data.git',
  gitlab: 'git@gitlab.com:acme/tools/data.git',
  gitea: 'ssh://git@codeberg.org/acme/data.git',
}

async function open(kind: Kind = 'github', options: Partial<CommitStatusOptions> = {}) {
  const api = closing.use(await statusApi(kind, clock))
  return { api, status: reporter(kind, api, options) }
}

function reporter(kind: Kind, { url }: { url: string }, options: Partial<CommitStatusOptions> = {}): CommitStatus {
  const log = { warn: (fields: object, message: string) => void warned.push({ ...fields, message }) }
  const given = { address: addresses[kind], apiUrl: url, token: () => TOKEN, context: 'hermes/prod', clock, log }
  return closing.use(commitStatus({ ...given, ...options }))
}

const states = ({ posted }: StatusApi) => posted.map(({ sha, state }) => `${sha[0]} ${state}`)
const soon = { timeout: 10_000, interval: 2 }
/** The host has answered, and the next status waits for its time. */
const waits = () => expect.poll(() => clock.sleeping, soon).toBe(1)
const asked = (api: { seen: readonly unknown[] }, times: number) => expect.poll(() => api.seen.length, soon).toBe(times)

describe.each([
  ['github', 'error'],
  ['gitlab', 'canceled'],
  ['gitea', 'warning'],
] as const)('a commit that another one superseded on %s', (kind, given) => {
  it('is told so once, after the newest, if it was left pending, and in five seconds at the earliest', async () => {
    const { api, status } = await open(kind)
    status.report(`main@sha1:${SHA}`, pending)
    await asked(api, 1)
    status.report(`main@sha1:${NEXT}`, pending)
    await waits()
    await clock.advance(5_000)
    await asked(api, 2)
    await waits()
    await clock.advance(4_999)
    expect(api.seen).toHaveLength(2)
    await clock.advance(1)
    await asked(api, 3)
    expect(api.posted.at(-1)).toMatchObject({ sha: SHA, state: given, description: 'superseded by bbbbbbb' })
    status.report(`main@sha1:${NEXT}`, pending)
    expect(clock.sleeping).toBe(0)
    status.report(`main@sha1:${NEXT}`, success)
    await waits()
    await clock.advance(5_000)
    await asked(api, 4)
    await expect.poll(() => clock.sleeping, soon).toBe(0)
    expect(states(api)).toEqual(['a pending', 'b pending', `a ${given}`, 'b success'])
    expect([api.refused, warned]).toEqual([[], []])
  })

  it('is what its report says once it is in force again', async () => {
    const { api, status } = await open(kind)
    for (const [index, sha] of [SHA, NEXT, NEXT, SHA, SHA].entries()) {
      status.report(sha, pending)
      if (index > 0) {
        await waits()
        await clock.advance(5_000)
      }
      await asked(api, index + 1)
    }
    expect(states(api)).toEqual(['a pending', 'b pending', `a ${given}`, 'a pending', `b ${given}`])
  })
})

describe('a commit that another one superseded', () => {
  const OTHER = 'c'.repeat(40)
  let file: string
  beforeEach(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'hermes-pending-'))
    closing.defer(() => rm(dir, { recursive: true }))
    file = join(dir, 'git', 'pending.json')
  })

  it('is not told so when it was settled, never told of, or refused', async () => {
    const { api, status } = await open()
    status.report(SHA, failure)
    await asked(api, 1)
    api.instead.push([422, {}, { message: 'No commit found for SHA' }])
    status.report(NEXT, pending)
    await clock.advance(5_000)
    await asked(api, 2)
    status.report(NEXT, pending)
    status.report(SHA, failure)
    status.report(OTHER, success)
    await waits()
    await clock.advance(5_000)
    await asked(api, 3)
    await clock.advance(60_000)
    expect([states(api), clock.sleeping]).toEqual([['a failure', 'c success'], 0])
  })

  it('is told so by the process after the one that told of it', async () => {
    const api = closing.use(await statusApi('github', clock))
    const first = reporter('github', api, { pendingFile: file })
    first.report(SHA, pending)
    await expect.poll(() => readFile(file, 'utf8').catch(() => ''), soon).toContain(SHA)
    await first[Symbol.asyncDispose]()
    await clock.advance(5_000)
    const second = reporter('github', api, { pendingFile: file, context: 'hermes/other' })
    second.report(NEXT, success)
    await asked(api, 2)
    await waits()
    await clock.advance(5_000)
    await asked(api, 3)
    expect(api.posted.at(-1)).toEqual({
      sha: SHA,
      state: 'error',
      description: 'superseded by bbbbbbb',
      context: 'hermes/prod',
    })
    await expect.poll(() => readFile(file, 'utf8'), soon).toBe('[]\n')
  })

  it.each(['', '[{"sha":"x","context":"y"},7,null]', '{}', '[{"sh'])('is forgotten with a file of %j', async (text) => {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text)
    const { api, status } = await open('github', { pendingFile: file })
    status.report(SHA, success)
    await asked(api, 1)
    await clock.advance(60_000)
    expect([states(api), clock.sleeping, warned]).toEqual([['a success'], 0, []])
  })

  it('is told so as long as this process lives where no file can be written', async () => {
    await writeFile(dirname(file), '')
    const { api, status } = await open('github', { pendingFile: file })
    status.report(SHA, pending)
    await asked(api, 1)
    status.report(NEXT, success)
    await waits()
    await clock.advance(5_000)
    await asked(api, 2)
    await waits()
    await clock.advance(5_000)
    await asked(api, 3)
    expect([states(api), warned]).toEqual([['a pending', 'b success', 'a error'], []])
  })
})
