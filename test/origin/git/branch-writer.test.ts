import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BranchChange, BranchContent } from '../../../src/origin/git/branch-writer.ts'
import { FakeClock } from '../../fake-clock.ts'
import { sourceText } from '../../manifest/texts.ts'
import { FollowedRepository } from './followed-repository.ts'
import { HttpGitServer } from './http-server.ts'
import { BRANCH, StatusRemote } from './status-remote.ts'
import { run } from './upstream.ts'

const signal = new AbortController().signal
const clock = new FakeClock()
let remote: StatusRemote
beforeEach(async () => {
  remote = await StatusRemote.create()
})
afterEach(() => remote[Symbol.asyncDispose]())

function change(
  files: Readonly<Record<string, string>>,
  removed: readonly string[] = [],
  message = 'a change',
): BranchChange {
  return { files: new Map(Object.entries(files)), removed, message: `${message}\n` }
}

function texts({ files }: BranchContent): Record<string, string> {
  return Object.fromEntries([...files].map(([path, bytes]) => [path, Buffer.from(bytes).toString('utf8')]))
}

/** So many commits by one writer, a file each. */
async function write(name: string, count: number, maxCommits: number): Promise<void> {
  const writer = remote.writer(name, clock, { maxCommits })
  await writer.read(signal)
  for (let number = 1; number <= count; number += 1) {
    expect(await writer.commit(change({ [`${name}-${number}`]: `${number}` }, [], `${name} ${number}`), signal)).toBe(
      true,
    )
  }
}

describe('a branch', () => {
  it('is made by the first commit, with no past of its own or anybody else’s', async () => {
    await remote.commit({ 'a.yaml': 'kind: A\n' }, 'main')
    const writer = remote.writer('one', clock)
    expect(await writer.read(signal)).toEqual({ files: new Map() })
    expect(await writer.commit(change({ 'status/a.yaml': 'ä: "1"\n', 'README.md': 'line\n\nline' }), signal)).toBe(true)
    expect(await remote.files()).toEqual(['README.md', 'status/a.yaml'])
    expect([await remote.file('status/a.yaml'), await remote.file('README.md')]).toEqual(['ä: "1"', 'line\n\nline'])
    expect(await remote.subjects()).toEqual(['a change'])
    expect(await remote.git('log', '--format=%an <%ae> %ct', BRANCH)).toBe(
      `Hermes <hermes@localhost> ${clock.now() / 1_000}`,
    )
    await remote.git('fsck', '--strict')
  })

  it('is read as it is, by whoever comes next', async () => {
    const writer = remote.writer('one', clock)
    await writer.read(signal)
    await writer.commit(change({ a: '1', b: '2' }), signal)
    await writer.commit(change({ b: '3', c: '4' }, ['a', 'never there'], 'another'), signal)
    for (const name of ['one', 'two']) {
      const content = await remote.writer(name, clock).read(signal)
      expect(texts(content)).toEqual({ b: '3', c: '4' })
      expect(content.committedAt).toBe(clock.now())
    }
    expect(await remote.subjects()).toEqual(['another', 'a change'])
  })

  it('carries the author that is wanted', async () => {
    const writer = remote.writer('one', clock, { author: 'Data Team <data@example.com>' })
    await writer.read(signal)
    await writer.commit(change({ a: '1' }), signal)
    expect(await remote.git('log', '--format=%an <%ae> %cn <%ce>', BRANCH)).toBe(
      'Data Team <data@example.com> Data Team <data@example.com>',
    )
  })

  it('takes ten thousand files in one commit', async () => {
    const writer = remote.writer('one', clock)
    await writer.read(signal)
    const names = Array.from({ length: 10_000 }, (_, index) => `status/SourceDefinition/source-${index}.yaml`)
    await writer.commit(change(Object.fromEntries(names.map((name) => [name, `name: ${name}\n`]))), signal)
    expect((await remote.files()).length).toBe(10_000)
    expect((await remote.writer('two', clock).read(signal)).files.size).toBe(10_000)
  })
})

describe('somebody else was faster', () => {
  it('with a commit: it is read again and gone on from', async () => {
    const writer = remote.writer('one', clock)
    await writer.read(signal)
    await writer.commit(change({ a: '1' }), signal)
    await remote.commit({ note: 'mine' })
    expect(await writer.commit(change({ a: '2' }), signal)).toBe(false)
    expect(texts(await writer.read(signal))).toEqual({ a: '1', note: 'mine' })
    expect(await writer.commit(change({ a: '2' }), signal)).toBe(true)
    expect(await remote.subjects()).toEqual(['a change', 'by somebody else', 'a change'])
    expect(await remote.file('note')).toBe('mine')
  })

  it('with the first commit', async () => {
    const writer = remote.writer('one', clock)
    await writer.read(signal)
    await remote.commit({ note: 'mine' })
    expect(await writer.commit(change({ a: '1' }), signal)).toBe(false)
    expect(await remote.subjects()).toEqual(['by somebody else'])
  })

  it('while the server takes the push', async () => {
    await remote.commit({ note: 'mine' })
    const writer = remote.writer('one', clock)
    await writer.read(signal)
    await remote.commit({ a: 'of somebody else' }, 'other')
    const other = await remote.git('rev-parse', 'other')
    await remote.hook('update', `test -e done || { touch done; git update-ref refs/heads/${BRANCH} ${other}; }`)
    expect(await writer.commit(change({ a: '1' }), signal)).toBe(false)
    expect(await remote.git('rev-parse', BRANCH)).toBe(other)
    expect(texts(await writer.read(signal))).toEqual({ a: 'of somebody else' })
    expect(await writer.commit(change({ a: '1' }), signal)).toBe(true)
  })

  it('and took the branch away: it is made again', async () => {
    const writer = remote.writer('one', clock)
    await writer.read(signal)
    await writer.commit(change({ a: '1' }), signal)
    await remote.git('update-ref', '-d', `refs/heads/${BRANCH}`)
    expect(await writer.commit(change({ b: '2' }), signal)).toBe(true)
    expect(await remote.files()).toEqual(['a', 'b'])
  })

  it('and put another history in its place', async () => {
    const writer = remote.writer('one', clock)
    await writer.read(signal)
    await writer.commit(change({ a: '1' }), signal)
    await remote.git('update-ref', '-d', `refs/heads/${BRANCH}`)
    await remote.commit({ b: '2' })
    expect(await writer.commit(change({ a: '3' }), signal)).toBe(false)
    expect(texts(await writer.read(signal))).toEqual({ b: '2' })
  })
})

describe('a long history', () => {
  it('becomes one commit that holds the same files', async () => {
    await write('one', 4, 3)
    expect(await remote.subjects()).toEqual(['one 4'])
    expect(await remote.files()).toEqual(['one-1', 'one-2', 'one-3', 'one-4'])
    expect(await remote.git('log', '--format=%b', BRANCH)).toBe('The 3 commits before this one are folded into it.')
    await write('one', 2, 3)
    expect(await remote.subjects()).toEqual(['one 2', 'one 1', 'one 4'])
    await remote.git('fsck', '--strict')
  })

  it('of another writer too, however long', async () => {
    await write('one', 6, 100)
    await write('two', 1, 3)
    expect(await remote.subjects()).toEqual(['two 1'])
    expect((await remote.files()).length).toBe(7)
  })

  it('never replaces what somebody else has just added', async () => {
    const writer = remote.writer('one', clock, { maxCommits: 1 })
    await writer.read(signal)
    await writer.commit(change({ a: '1' }), signal)
    await remote.commit({ note: 'mine' })
    expect(await writer.commit(change({ a: '2' }), signal)).toBe(false)
    expect(await remote.subjects()).toEqual(['by somebody else', 'a change'])
  })

  it('grows where the server forbids to replace it', async () => {
    await remote.git('config', 'receive.denyNonFastForwards', 'true')
    await write('one', 4, 2)
    expect(await remote.subjects()).toEqual(['one 4', 'one 3', 'one 2', 'one 1'])
  })
})

describe('trouble', () => {
  it('with the server is told, and over when it is', async () => {
    const writer = remote.writer('one', clock)
    await remote.goAway()
    await expect(writer.read(signal)).rejects.toMatchObject({ code: 'git_repository_missing' })
    await remote.comeBack()
    await writer.read(signal)
    await remote.goAway()
    await expect(writer.commit(change({ a: '1' }), signal)).rejects.toMatchObject({ code: 'git_repository_missing' })
    await remote.comeBack()
    await writer.read(signal)
    expect(await writer.commit(change({ a: '1' }), signal)).toBe(true)
  })

  it('with a rule of the server is told in its words', async () => {
    await remote.hook('pre-receive', 'echo "error: this branch is protected" >&2; exit 1')
    const writer = remote.writer('one', clock)
    await writer.read(signal)
    await expect(writer.commit(change({ a: '1' }), signal)).rejects.toMatchObject({
      code: 'git_push_refused',
      message: `push ${BRANCH}: pre-receive hook declined: error: this branch is protected`,
    })
    expect(await remote.subjects()).toEqual([])
  })

  it.each(['HEAD', 'objects'])('with %s of its own repository is mended', async (part) => {
    const writer = remote.writer('one', clock)
    await writer.read(signal)
    await writer.commit(change({ a: '1' }), signal)
    await rm(join(remote.home('one'), 'clone', part), { recursive: true })
    await writeFile(join(remote.home('one'), 'clone', part), 'rubbish')
    const again = remote.writer('one', clock)
    await expect(again.read(signal)).rejects.toMatchObject({ code: 'git_failed' })
    expect(texts(await again.read(signal))).toEqual({ a: '1' })
    expect(await again.commit(change({ a: '2' }), signal)).toBe(true)
  })

  it('with a lock that a killed process left is mended', async () => {
    const writer = remote.writer('one', clock)
    await writer.read(signal)
    await writer.commit(change({ a: '1' }), signal)
    await writeFile(join(remote.home('one'), 'clone/refs/hermes/next.lock'), '')
    await expect(writer.commit(change({ a: '2' }), signal)).rejects.toMatchObject({ code: 'git_failed' })
    expect(texts(await writer.read(signal))).toEqual({ a: '1' })
    expect(await writer.commit(change({ a: '2' }), signal)).toBe(true)
  })

  it('of being asked to write to the branch that is followed is refused', async () => {
    await remote.git('symbolic-ref', 'HEAD', `refs/heads/${BRANCH}`)
    await remote.commit({ 'a.yaml': 'kind: A\n' })
    const writer = remote.writer('one', clock, { followsDefault: true })
    await expect(writer.read(signal)).rejects.toMatchObject({ code: 'setting_invalid' })
    expect(await remote.subjects()).toEqual(['by somebody else'])
  })
})

describe('over http', () => {
  const auth = 'x-access-token:a-token-that-may-write'
  const token = 'a-token-that-may-write'
  let server: HttpGitServer
  beforeEach(async () => {
    await remote.git('config', 'http.receivepack', 'true')
    server = await HttpGitServer.start({ root: remote.upstream.root, auth })
  })
  afterEach(() => server[Symbol.asyncDispose]())

  it('it is written with the credentials of the repository, which stay where they belong', async () => {
    const repository = remote.repository('one', server.url(), { token })
    const writer = remote.writer('one', clock, { repository })
    await writer.read(signal)
    await writer.commit(change({ a: '1' }), signal)
    await remote.commit({ note: 'mine' })
    expect(await writer.commit(change({ a: '2' }), signal)).toBe(false)
    await writer.read(signal)
    expect(await writer.commit(change({ a: '2' }), signal)).toBe(true)
    expect(await remote.subjects()).toEqual(['a change', 'by somebody else', 'a change'])
    expect([...server.credentials]).toEqual([auth])
    expect(await run('grep', ['-r', token, remote.home('one')]).catch(() => 'nowhere')).toBe('nowhere')
    expect(await readdir(remote.home('one'))).toEqual(['clone'])
  })

  it('a refusal and an outage are told without the credentials', async () => {
    const wrong = remote.writer('one', clock, {
      repository: remote.repository('one', server.url(), { token: 'guessed-it' }),
    })
    const refused = await wrong.read(signal).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'git_unauthorized', message: expect.not.stringContaining('guessed-it') })
    const writer = remote.writer('two', clock, { repository: remote.repository('two', server.url(), { token }) })
    await writer.read(signal)
    await server.down()
    const unheard = await writer.commit(change({ a: '1' }), signal).catch((error: unknown) => error)
    expect(unheard).toMatchObject({ code: 'git_unreachable', message: expect.not.stringContaining(token) })
    await server.up()
    await writer.read(signal)
    expect(await writer.commit(change({ a: '1' }), signal)).toBe(true)
  })
})

it.each([{}, { ref: { branch: 'main' } }])('wakes nobody who follows the manifests beside it: %o', async (options) => {
  await remote.commit({ 'a.yaml': sourceText('a') }, 'main')
  await using followed = await FollowedRepository.open(remote.upstream.path, options)
  followed.watch()
  await followed.until(({ manifests }) => manifests.length === 1)
  const writer = remote.writer('one', clock)
  await writer.read(signal)
  for (const text of ['1', '2']) {
    await writer.commit(change({ 'status/a.yaml': sourceText(`s${text}`) }), signal)
    await followed.read()
  }
  await remote.commit({ 'b.yaml': sourceText('b') }, 'main')
  followed.origin.wake()
  await followed.until(({ manifests }) => manifests.length === 2)
  expect(followed.snapshots.map(({ manifests }) => manifests.length)).toEqual([1, 2])
})

it('leaves nothing half made behind', async () => {
  const writer = remote.writer('one', clock)
  await writer.read(signal)
  await writer.commit(change({ a: '1' }), signal)
  expect(await readdir(remote.home('one'))).toEqual(['clone'])
})

it('ends at once when it is told to', async () => {
  const stop = new AbortController()
  stop.abort(new Error('enough'))
  await expect(remote.writer('one', clock).read(stop.signal)).rejects.toThrow('enough')
})
