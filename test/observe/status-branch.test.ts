import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readBranch } from '../../src/observe/read-back.ts'
import type { ResourceStatus, StatusReport } from '../../src/observe/status.ts'
import { type StatusBranch, statusBranch } from '../../src/observe/status-branch.ts'
import { fetchBranch } from '../../src/origin/git/branch-files.ts'
import { FakeClock } from '../fake-clock.ts'
import { longestHold } from '../longest-hold.ts'
import { BRANCH, StatusRemote } from '../origin/git/status-remote.ts'
import { report, stalled, status } from './branch-reports.ts'

const signal = new AbortController().signal
const INTERVAL_MS = 60_000
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

function open(name = 'hermes', options: { maxCommits?: number } = {}): StatusBranch {
  const log = { warn: (fields: object) => void warnings.push(fields) }
  const files = remote.writer(name, clock, options)
  return statusBranch({
    files,
    branch: BRANCH,
    service: 'main-1',
    intervalMs: INTERVAL_MS,
    clock,
    log,
  })
}

/** A process ends and another begins, on the same data directory or on an empty one. */
async function restart(name = 'hermes'): Promise<void> {
  await branch[Symbol.asyncDispose]()
  branch = open(name)
}

const publish = (...resources: readonly ResourceStatus[]) => branch.publish(report(...resources), signal)
const sourceFile = (name: string) => `status/SourceDefinition/${name}.yaml`

/** Waits for what is under way: time stands still. */
async function commits(count: number): Promise<readonly string[]> {
  await expect.poll(() => remote.subjects(), { timeout: 15_000 }).toHaveLength(count)
  return remote.subjects()
}
/** Waits for what goes out as soon as it may. */
async function soon(count: number): Promise<readonly string[]> {
  await expect
    .poll(
      passing(async () => (await remote.subjects()).length),
      { timeout: 15_000 },
    )
    .toBe(count)
  return remote.subjects()
}
/** What `look` finds after a little more time. */
const passing = (look: () => unknown) => async () => {
  await clock.advance(SOON_MS)
  return look()
}
/** Until it waits for time to pass. */
const asleep = () => expect.poll(() => clock.sleeping, { timeout: 15_000 }).toBe(1)

describe('a commit', () => {
  it('holds a file for each resource, all of them in one, and a page', async () => {
    await publish(status('a'), stalled('b'), status('c', { kind: 'Connection' }))
    expect(await remote.files()).toEqual([
      'README.md',
      'status/Connection/c.yaml',
      sourceFile('a'),
      sourceFile('b'),
      'status/status.json',
    ])
    expect(parse(await remote.file(sourceFile('b')))).toEqual(stalled('b'))
    expect(await remote.file('README.md')).toContain('**1 of 3 resources not ready: 1 stalled, 2 ready.**')
    expect(await remote.subjects()).toEqual([
      '3 resources changed: SourceDefinition/b stalled, Connection/c ready, SourceDefinition/a ready',
    ])
    expect(await remote.git('log', '--format=%b', BRANCH)).toBe(
      'SourceDefinition/b stalled: SecretMissing\nConnection/c ready: Fetched\nSourceDefinition/a ready: Fetched\n\n' +
        'Revision main@sha1:1111111111111111111111111111111111111111; 1 stalled, 2 ready.',
    )
  })

  it('says in its line what changed, what needs a look first', async () => {
    await publish(...['a', 'b', 'c', 'd', 'e'].map((name) => status(name)))
    await publish(stalled('a'), status('b'), stalled('d'), status('e', { reason: 'Scheduled' }))
    expect((await remote.subjects())[0]).toBe(
      '4 resources changed: SourceDefinition/a stalled, SourceDefinition/d stalled, SourceDefinition/e ready, …',
    )
    await publish(stalled('a'), status('b'), stalled('d'))
    expect((await remote.subjects())[0]).toBe('1 resource changed: SourceDefinition/e removed')
  })

  it('touches only what changed, and takes away what is gone', async () => {
    await publish(status('a'), status('b'), status('c'))
    await publish(status('a', { rows: 9 }), stalled('b', { rows: 9 }))
    expect((await remote.git('show', '--format=', '--name-status', BRANCH)).split('\n')).toEqual([
      'M\tREADME.md',
      `M\t${sourceFile('b')}`,
      `D\t${sourceFile('c')}`,
      'M\tstatus/status.json',
    ])
  })

  it.each([
    ['rows', { rows: 2 }, 1],
    ['the last run', { lastRunAt: '2026-01-02T11:00:00.000Z' }, 1],
    ['the next run', { nextRunAt: '2026-01-02T11:00:00.000Z' }, 1],
    ['the state', { state: 'stalled' }, 2],
    ['the message', { message: 'Another.' }, 2],
    ['the revision that changed it', { revision: 'main@sha1:2' }, 2],
  ] as const)('comes of a change of %s: %o', async (_what, change, expected) => {
    await publish(status('a'))
    await publish(status('a', change))
    expect(await remote.subjects()).toHaveLength(expected)
  })

  it('comes of a new revision and of problems, though no resource changed', async () => {
    await publish(status('a'))
    const revision = 'main@sha1:2222222222222222222222222222222222222222'
    await branch.publish({ ...report(status('a')), revision }, signal)
    const at = { file: 'a.yaml', line: 3, column: 1 }
    const problems = [{ code: 'yaml_syntax', message: 'It is none', at, fix: 'Mend it.' }]
    await branch.publish({ ...report(status('a')), revision, problems }, signal)
    await branch.publish({ ...report(status('a')), revision, problems, time: '2027-01-01T00:00:00.000Z' }, signal)
    expect((await remote.subjects()).slice(0, 2)).toEqual([
      `${revision} is in force, 1 problem in the manifests`,
      `${revision} is in force`,
    ])
    expect(await remote.subjects()).toHaveLength(3)
    expect(await remote.file('README.md')).toContain('| `a.yaml:3:1` | It is none (`yaml_syntax`) Mend it. |')
  })

  it('is not made before a revision is in force', async () => {
    await branch.publish({ ...report(status('a')), revision: '' }, signal)
    branch.take({ ...report(status('a')), revision: '' })
    expect([await remote.subjects(), clock.sleeping]).toEqual([[], 0])
  })
})

describe('what is there already', () => {
  it.each(['hermes', 'another'])(
    'is not written again by the next process, on the data directory of %s',
    async (name) => {
      await publish(status('a'), stalled('b'))
      await restart(name)
      await publish(stalled('b', { rows: 7 }), status('a'))
      expect(await remote.subjects()).toHaveLength(1)
      await publish(status('a'), status('b'))
      expect((await remote.subjects())[0]).toBe('1 resource changed: SourceDefinition/b ready')
    },
  )

  it('and gone since goes, when the next process finds it', async () => {
    await publish(status('a'), status('b'))
    await restart()
    await publish(status('a'))
    expect(await remote.files()).toEqual(['README.md', sourceFile('a'), 'status/status.json'])
  })

  it('of others stays', async () => {
    await publish(status('a'))
    await remote.commit({ 'notes.md': 'mine', 'status/SourceDefinition/notes.yaml': 'mine: true\n' })
    await restart()
    await publish()
    expect(await remote.files()).toEqual([
      'README.md',
      'notes.md',
      'status/SourceDefinition/notes.yaml',
      'status/status.json',
    ])
  })

  it('is mended when somebody changed it', async () => {
    await publish(status('a'), status('b'))
    await remote.commit({ [sourceFile('a')]: 'rubbish', 'README.md': 'rubbish' })
    await publish(status('a'), stalled('b'))
    expect(parse(await remote.file(sourceFile('a')))).toEqual(status('a'))
    expect(await remote.file('README.md')).toContain('# Status')
    expect((await remote.subjects()).slice(1)).toEqual([
      'by somebody else',
      expect.stringContaining('2 resources changed'),
    ])
  })

  it('and is not of Hermes is neither touched nor made shorter', async () => {
    await remote.commit({ 'README.md': '# Our data', 'manifests/a.yaml': 'kind: A\n' })
    branch = open('hermes', { maxCommits: 1 })
    await expect(publish(status('a'))).rejects.toMatchObject({ code: 'git_branch_foreign' })
    expect(await remote.subjects()).toEqual(['by somebody else'])
  })

  it('gives the report back as it was given', async () => {
    const resources = [status('b'), stalled('a', { approval: 'abc', attempts: 3 }), status('a', { kind: 'Connection' })]
    const at = { file: 'manifests/ä.yaml', line: 3, column: 1 }
    const problems = [{ code: 'yaml_syntax', message: 'It is\nnone', at, path: 'spec', fix: 'Mend it.' }]
    const given: StatusReport = { ...report(...resources), problems }
    await branch.publish(given, signal)
    const reader = remote.repository('reader')
    await reader.open(signal)
    const { files } = await fetchBranch(reader, BRANCH, 1, signal)
    const sorted = resources.toReversed()
    expect(readBranch(files)).toEqual({ ...given, resources: sorted })
  })
})

describe('in time', () => {
  it('the first change goes soon, and those of the next minute go together', async () => {
    branch.take(report(status('a'), status('b')))
    await clock.advance(SOON_MS - 1)
    expect(await remote.subjects()).toEqual([])
    await clock.advance(1)
    await commits(1)
    const committedAt = clock.now()
    for (const name of ['a', 'b']) {
      branch.take(report(...['a', 'b'].map((each) => (each <= name ? stalled(each) : status(each)))))
      await clock.advance(SOON_MS)
      await asleep()
    }
    await clock.advance(committedAt + INTERVAL_MS - clock.now() - 1)
    expect([await remote.subjects(), clock.sleeping]).toEqual([[expect.anything()], 1])
    await clock.advance(1)
    expect(await commits(2)).toEqual([
      '2 resources changed: SourceDefinition/a stalled, SourceDefinition/b stalled',
      '2 resources changed: SourceDefinition/a ready, SourceDefinition/b ready',
    ])
    await clock.advance(10 * INTERVAL_MS)
    branch.take(report(status('a'), status('b')))
    await soon(3)
  })

  it('what changed and changed back within a minute is no commit', async () => {
    branch.take(report(status('a')))
    await clock.advance(SOON_MS)
    await commits(1)
    branch.take(report(stalled('a')))
    await clock.advance(SOON_MS)
    await asleep()
    branch.take(report(status('a')))
    await clock.advance(INTERVAL_MS)
    await expect.poll(() => clock.sleeping).toBe(0)
    await branch[Symbol.asyncDispose]()
    expect(await remote.subjects()).toHaveLength(1)
  })

  it('a restart does not shorten the minute', async () => {
    await publish(status('a'))
    await restart()
    branch.take(report(stalled('a')))
    await clock.advance(SOON_MS)
    await asleep()
    await clock.advance(INTERVAL_MS - SOON_MS - 1)
    expect([await remote.subjects(), clock.sleeping]).toEqual([[expect.anything()], 1])
    await clock.advance(1)
    await commits(2)
  })

  it('what has not been looked at after a start is waited for, if it does not last', async () => {
    const unseen = status('b', { state: 'progressing', reason: 'Reconciling' })
    branch.take(report(status('a'), unseen))
    await clock.advance(10 * SOON_MS)
    expect([await remote.subjects(), clock.sleeping]).toEqual([[], 1])
    branch.take(report(status('a'), status('b')))
    await clock.advance(SOON_MS)
    await commits(1)
    branch.take(report(status('a'), unseen))
    expect(await soon(2)).toEqual([
      '1 resource changed: SourceDefinition/b progressing',
      '2 resources changed: SourceDefinition/a ready, SourceDefinition/b ready',
    ])
  })
})

describe('a server that is away', () => {
  it('is told of once and tried again, ever more seldom, until it has the newest', async () => {
    await remote.goAway()
    branch.take(report(stalled('a')))
    await clock.advance(SOON_MS)
    await asleep()
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await clock.advance(5_000 * 2 ** attempt)
      await asleep()
      await clock.advance(SOON_MS)
      await asleep()
    }
    expect(warnings).toEqual([expect.objectContaining({ branch: BRANCH, code: 'git_repository_missing' })])
    branch.take(report(status('a')))
    await remote.comeBack()
    await clock.advance(5_000 * 2 ** 3 - 1)
    expect([await remote.subjects(), clock.sleeping]).toEqual([[], 1])
    await clock.advance(1)
    await clock.advance(SOON_MS)
    expect(await commits(1)).toEqual(['1 resource changed: SourceDefinition/a ready'])
    await remote.goAway()
    branch.take(report(stalled('a')))
    await expect
      .poll(
        passing(() => warnings.length),
        { timeout: 15_000 },
      )
      .toBe(2)
    await remote.comeBack()
  })

  it('after it took the commit is not given another one', async () => {
    await remote.hook('post-receive', 'test -e done || { touch done; kill -9 $PPID; }')
    await expect(publish(status('a'))).rejects.toMatchObject({ code: expect.stringMatching(/^git_/) })
    expect(await remote.subjects()).toHaveLength(1)
    await restart()
    await publish(status('a'))
    await publish(stalled('a'))
    expect(await remote.subjects()).toHaveLength(2)
  })

  it('does not hold up the end', async () => {
    await remote.goAway()
    branch.take(report(stalled('a')))
    await clock.advance(SOON_MS)
    await branch[Symbol.asyncDispose]()
    await branch[Symbol.asyncDispose]()
    branch.take(report(status('a')))
    expect(clock.sleeping).toBe(0)
    await remote.comeBack()
  })
})

it('a thousand changes leave a short history', async () => {
  await branch[Symbol.asyncDispose]()
  branch = open('hermes', { maxCommits: 5 })
  for (let round = 0; round < 12; round += 1) await publish(status('a', { message: `Round ${round}.` }))
  expect((await remote.subjects()).length).toBeLessThanOrEqual(5)
  expect(parse(await remote.file(sourceFile('a')))).toMatchObject({ message: 'Round 11.' })
})

it('ten thousand resources do not hold anything else up', async () => {
  const resources = Array.from({ length: 10_000 }, (_, index) => status(`source-${index}`))
  const longest = await longestHold(async () => {
    await publish(...resources)
    await publish(...resources.map((each, index) => (index % 100 === 0 ? { ...each, message: 'Other.' } : each)))
  })
  expect((await remote.files()).length).toBe(10_002)
  expect(longest).toBeLessThan(100)
}, 60_000)
