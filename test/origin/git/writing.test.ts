import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { judgePush } from '../../../src/origin/git/push-answer.ts'
import { definitionText, sourceText } from '../../manifest/texts.ts'
import { namesOf } from '../watched-directory.ts'
import { HttpGitServer } from './http-server.ts'
import { Upstream } from './upstream.ts'
import { WritingWorld } from './writing-world.ts'

const two = `# about a\n${sourceText('a')}---\n# about b\n${sourceText('b')}`
const A = 'SourceDefinition/a'

async function hook(upstream: Upstream, name: string, script: string): Promise<void> {
  const path = join(upstream.path, 'hooks', name)
  await mkdir(join(upstream.path, 'hooks'), { recursive: true })
  await writeFile(path, `#!/bin/sh\n${script}\n`)
  await chmod(path, 0o755)
}

describe('each change is one commit on the newest of the branch', () => {
  it('an added resource: its file, a message, an author, and nothing else', async () => {
    await using world = await WritingWorld.create(
      { 'README.md': 'of the team\n' },
      { author: 'Data <data@example.com>' },
    )
    expect(await world.files.add(`# about a\n${sourceText('a')}`)).toEqual([
      { file: 'source-definition-a.yaml', key: A, action: 'added' },
    ])
    expect(await world.text('source-definition-a.yaml')).toBe(`# about a\n${sourceText('a')}`)
    expect([...(await world.tree()).keys()]).toEqual(['README.md', 'source-definition-a.yaml'])
    expect(await world.messages()).toEqual(['Begin', 'Add SourceDefinition/a'])
    expect(await world.upstream.git('log', '-1', '--format=%an <%ae> %cn <%ce>', 'main')).toBe(
      'Data <data@example.com> Data <data@example.com>',
    )
    await world.upstream.git('fsck', '--strict')
  })

  it('several resources are one commit that names all of them', async () => {
    await using world = await WritingWorld.create({ 'source-definition-a.yaml': 'kind: Other\n' })
    const writes = await world.files.add(two)
    expect(writes.map(({ file }) => file)).toEqual(['source-definition-a-2.yaml', 'source-definition-b.yaml'])
    expect(await world.messages()).toEqual([
      'Begin',
      'Add SourceDefinition/a and 1 more\n\nSourceDefinition/a\nSourceDefinition/b',
    ])
    const slower = two.replaceAll('15m', '30m')
    expect(await world.files.update(slower)).toMatchObject([{ action: 'updated' }, { action: 'updated' }])
    expect(await world.messages()).toHaveLength(3)
    expect(namesOf(await world.followed.read())).toEqual(['a', 'b'])
  })

  it('an update leaves neighbours, comments and the mode as they are', async () => {
    await using world = await WritingWorld.create({ 'dir/both.yaml': { executable: two } })
    const changed = sourceText('b', '  params: { x: 1 }\n')
    expect(await world.files.update(changed)).toEqual([
      { file: 'dir/both.yaml', key: 'SourceDefinition/b', action: 'updated' },
    ])
    expect(await world.text('dir/both.yaml')).toBe(two.replace(sourceText('b'), changed))
    expect((await world.tree()).get('dir/both.yaml')).toMatch(/^100755 /)
    expect((await world.messages()).at(-1)).toBe('Update SourceDefinition/b')
  })

  it('suspending and resuming; what is so already makes no commit', async () => {
    await using world = await WritingWorld.create({ 'both.yaml': two })
    await world.files.suspend(A, true)
    expect(await world.files.suspend(A, true)).toMatchObject({ action: 'unchanged' })
    expect(await world.files.update(sourceText('b'))).toMatchObject([{ action: 'unchanged' }])
    expect(await world.text('both.yaml')).toContain('# about a\n')
    await world.files.suspend(A, false)
    expect(await world.messages()).toEqual(['Begin', `Suspend ${A}`, `Resume ${A}`])
    expect(await world.text('both.yaml')).toContain('suspend: false')
  })

  it('a deleted resource, and its file with the last one', async () => {
    await using world = await WritingWorld.create({ 'both.yaml': two, 'c.yaml': sourceText('c') })
    await world.files.delete(A)
    expect(await world.text('both.yaml')).toBe(`# about a\n---\n# about b\n${sourceText('b')}`)
    await world.files.delete('SourceDefinition/b')
    expect([...(await world.tree()).keys()]).toEqual(['c.yaml'])
    expect((await world.messages()).slice(1)).toEqual([`Delete ${A}`, 'Delete SourceDefinition/b'])
    await expect(world.files.delete(A)).rejects.toMatchObject({ code: 'not_found' })
  })

  it('calls at the same time run one after another', async () => {
    await using world = await WritingWorld.create({ 'both.yaml': two })
    await Promise.all([
      world.files.suspend(A, true),
      world.files.delete('SourceDefinition/b'),
      world.files.add(sourceText('c')),
    ])
    expect((await world.messages()).slice(1)).toEqual([
      `Suspend ${A}`,
      'Delete SourceDefinition/b',
      'Add SourceDefinition/c',
    ])
    expect(world.pushes).toBe(3)
  })

  it('nothing is committed when anything is wrong', async () => {
    await using world = await WritingWorld.create({
      'a.yaml': sourceText('a'),
      'list.yaml': definitionText('q', '{ s: [X] }'),
    })
    await expect(world.files.add(`${sourceText('x')}---\n${sourceText('a')}`)).rejects.toMatchObject({
      code: 'already_exists',
      message: `${A} exists in a.yaml:1`,
    })
    await expect(world.files.add(`${sourceText('x')}  nope: 1\n`)).rejects.toMatchObject({ code: 'unknown_field' })
    await expect(world.files.delete('SourceDefinition/q-x')).rejects.toMatchObject({ code: 'generated' })
    expect([await world.messages(), world.pushes]).toEqual([['Begin'], 0])
  })
})

describe('in the repository', () => {
  it('files are named below the path, and what lies beside it is left alone, unread', async () => {
    const beside = {
      'docs/large.bin': 'x'.repeat(100_000),
      'ops/run.sh': { executable: 'true\n' },
      now: { link: 'docs' },
    }
    await using world = await WritingWorld.create(
      {
        ...beside,
        'live/all.yaml': definitionText('q', '{ from: ../lists/t.csv }'),
        'live/lists/t.csv': 'symbol\nX\n',
      },
      { path: 'live' },
    )
    const before = await world.tree()
    const list = definitionText('more', '{ from: lists/t.csv }')
    expect(await world.files.add(list)).toMatchObject([{ file: 'source-definition-more.yaml' }])
    const after = new Map(await world.tree())
    expect(after.delete('live/source-definition-more.yaml')).toBe(true)
    expect(after).toEqual(before)
    const large = before.get('docs/large.bin')?.split(' ')[2] ?? ''
    expect(await world.followed.git('cat-file', '-e', large).catch(() => 'absent')).toBe('absent')
  })

  it('the first manifest makes the path, and comes into force', async () => {
    await using world = await WritingWorld.create({ 'README.md': 'of the team\n' }, { path: 'data/live' })
    expect((await world.followed.read()).problems).toMatchObject([{ code: 'git_path_missing' }])
    expect(await world.files.add(two)).toMatchObject([{ file: 'source-definition-a.yaml' }, { action: 'added' }])
    expect([...(await world.tree()).keys()]).toEqual([
      'README.md',
      'data/live/source-definition-a.yaml',
      'data/live/source-definition-b.yaml',
    ])
    expect(await world.followed.read()).toMatchObject({ problems: [], complete: true })
    expect(await world.files.add(sourceText('c'))).toMatchObject([{ file: 'source-definition-c.yaml' }])
    await world.files.delete(A)
    expect(namesOf(await world.followed.read())).toEqual(['b', 'c'])
    await world.upstream.git('fsck', '--strict')
  })

  it('of two who add the first manifest both do', async () => {
    await using world = await WritingWorld.create({ 'README.md': 'of the team\n' }, { path: 'live' })
    world.meanwhile.push(() => world.upstream.commit({ 'live/b.yaml': sourceText('b') }))
    await world.files.add(sourceText('a'))
    expect([namesOf(await world.followed.read()), world.pushes]).toEqual([['a', 'b'], 2])
  })

  it.each([
    ['where it is a file', 'live', { live: 'text\n' }, 'live'],
    ['where a file is in the way', 'a/live', { a: 'text\n' }, 'a'],
    ['where a link is in the way', 'a/live', { a: { link: 'b' }, 'b/c': '' }, 'a'],
    ['in a submodule', 'a/live', { a: { submodule: '1'.repeat(40) } }, 'a'],
  ] as const)('the path is not made %s', async (_what, path, files, named) => {
    await using world = await WritingWorld.create(files, { path })
    await expect(world.files.add(sourceText('a'))).rejects.toMatchObject({
      code: 'git_path_missing',
      message: expect.stringContaining(`${named} is no directory in main@sha1:`),
    })
    expect([await world.messages(), world.pushes]).toEqual([['Begin'], 0])
  })

  it('a path that was moved away is not made anew: one manifest there would take the place of all', async () => {
    await using world = await WritingWorld.create({ 'live/b.yaml': sourceText('b') }, { path: 'live' })
    await world.followed.read()
    await world.upstream.commit({ 'live/b.yaml': undefined, 'moved/b.yaml': sourceText('b') })
    await expect(world.files.add(sourceText('a'))).rejects.toMatchObject({ code: 'git_path_missing' })
    await using later = await world.followed.restart()
    await expect(later.origin.newest(new AbortController().signal, true)).rejects.toMatchObject({
      code: 'git_path_missing',
    })
    expect(namesOf(await later.read())).toEqual(['b'])
  })

  it('nothing but an addition makes the path', async () => {
    await using world = await WritingWorld.create({ 'README.md': '' }, { path: 'live' })
    const refused = { code: 'git_path_missing' }
    await expect(world.files.update(sourceText('a'))).rejects.toMatchObject(refused)
    await expect(world.files.delete(A)).rejects.toMatchObject(refused)
    await expect(world.files.suspend(A, true)).rejects.toMatchObject(refused)
    expect(world.pushes).toBe(0)
  })

  it('the directory outlives its last manifest, so that the deletion comes into force', async () => {
    await using world = await WritingWorld.create({ 'live/sub/a.yaml': sourceText('a'), 'x.txt': '' }, { path: 'live' })
    await world.files.delete(A)
    expect([...(await world.tree()).keys()]).toEqual(['live/.gitkeep', 'x.txt'])
    const snapshot = await world.followed.read()
    expect([namesOf(snapshot), snapshot.problems]).toEqual([[], []])
  })

  it('a change is in force at once, whatever the interval', async () => {
    await using world = await WritingWorld.create({ 'a.yaml': sourceText('a') }, { intervalMs: 3_600_000 })
    world.followed.watch()
    await world.followed.until((snapshot) => namesOf(snapshot).length === 1)
    await world.files.add(sourceText('b'))
    const snapshot = await world.followed.until((each) => namesOf(each).length === 2)
    expect(snapshot.revision).toBe(`main@sha1:${await world.upstream.tip('main')}`)
  })

  it('nothing of it stays in the data directory, and the clone holds only what was sent to it', async () => {
    await using world = await WritingWorld.create({ 'both.yaml': two })
    await world.files.suspend(A, true)
    await world.followed.read()
    expect(await readdir(world.followed.home)).toEqual(['clone'])
    expect(await world.followed.git('count-objects')).toMatch(/^0 objects/)
    await world.files.suspend(A, false)
    await using again = await world.followed.restart()
    expect(namesOf(await again.read())).toEqual(['a', 'b'])
  })

  it('another branch than the default one is written when it is the one that is followed', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit({ 'a.yaml': sourceText('a') })
    const main = await upstream.tip('main')
    await upstream.commit({ 'a.yaml': sourceText('a') }, { branch: 'live' })
    await using world = await WritingWorld.on(upstream, { ref: { branch: 'live' } })
    await world.files.suspend(A, true)
    expect(await world.messages('live')).toEqual(['Change', `Suspend ${A}`])
    expect(await upstream.tip('main')).toBe(main)
  })

  it('a file that became a link is left to people', async () => {
    await using world = await WritingWorld.create({ 'a.yaml': sourceText('a') })
    await world.followed.read()
    await world.upstream.commit({ 'a.yaml': { link: 'real/a.yaml' }, 'real/a.yaml': sourceText('a') })
    await expect(world.files.delete(A)).rejects.toMatchObject({
      code: 'request_invalid',
      message: 'a.yaml is no file of its own in the repository',
    })
    expect(world.pushes).toBe(0)
  })
})

describe('somebody else pushes between fetch and push', () => {
  it('the change is made anew on what is there now, and both survive', async () => {
    await using world = await WritingWorld.create({ 'both.yaml': two })
    const faster = (name: string) => () =>
      world.upstream.commit({ [`${name}.yaml`]: sourceText(name) }, { message: name })
    world.meanwhile.push(faster('c'), faster('d'))
    await world.files.suspend(A, true)
    expect(await world.messages()).toEqual(['Begin', 'c', 'd', `Suspend ${A}`])
    expect(await world.upstream.git('rev-list', '--count', '--merges', 'main')).toBe('0')
    const { manifests } = await world.followed.read()
    expect(manifests.map(({ name, spec }) => [name, Object(spec).suspend])).toEqual([
      ['a', true],
      ['b', false],
      ['c', false],
      ['d', false],
    ])
  })

  it('a change of the same manifest is kept: the edit goes into the new text', async () => {
    await using world = await WritingWorld.create({ 'both.yaml': two })
    const theirs = two.replace('# about a', '# about a, by Ann').replace('15m', '45m')
    world.meanwhile.push(() => world.upstream.commit({ 'both.yaml': theirs }))
    await world.files.suspend(A, true)
    expect(await world.text('both.yaml')).toBe(theirs.replace('spec:\n', 'spec:\n  suspend: true\n'))
  })

  it('a manifest that moved is edited where it is now', async () => {
    await using world = await WritingWorld.create({ 'a.yaml': sourceText('a'), 'b.yaml': sourceText('b') })
    world.meanwhile.push(() => world.upstream.commit({ 'a.yaml': undefined, 'moved/a.yaml': sourceText('a') }))
    expect(await world.files.delete(A)).toMatchObject({ file: 'moved/a.yaml' })
    expect([...(await world.tree()).keys()]).toEqual(['b.yaml'])
  })

  it('a manifest that is gone is not found, and one that came meanwhile exists', async () => {
    await using world = await WritingWorld.create({ 'a.yaml': sourceText('a'), 'b.yaml': sourceText('b') })
    world.meanwhile.push(() => world.upstream.commit({ 'a.yaml': undefined }, { message: 'theirs' }))
    await expect(world.files.suspend(A, true)).rejects.toMatchObject({ code: 'not_found' })
    world.meanwhile.push(() => world.upstream.commit({ 'other.yaml': sourceText('c') }, { message: 'theirs too' }))
    await expect(world.files.add(sourceText('c'))).rejects.toMatchObject({ code: 'already_exists' })
    expect(await world.messages()).toEqual(['Begin', 'theirs', 'theirs too'])
  })

  it('history that was rewritten meanwhile is what counts, and what it dropped does not come back', async () => {
    await using world = await WritingWorld.create({ 'a.yaml': sourceText('a') })
    const first = (await world.upstream.tip('main')) ?? ''
    await world.upstream.commit({ 'secret.txt': 'oops' }, { message: 'Oops' })
    world.meanwhile.push(() => world.upstream.force('main', first))
    await world.files.suspend(A, true)
    expect(await world.messages()).toEqual(['Begin', `Suspend ${A}`])
  })

  it('a branch that is deleted meanwhile is not made anew', async () => {
    await using world = await WritingWorld.create({ 'a.yaml': sourceText('a') }, { ref: { branch: 'main' } })
    world.meanwhile.push(async () => {
      await world.upstream.git('branch', 'kept', 'main')
      await world.upstream.deleteBranch('main')
    })
    await expect(world.files.suspend(A, true)).rejects.toMatchObject({ code: 'git_ref_missing' })
    expect(await world.upstream.tip('main')).toBeUndefined()
  })

  it('it ends when somebody always is faster', async () => {
    await using world = await WritingWorld.create({ 'a.yaml': sourceText('a') })
    const step = (): Promise<string> => world.upstream.commit({ 'x.txt': `${world.pushes}` }, { message: 'faster' })
    world.meanwhile.push(...Array.from({ length: 20 }, () => step))
    await expect(world.files.suspend(A, true)).rejects.toMatchObject({
      code: 'git_push_refused',
      message: 'push main: somebody else was faster 6 times',
      fix: 'Try again.',
    })
    expect(new Set((await world.messages()).slice(1))).toEqual(new Set(['faster']))
  })
})

describe('what may not be pushed', () => {
  it('is refused with the words of the host, and the branch stays as it was', async () => {
    await using world = await WritingWorld.create({ 'a.yaml': sourceText('a') })
    await hook(world.upstream, 'pre-receive', 'echo "GL-HOOK-ERR: main is protected" >&2; exit 1')
    const before = await world.upstream.tip('main')
    await expect(world.files.suspend(A, true)).rejects.toMatchObject({
      code: 'git_push_refused',
      message: 'push main: pre-receive hook declined: GL-HOOK-ERR: main is protected',
    })
    expect([await world.upstream.tip('main'), world.pushes]).toEqual([before, 1])
    expect((await world.followed.read()).problems).toEqual([])
  })

  it('is refused where the credentials may only read', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit({ 'a.yaml': sourceText('a') })
    await using server = await HttpGitServer.start({ root: upstream.root, auth: 'x-access-token:to-read' })
    server.fault = ({ message }, response) => {
      if (message.url?.includes('git-receive-pack') !== true) return false
      response.writeHead(403, { 'content-type': 'text/plain' }).end('You are not allowed to push code to this project.')
      return true
    }
    await using world = await WritingWorld.on(upstream, { url: server.url(), credentials: { token: 'to-read' } })
    await expect(world.files.suspend(A, true)).rejects.toMatchObject({
      code: 'git_push_refused',
      message: 'push main: You are not allowed to push code to this project.',
    })
    expect(await world.messages()).toEqual(['Change'])
    expect(server.requests.some((each) => each.includes('git-receive-pack'))).toBe(true)
  })

  it('and over ssh, where hosts say so before Git begins', () => {
    const stderr =
      'ERROR: The key you are authenticating with has been marked as read only.\nfatal: Could not read from remote repository.\n'
    expect(() => judgePush('main', { code: 128, stdout: Buffer.alloc(0), stderr })).toThrow(
      expect.objectContaining({
        code: 'git_push_refused',
        message: 'push main: The key you are authenticating with has been marked as read only.',
      }),
    )
  })

  it('a server that is away is told as such, and nothing is half written', async () => {
    await using world = await WritingWorld.create({ 'a.yaml': sourceText('a') })
    await world.followed.read()
    world.meanwhile.push(() => world.upstream.hide())
    await expect(world.files.suspend(A, true)).rejects.toMatchObject({ code: 'git_repository_missing' })
    await world.upstream.show()
    expect(await world.messages()).toEqual(['Begin'])
    expect(await world.files.suspend(A, true)).toMatchObject({ action: 'updated' })
  })
})
