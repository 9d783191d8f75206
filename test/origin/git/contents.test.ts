import { describe, expect, test } from 'vitest'
import { sourceText } from '../../manifest/texts.ts'
import { namesOf, problemsOf } from '../watched-directory.ts'
import { FollowedRepository } from './followed-repository.ts'
import { prunable } from './in-force.ts'
import { type Entry, Upstream } from './upstream.ts'

const submodule = { submodule: '1'.repeat(40) }
const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 12\n`

/**
 * Files of a first commit, what the second changes, and what comes of it: names in force, problems, and whether the
 * snapshot is whole. Never is anything pruned.
 */
interface Case {
  readonly first: Readonly<Record<string, Entry>>
  readonly second: Readonly<Record<string, Entry>>
  readonly names: readonly string[]
  readonly problems: readonly string[]
  readonly complete?: boolean
  readonly path?: string
}

async function check({ first, second, names, problems, complete = true, path = '' }: Case): Promise<void> {
  await using upstream = await Upstream.create()
  await upstream.commit(first)
  await using followed = await FollowedRepository.open(upstream.path, { path })
  const before = await followed.read()
  expect(before).toMatchObject({ problems: [], complete: true })
  await upstream.commit(second)
  const after = await followed.read()
  expect({ names: namesOf(after), problems: problemsOf(after), complete: after.complete }).toEqual({
    names,
    problems,
    complete,
  })
  expect(prunable(before, after)).toEqual([])
  await using again = await followed.restart()
  const restarted = await again.read()
  expect(problemsOf(restarted)).toEqual(problems)
  expect(prunable(before, restarted)).toEqual([])
}

const a = { 'a.yaml': sourceText('a') }
const eu = { 'eu/x.yaml': sourceText('x'), 'eu/y.yaml': sourceText('y') }
const noEu = { 'eu/x.yaml': undefined, 'eu/y.yaml': undefined }

describe('submodules and Git LFS', () => {
  test('a directory that became a submodule: what it declared stays unknown, so nothing is pruned at all', () =>
    check({
      first: { ...a, ...eu },
      second: { ...noEu, eu: submodule },
      names: ['a'],
      problems: ['eu git_submodule'],
      complete: false,
    }))

  test('a submodule elsewhere in the repository does not matter', () =>
    check({
      first: { 'live/a.yaml': sourceText('a') },
      second: { vendor: submodule },
      names: ['a'],
      problems: [],
      path: 'live',
    }))

  test('a manifest that became a pointer to LFS keeps what it declared', () =>
    check({ first: a, second: { 'a.yaml': pointer }, names: ['a'], problems: ['a.yaml git_lfs_pointer'] }))

  test('a pointer that is no manifest does not matter', () =>
    check({ first: a, second: { 'x.bin': pointer }, names: ['a'], problems: [] }))
})

describe('links', () => {
  test('one to a manifest below the path counts as that manifest, also through other links and directories', () =>
    check({
      first: { ...a, 'text.txt': sourceText('never') },
      second: {
        'a.yaml': { link: 'real/two.yaml' },
        'real/two.yaml': { link: './one.yaml' },
        'real/one.yaml': { link: '../.kept/../sub/linked/b.yaml' },
        'sub/linked': { link: '../deep' },
        'deep/b.yaml': sourceText('a'),
        'deep/other.yaml': sourceText('other'),
      },
      names: ['a', 'other'],
      problems: [
        'a.yaml duplicate_name',
        'deep/b.yaml duplicate_name',
        'real/one.yaml duplicate_name',
        'real/two.yaml duplicate_name',
      ],
    }))

  test('manifests that became links to anything else keep what they declared', async () => {
    const links = {
      'out-of-path': '../shared/a.yaml',
      'out-of-repository': '../../../../etc/passwd',
      absolute: '/etc/passwd',
      nothing: 'nowhere.yaml',
      itself: 'itself.yaml',
      directory: 'eu',
      'no-manifest': 'text.txt',
      hidden: '.hidden.yaml',
      empty: '',
    }
    const names = Object.keys(links).toSorted()
    await check({
      path: 'live',
      first: {
        ...Object.fromEntries(names.map((name) => [`live/${name}.yaml`, sourceText(name)])),
        'live/eu/x.yaml': sourceText('x'),
        'live/text.txt': sourceText('t'),
        'live/.hidden.yaml': sourceText('h'),
        'shared/a.yaml': sourceText('shared'),
      },
      second: Object.fromEntries(Object.entries(links).map(([name, link]) => [`live/${name}.yaml`, { link }])),
      names: [...names, 'x'],
      problems: names.map((name) => `${name}.yaml git_link`),
    })
  })

  test('two that lead to each other', () =>
    check({
      first: { ...a, 'b.yaml': sourceText('b') },
      second: { 'a.yaml': { link: 'b.yaml' }, 'b.yaml': { link: 'a.yaml' } },
      names: ['a', 'b'],
      problems: ['a.yaml git_link', 'b.yaml git_link'],
    }))

  test('directories that became links to elsewhere: what they declared stays unknown, so nothing is pruned', async () => {
    const links = {
      'in-repository': '../shared/eu',
      'out-of-repository': '../../eu',
      absolute: '/eu',
      nothing: 'nowhere',
      itself: 'itself',
      hidden: '.hidden/eu',
      submodule: '../vendor',
    }
    const names = Object.keys(links).toSorted()
    const files = names.map((name) => `live/${name}/x.yaml`)
    const rest = {
      'live/a.yaml': sourceText('a'),
      'live/.hidden/eu/x.yaml': '',
      'shared/eu/x.yaml': '',
      vendor: submodule,
    }
    await check({
      path: 'live',
      first: { ...rest, ...Object.fromEntries(files.map((file, index) => [file, sourceText(names[index] ?? '')])) },
      second: {
        ...Object.fromEntries(files.map((file) => [file, undefined])),
        ...Object.fromEntries(Object.entries(links).map(([name, link]) => [`live/${name}`, { link }])),
      },
      names: ['a'],
      problems: names.map((name) => `${name} git_link`),
      complete: false,
    })
  })

  test('a directory that became one to another below the path is read where it lies', () =>
    check({
      first: { ...a, ...eu },
      second: { ...noEu, 'de/x.yaml': sourceText('x'), 'de/y.yaml': sourceText('y'), eu: { link: 'de' } },
      names: ['a', 'x', 'y'],
      problems: [],
    }))

  test('those to files, to what has the name of a file, and to directories that are read anyway do not matter', () =>
    check({
      path: 'live',
      first: { 'live/a.yaml': sourceText('a'), 'live/eu/x.yaml': sourceText('x'), LICENSE: 'x' },
      second: {
        'live/LICENSE': { link: '../LICENSE' },
        'live/manifest': { link: 'a.yaml' },
        'live/again': { link: 'eu' },
        'live/self': { link: '.' },
        'live/eu/up': { link: '..' },
        'live/gone.txt': { link: 'nowhere' },
        'live/empty/.keep': '',
        'live/to-empty': { link: 'empty' },
      },
      names: ['a', 'x'],
      problems: [],
    }))
})

describe('names and contents', () => {
  test('names with odd bytes are told apart, and broken ones keep what they declared', async () => {
    await using upstream = await Upstream.create()
    const names = [
      '\xff.yaml',
      '\xfe.yaml',
      'tab\t.yaml',
      'line\nend.yaml',
      '"quote".yaml',
      'back\\slash.yaml',
      ' .yaml',
    ]
    const files = Object.fromEntries(names.map((name, index) => [name, sourceText(`n${index}`)]))
    await upstream.commit({ ...files, 'größe/日本.yaml': sourceText('utf8'), '\xff/x.yaml': sourceText('x') })
    await using followed = await FollowedRepository.open(upstream.path)
    const snapshot = await followed.read()
    expect(snapshot).toMatchObject({ problems: [], complete: true })
    expect(namesOf(snapshot)).toEqual(['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'utf8', 'x'])
    expect(snapshot.manifests.map(({ at }) => at.file)).toEqual(
      expect.arrayContaining(['\\xff.yaml', '\\xfe.yaml', 'line\nend.yaml', 'größe/日本.yaml', '\\xff/x.yaml']),
    )
    await upstream.commit({ '\xff.yaml': 'spec: [', '\xfe.yaml': undefined, odd: { link: 'line\nend' } })
    const after = await followed.read()
    expect(namesOf(after)).toEqual(['n0', 'n2', 'n3', 'n4', 'n5', 'n6', 'utf8', 'x'])
    expect([...after.brokenFiles]).toEqual(['\\xff.yaml'])
  })

  test('a huge file is not looked at and keeps what it declared', () =>
    check({
      first: a,
      second: { 'a.yaml': `# ${'x'.repeat(3_000_000)}\n${sourceText('a')}` },
      names: ['a'],
      problems: ['a.yaml file_too_large'],
    }))

  test('a binary file keeps what it declared', () =>
    check({
      first: a,
      second: { 'a.yaml': Buffer.from([0, 255, 254, 10, 13, 0]) },
      names: ['a'],
      problems: ['a.yaml file_not_text'],
    }))

  test('files that together are larger than what is in memory at once', async () => {
    await using upstream = await Upstream.create()
    const names = Array.from({ length: 20 }, (_, index) => `s${index}`)
    await upstream.commit(
      Object.fromEntries(names.map((name) => [`${name}.yaml`, sourceText(name) + `# ${name}${'x'.repeat(950_000)}\n`])),
    )
    await using followed = await FollowedRepository.open(upstream.path)
    const snapshot = await followed.read()
    expect(snapshot.problems).toEqual([])
    expect(namesOf(snapshot)).toEqual(names.toSorted())
  })

  test('equal files are one content, and each declares what it says', () =>
    check({
      first: { ...a, 'b.yaml': sourceText('b') },
      second: { 'copy.yaml': sourceText('b') },
      names: ['a', 'b'],
      problems: ['b.yaml duplicate_name', 'copy.yaml duplicate_name'],
    }))

  test('a file that became a directory, and a directory that became a file', () =>
    check({
      first: { 'a.yaml/x.yaml': sourceText('x'), 'b.yaml': sourceText('b') },
      second: {
        'a.yaml/x.yaml': undefined,
        'a.yaml': sourceText('x'),
        'b.yaml': undefined,
        'b.yaml/b.yaml': sourceText('b'),
      },
      names: ['b', 'x'],
      problems: [],
    }))

  test('a commit without any file leaves nothing, and an empty snapshot prunes nothing', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit(a)
    await using followed = await FollowedRepository.open(upstream.path)
    const before = await followed.read()
    await upstream.commit({ 'a.yaml': undefined })
    const after = await followed.read()
    expect(after).toMatchObject({ manifests: [], problems: [], complete: true })
    expect(prunable(before, after)).toEqual([])
  })
})
