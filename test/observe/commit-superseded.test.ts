import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { asked, CommitStatusWorld, NEXT, SHA, soon, states } from './commit-status-world.ts'
import { failure, pending, success } from './reports.ts'
import { statusApi } from './status-api.ts'

let world: CommitStatusWorld
beforeEach(() => {
  world = new CommitStatusWorld()
})
afterEach(() => world[Symbol.asyncDispose]())

describe.each([
  ['github', 'error'],
  ['gitlab', 'canceled'],
  ['gitea', 'warning'],
] as const)('a commit that another one superseded on %s', (kind, given) => {
  it('is told so once, after the newest, if it was left pending, and in five seconds at the earliest', async () => {
    const { api, status } = await world.open(kind)
    status.report(`main@sha1:${SHA}`, pending)
    await asked(api, 1)
    status.report(`main@sha1:${NEXT}`, pending)
    await world.waits()
    await world.clock.advance(5_000)
    await asked(api, 2)
    await world.waits()
    await world.clock.advance(4_999)
    expect(api.seen).toHaveLength(2)
    await world.clock.advance(1)
    await asked(api, 3)
    expect(api.posted.at(-1)).toMatchObject({ sha: SHA, state: given, description: 'superseded by bbbbbbb' })
    status.report(`main@sha1:${NEXT}`, pending)
    expect(world.clock.sleeping).toBe(0)
    status.report(`main@sha1:${NEXT}`, success)
    await world.waits()
    await world.clock.advance(5_000)
    await asked(api, 4)
    await expect.poll(() => world.clock.sleeping, soon).toBe(0)
    expect(states(api)).toEqual(['a pending', 'b pending', `a ${given}`, 'b success'])
    expect([api.refused, world.warned]).toEqual([[], []])
  })

  it('is what its report says once it is in force again', async () => {
    const { api, status } = await world.open(kind)
    for (const [index, sha] of [SHA, NEXT, NEXT, SHA, SHA].entries()) {
      status.report(sha, pending)
      if (index > 0) {
        await world.waits()
        await world.clock.advance(5_000)
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
    world.closing.defer(() => rm(dir, { recursive: true }))
    file = join(dir, 'git', 'pending.json')
  })

  it('is not told so when it was settled, never told of, or refused', async () => {
    const { api, status } = await world.open()
    status.report(SHA, failure)
    await asked(api, 1)
    api.instead.push([422, {}, { message: 'No commit found for SHA' }])
    status.report(NEXT, pending)
    await world.clock.advance(5_000)
    await asked(api, 2)
    status.report(NEXT, pending)
    status.report(SHA, failure)
    status.report(OTHER, success)
    await world.waits()
    await world.clock.advance(5_000)
    await asked(api, 3)
    await world.clock.advance(60_000)
    expect([states(api), world.clock.sleeping]).toEqual([['a failure', 'c success'], 0])
  })

  it('is told so by the process after the one that told of it', async () => {
    const api = world.closing.use(await statusApi('github', world.clock))
    const first = world.reporter('github', api, { pendingFile: file })
    first.report(SHA, pending)
    await expect.poll(() => readFile(file, 'utf8').catch(() => ''), soon).toContain(SHA)
    await first[Symbol.asyncDispose]()
    await world.clock.advance(5_000)
    const second = world.reporter('github', api, { pendingFile: file, context: 'hermes/other' })
    second.report(NEXT, success)
    await asked(api, 2)
    await world.waits()
    await world.clock.advance(5_000)
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
    const { api, status } = await world.open('github', { pendingFile: file })
    status.report(SHA, success)
    await asked(api, 1)
    await world.clock.advance(60_000)
    expect([states(api), world.clock.sleeping, world.warned]).toEqual([['a success'], 0, []])
  })

  it('is told so as long as this process lives where no file can be written', async () => {
    await writeFile(dirname(file), '')
    const { api, status } = await world.open('github', { pendingFile: file })
    status.report(SHA, pending)
    await asked(api, 1)
    status.report(NEXT, success)
    await world.waits()
    await world.clock.advance(5_000)
    await asked(api, 2)
    await world.waits()
    await world.clock.advance(5_000)
    await asked(api, 3)
    expect([states(api), world.warned]).toEqual([['a pending', 'b success', 'a error'], []])
  })
})
