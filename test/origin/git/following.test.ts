import { describe, expect, test } from 'vitest'
import { sourceText } from '../../manifest/texts.ts'
import { namesOf, problemsOf } from '../watched-directory.ts'
import { FollowedRepository } from './followed-repository.ts'
import { HttpGitServer } from './http-server.ts'
import { expectKept } from './in-force.ts'
import { Upstream } from './upstream.ts'

const source = (name: string): Record<string, string> => ({ [`${name}.yaml`]: sourceText(name) })

describe('what is followed', () => {
  test('the default branch, under its own name', async () => {
    await using upstream = await Upstream.create('--initial-branch=trunk')
    const commit = await upstream.commit(source('a'), { branch: 'trunk' })
    await using followed = await FollowedRepository.open(upstream.path)
    const snapshot = await followed.read()
    expect(snapshot).toMatchObject({ revision: `trunk@sha1:${commit}`, problems: [], complete: true })
    expect(namesOf(snapshot)).toEqual(['a'])
  })

  test('manifests, and no tests of workflows', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit({ 'a.yaml': sourceText('a'), 'b.test.yaml': 'spec: [', 'c/d.test.yml': sourceText('d') })
    await using followed = await FollowedRepository.open(upstream.path)
    const snapshot = await followed.read()
    expect([namesOf(snapshot), snapshot.problems]).toEqual([['a'], []])
  })

  test('the default branch keeps its name when the server is away at the next start', async () => {
    await using upstream = await Upstream.create('--initial-branch=trunk')
    const commit = await upstream.commit(source('a'), { branch: 'trunk' })
    await using server = await HttpGitServer.start({ root: upstream.root })
    await using first = await FollowedRepository.open(server.url())
    await first.read()
    await server.down()
    await using followed = await first.restart()
    expect(await followed.read()).toMatchObject({ revision: `trunk@sha1:${commit}` })
  })

  test('another branch becomes the default one', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit(source('a'))
    await using followed = await FollowedRepository.open(upstream.path)
    await followed.read()
    const commit = await upstream.commit(source('b'), { branch: 'trunk', isOrphan: true })
    await upstream.git('symbolic-ref', 'HEAD', 'refs/heads/trunk')
    const snapshot = await followed.read()
    expect(snapshot.revision).toBe(`trunk@sha1:${commit}`)
    expect(namesOf(snapshot)).toEqual(['b'])
  })

  test('a repository whose HEAD is a commit', async () => {
    await using upstream = await Upstream.create()
    const commit = await upstream.commit(source('a'))
    await upstream.git('update-ref', '--no-deref', 'HEAD', commit)
    await using followed = await FollowedRepository.open(upstream.path)
    expect(await followed.read()).toMatchObject({ revision: `HEAD@sha1:${commit}`, problems: [] })
  })

  test('a branch, whatever the default one does', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit(source('a'))
    const commit = await upstream.commit(source('b'), { branch: 'team/live', isOrphan: true })
    await using followed = await FollowedRepository.open(upstream.path, { ref: { branch: 'team/live' } })
    const snapshot = await followed.read()
    expect(snapshot.revision).toBe(`team/live@sha1:${commit}`)
    expect(namesOf(snapshot)).toEqual(['b'])
    await upstream.commit(source('c'))
    expect(namesOf(await followed.read())).toEqual(['b'])
    await upstream.commit(source('d'), { branch: 'team/live' })
    expect(namesOf(await followed.read())).toEqual(['b', 'd'])
  })

  test.each(['plain', 'annotated'])('a %s tag', async (kind) => {
    await using upstream = await Upstream.create()
    const commit = await upstream.commit(source('a'))
    await upstream.git('tag', ...(kind === 'plain' ? [] : ['-a', '-m', 'Release']), 'v1', 'main')
    await upstream.commit(source('b'))
    await using followed = await FollowedRepository.open(upstream.path, { ref: { tag: 'v1' } })
    const snapshot = await followed.read()
    expect(snapshot.revision).toBe(`v1@sha1:${commit}`)
    expect(namesOf(snapshot)).toEqual(['a'])
  })

  test('a commit by its id, which has no other name and is not asked for again', async () => {
    await using upstream = await Upstream.create()
    const commit = await upstream.commit(source('a'))
    await upstream.commit(source('b'))
    await using server = await HttpGitServer.start({ root: upstream.root })
    await using followed = await FollowedRepository.open(server.url(), { ref: { commit } })
    const snapshot = await followed.read()
    expect(snapshot.revision).toBe(`sha1:${commit}`)
    expect(namesOf(snapshot)).toEqual(['a'])
    const asked = server.requests.length
    expect(await followed.read()).toMatchObject({ problems: [] })
    expect(server.requests).toHaveLength(asked)
  })

  test('a tag of something else than a commit is refused', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit(source('a'))
    await upstream.git('tag', 'odd', 'main:a.yaml')
    await using followed = await FollowedRepository.open(upstream.path, { ref: { tag: 'odd' } })
    expect(await followed.read()).toMatchObject({
      manifests: [],
      complete: false,
      problems: [{ code: 'git_ref_missing' }],
    })
  })

  test('a repository without commits is waited for', async () => {
    await using upstream = await Upstream.create()
    await using followed = await FollowedRepository.open(upstream.path)
    await using named = await FollowedRepository.open(upstream.path, { ref: { branch: 'main' } })
    for (const each of [followed, named]) {
      expect(await each.read()).toMatchObject({
        manifests: [],
        complete: false,
        problems: [{ code: 'git_ref_missing' }],
      })
    }
    const commit = await upstream.commit(source('a'))
    for (const each of [followed, named]) {
      expect(await each.read()).toMatchObject({ revision: `main@sha1:${commit}`, problems: [], complete: true })
    }
  })

  test('only what lies below the path counts', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit({
      'live/eu/a.yaml': sourceText('a'),
      'live/b.json': JSON.stringify({ apiVersion: 'x' }),
      'live2/c.yaml': sourceText('c'),
      'd.yaml': sourceText('d'),
    })
    await using followed = await FollowedRepository.open(upstream.path, { path: 'live' })
    const snapshot = await followed.read()
    expect(namesOf(snapshot)).toEqual(['a'])
    expect(snapshot.manifests.map(({ at }) => at.file)).toEqual(['eu/a.yaml'])
    expect([...snapshot.brokenFiles]).toEqual(['b.json'])
    expect(snapshot.complete).toBe(true)
  })

  test.each(['-odd', 'a b', '*', ':(top)x', 'größe'])('a path named %s', async (path) => {
    await using upstream = await Upstream.create()
    await upstream.commit({ [`${Buffer.from(path).toString('latin1')}/deep/a.yaml`]: sourceText('a'), 'b.yaml': '' })
    await using followed = await FollowedRepository.open(upstream.path, { path: `${path}/deep` })
    expect(namesOf(await followed.read())).toEqual(['a'])
  })

  test('hidden files, installed packages and other files are not manifests', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit({
      'a.yaml': { executable: sourceText('a') },
      '.hidden.yaml': 'x',
      '.github/w.yaml': 'x',
      'node_modules/p/x.yaml': 'x',
      'x.yaml~': 'x',
      'README.md': 'x',
    })
    await using followed = await FollowedRepository.open(upstream.path)
    const snapshot = await followed.read()
    expect(namesOf(snapshot)).toEqual(['a'])
    expect(problemsOf(snapshot)).toEqual([])
  })
})

describe('what is read', () => {
  test('a change of one file reads and parses that file alone', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit({ ...source('a'), ...source('b'), ...source('c') })
    await using followed = await FollowedRepository.open(upstream.path)
    await followed.read()
    expect(followed.parsed.toSorted()).toEqual(['a.yaml', 'b.yaml', 'c.yaml'])
    followed.parsed.length = 0
    const commit = await upstream.commit({ 'b.yaml': sourceText('b2'), 'c.yaml': undefined })
    const snapshot = await followed.read()
    expect(snapshot.revision).toBe(`main@sha1:${commit}`)
    expect(namesOf(snapshot)).toEqual(['a', 'b2'])
    expect(followed.parsed).toEqual(['b.yaml'])
  })

  test('the clone holds the contents of manifests, and of nothing else', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit({
      'live/a.yaml': sourceText('a'),
      'live/big.bin': 'x'.repeat(1_000),
      'b.yaml': sourceText('b'),
    })
    await using followed = await FollowedRepository.open(`file://${upstream.path}`, { path: 'live' })
    await followed.read()
    expect(await contentsIn(followed, upstream, 'live/a.yaml')).toBe(true)
    expect(await contentsIn(followed, upstream, 'live/big.bin')).toBe(false)
    expect(await contentsIn(followed, upstream, 'b.yaml')).toBe(false)
  })

  test('history is not fetched', async () => {
    await using upstream = await Upstream.create()
    const first = await upstream.commit(source('a'))
    await upstream.commit(source('b'))
    await using followed = await FollowedRepository.open(upstream.path)
    await followed.read()
    const commit = await upstream.commit(source('c'))
    expect(await followed.read()).toMatchObject({ revision: `main@sha1:${commit}` })
    await expect(followed.git('cat-file', '-e', first)).rejects.toThrow()
  })

  test('a commit that changes nothing below the path wakes nothing', async () => {
    await using upstream = await Upstream.create()
    const commit = await upstream.commit({ 'live/a.yaml': sourceText('a'), 'other/x.txt': '1' })
    await using followed = await FollowedRepository.open(upstream.path, { path: 'live' })
    followed.watch()
    await followed.until(({ complete }) => complete)
    await upstream.commit({ 'other/x.txt': '2', 'y.yaml': sourceText('y') })
    await upstream.commit({}, { message: 'nothing at all' })
    expect(await followed.read()).toMatchObject({ revision: `main@sha1:${commit}` })
    const after = await upstream.commit({ 'live/b.yaml': sourceText('b') })
    followed.origin.wake()
    await followed.until(({ revision }) => revision === `main@sha1:${after}`)
    expect(followed.snapshots).toHaveLength(2)
  })

  test('a commit that changes other files below the path reads nothing', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit({ ...source('a'), 'notes.md': '1' })
    await using followed = await FollowedRepository.open(upstream.path)
    const before = await followed.read()
    await upstream.commit({ 'notes.md': '2' })
    const after = await followed.read()
    expect(after.manifests).toEqual(before.manifests)
    expect(followed.parsed).toEqual(['a.yaml'])
  })

  test('a thousand files come in one exchange for contents', async () => {
    await using upstream = await Upstream.create()
    const names = Array.from({ length: 1_000 }, (_, index) => `s-${index}`)
    await upstream.commit(Object.fromEntries(names.map((name) => [`${name}.yaml`, sourceText(name)])))
    await using server = await HttpGitServer.start({ root: upstream.root })
    await using followed = await FollowedRepository.open(server.url())
    const snapshot = await followed.read()
    expect(snapshot).toMatchObject({ problems: [], complete: true })
    expect(namesOf(snapshot)).toEqual(names.toSorted())
    expect(server.requests.length).toBeLessThan(15)
  })

  test('a broken file keeps what it declared, a renamed one is no deletion', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit({ ...source('a'), ...source('b') })
    await using followed = await FollowedRepository.open(upstream.path)
    await followed.read()
    await upstream.commit({ 'a.yaml': 'spec: [', 'b.yaml': undefined, 'sub/renamed.yaml': sourceText('b') })
    const broken = await followed.read()
    expect(namesOf(broken)).toEqual(['a', 'b'])
    expect([...broken.brokenFiles]).toEqual(['a.yaml'])
    expect(broken.complete).toBe(true)
    await upstream.commit({ 'a.yaml': undefined })
    expect(namesOf(await followed.read())).toEqual(['b'])
  })
})

describe('when it is looked', () => {
  test('every interval, without any wake-up', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit(source('a'))
    await using followed = await FollowedRepository.open(upstream.path, { intervalMs: 50 })
    followed.watch()
    await followed.until(({ complete }) => complete)
    const commit = await upstream.commit(source('b'))
    await followed.until(({ revision }) => revision === `main@sha1:${commit}`)
  })

  test('once for several who read in a row', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit(source('a'))
    await using server = await HttpGitServer.start({ root: upstream.root })
    await using followed = await FollowedRepository.open(server.url())
    const first = await followed.read()
    const asked = server.requests.length
    const { signal } = new AbortController()
    expect(await followed.origin.read(signal)).toMatchObject({ revision: first.revision, problems: [] })
    expect(server.requests).toHaveLength(asked)
  })

  test('again after a wake-up that came while it was looked', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit(source('a'))
    await using server = await HttpGitServer.start({ root: upstream.root })
    await using followed = await FollowedRepository.open(server.url())
    server.fault = ({ isTransfer }) => {
      if (isTransfer) followed.origin.wake()
      return false
    }
    await followed.read()
    await upstream.commit(source('b'))
    expect(namesOf(await followed.origin.read(new AbortController().signal))).toEqual(['a', 'b'])
  })

  test('not any more after it was closed, which may be done twice', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit(source('a'))
    await using followed = await FollowedRepository.open(upstream.path)
    followed.watch()
    await followed.until(({ complete }) => complete)
    await followed.origin[Symbol.asyncDispose]()
    await followed.origin[Symbol.asyncDispose]()
    await expect(followed.read()).rejects.toThrow()
    const later = followed.origin.snapshots(new AbortController().signal)[Symbol.asyncIterator]()
    expect(await later.next()).toMatchObject({ done: true })
  })
})

describe('history that is not a straight line', () => {
  test('a forced push is a commit like any other', async () => {
    await using upstream = await Upstream.create()
    const first = await upstream.commit(source('a'))
    await upstream.commit(source('b'))
    await using followed = await FollowedRepository.open(upstream.path)
    expect(namesOf(await followed.read())).toEqual(['a', 'b'])
    await upstream.force('main', first)
    const back = await followed.read()
    expect(back).toMatchObject({ revision: `main@sha1:${first}`, problems: [], complete: true })
    expect(namesOf(back)).toEqual(['a'])
  })

  test('so is a history that was rewritten from its first commit', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit({ ...source('a'), ...source('b') })
    await using followed = await FollowedRepository.open(upstream.path)
    await followed.read()
    const commit = await upstream.commit({ ...source('b'), ...source('c') }, { isOrphan: true })
    await upstream.git('reflog', 'expire', '--expire=now', '--all')
    await upstream.git('gc', '--quiet', '--prune=now')
    const snapshot = await followed.read()
    expect(snapshot).toMatchObject({ revision: `main@sha1:${commit}`, problems: [], complete: true })
    expect(namesOf(snapshot)).toEqual(['b', 'c'])
    expect(followed.parsed.toSorted()).toEqual(['a.yaml', 'b.yaml', 'c.yaml'])
  })

  test('a branch that was deleted leaves everything in force, and comes back', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit(source('a'), { branch: 'live' })
    await using followed = await FollowedRepository.open(upstream.path, { ref: { branch: 'live' } })
    const before = await followed.read()
    await upstream.deleteBranch('live')
    expectKept(before, await followed.read(), 'git_ref_missing')
    await using again = await followed.restart()
    expectKept(before, await again.read(), 'git_ref_missing')
    const commit = await upstream.commit(source('b'), { branch: 'live' })
    expect(await again.read()).toMatchObject({ revision: `live@sha1:${commit}`, problems: [] })
  })

  test.each([
    ['moved', { 'live/a.yaml': undefined, 'moved/a.yaml': sourceText('a') }],
    ['made a file', { 'live/a.yaml': undefined, live: 'text' }],
    ['made a link', { 'live/a.yaml': undefined, 'moved/a.yaml': sourceText('a'), live: { link: 'moved' } }],
    ['made a submodule', { 'live/a.yaml': undefined, live: { submodule: '1'.repeat(40) } }],
  ])('a path that was %s leaves everything in force, also after a restart', async (_, change) => {
    await using upstream = await Upstream.create()
    await upstream.commit({ 'live/a.yaml': sourceText('a'), 'x.txt': '' })
    await using followed = await FollowedRepository.open(upstream.path, { path: 'live' })
    const before = await followed.read()
    await upstream.commit(change)
    expectKept(before, await followed.read(), 'git_path_missing')
    await using again = await followed.restart()
    expectKept(before, await again.read(), 'git_path_missing')
  })

  test('two hundred commits in a burst, each with its wake-up, end on the last one in few snapshots', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit(source('a'))
    await using followed = await FollowedRepository.open(upstream.path)
    followed.watch()
    await followed.until(({ complete }) => complete)
    let last = ''
    for (let count = 1; count <= 200; count += 1) {
      last = await upstream.commit({ 'a.yaml': sourceText(`a-${count}`) })
      followed.origin.wake()
    }
    const snapshot = await followed.until(({ revision }) => revision === `main@sha1:${last}`, 50_000)
    expect(namesOf(snapshot)).toEqual(['a-200'])
    expect(followed.snapshots.length).toBeLessThan(120)
  }, 60_000)
})

/** Whether the clone holds the content of a file of `main`. */
async function contentsIn(followed: FollowedRepository, upstream: Upstream, name: string): Promise<boolean> {
  const oid = await upstream.git('rev-parse', `main:${name}`)
  return await followed.git('cat-file', '-e', oid).then(
    () => true,
    () => false,
  )
}
