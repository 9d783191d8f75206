import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { keyOf } from '../../src/manifest/manifest.ts'
import type { Snapshot } from '../../src/origin/origin.ts'
import { readTree, snapshotOfTree } from '../../src/origin/tree.ts'
import { definitionText, sourceText } from '../manifest/texts.ts'
import { FollowedRepository } from './git/followed-repository.ts'
import { prunable } from './git/in-force.ts'
import { Upstream } from './git/upstream.ts'
import { namesOf, problemsOf, read, WatchedDirectory } from './watched-directory.ts'

/** Manifests that change in steps; a file without a text is removed. */
interface World extends AsyncDisposable {
  change(files: Readonly<Record<string, string | undefined>>): Promise<Snapshot>
  /** Another process on the same manifests. */
  restart(): Promise<Snapshot>
}

async function directoryWorld(): Promise<World> {
  const stack = new AsyncDisposableStack()
  const directory = stack.use(await WatchedDirectory.create())
  return {
    change: async (files) => {
      for (const [file, text] of Object.entries(files)) {
        await mkdir(dirname(directory.path(file)), { recursive: true })
        if (text === undefined) await rm(directory.path(file))
        else await writeFile(directory.path(file), text)
      }
      return directory.read()
    },
    restart: async () => stack.use(await WatchedDirectory.create({ root: directory.root })).read(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

async function gitWorld(): Promise<World> {
  const stack = new AsyncDisposableStack()
  const upstream = stack.use(await Upstream.create())
  const followed = stack.use(await FollowedRepository.open(upstream.path))
  return {
    change: async (files) => {
      await upstream.commit(files)
      return followed.read()
    },
    restart: async () => stack.use(await followed.restart()).read(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

const quotes = definitionText('quotes', '{ from: lists/symbols.csv }')
const both = { 'quotes.yaml': quotes, 'lists/symbols.csv': 'symbol\nAAPL\nMSFT\n' }

function hashesOf({ manifests }: Snapshot): ReadonlyMap<string, string> {
  return new Map(manifests.map((each) => [keyOf(each), each.hash]))
}

describe.each([
  ['a directory', directoryWorld],
  ['a repository', gitWorld],
])('lists in files of %s', (_, open) => {
  test('an element that is added or removed is one source that comes or goes', async () => {
    await using world = await open()
    const first = await world.change({ ...both, 'other.yaml': sourceText('other') })
    expect(first).toMatchObject({ problems: [], complete: true })
    expect(namesOf(first)).toEqual(['other', 'quotes-aapl', 'quotes-msft'])
    const more = await world.change({ 'lists/symbols.csv': 'symbol\nGOOG\nAAPL\nMSFT\n' })
    expect(namesOf(more)).toEqual(['other', 'quotes-aapl', 'quotes-goog', 'quotes-msft'])
    for (const [key, hash] of hashesOf(first)) expect(hashesOf(more).get(key)).toBe(hash)
    expect(more.revision).not.toBe(first.revision)
    const fewer = await world.change({ 'lists/symbols.csv': 'symbol\nGOOG\nMSFT\n' })
    expect(prunable(more, fewer)).toEqual(['SourceDefinition/quotes-aapl'])
    expect(namesOf(await world.restart())).toEqual(namesOf(fewer))
  })

  test('a list under another name, or in another form, is the same list', async () => {
    await using world = await open()
    const first = await world.change(both)
    const moved = await world.change({
      'lists/symbols.csv': undefined,
      'tickers.csv': 'symbol\nAAPL\nMSFT\n',
      'quotes.yaml': quotes.replace('lists/symbols.csv', 'tickers.csv'),
    })
    expect(moved).toMatchObject({ problems: [], complete: true })
    expect(hashesOf(moved)).toEqual(hashesOf(first))
    const inside = await world.change({ 'quotes.yaml': definitionText('quotes', '{ symbol: [MSFT, AAPL] }') })
    expect(Object.fromEntries(hashesOf(inside))).toEqual(Object.fromEntries(hashesOf(first)))
  })

  test.each([
    ['that vanished', undefined, 'quotes.yaml list_unreadable'],
    ['that was cut to nothing', '', 'lists/symbols.csv list_invalid'],
    ['with a row too short', 'symbol,id\nAAPL\n', 'lists/symbols.csv list_invalid'],
    ['with a name twice', 'symbol\nAAPL\naapl\n', 'lists/symbols.csv duplicate_name'],
    ['with a conflict in it', 'symbol\n<<<<<<< HEAD, "\n', 'lists/symbols.csv list_invalid'],
  ])('a list %s leaves in force what it gave, and mends when it comes back', async (_case, text, problem) => {
    await using world = await open()
    const first = await world.change(both)
    const broken = await world.change({ 'lists/symbols.csv': text })
    expect(problemsOf(broken)).toEqual([problem])
    expect(hashesOf(broken)).toEqual(hashesOf(first))
    expect([...broken.brokenFiles]).toEqual(['quotes.yaml'])
    expect(prunable(first, broken)).toEqual([])
    const mended = await world.change({ 'lists/symbols.csv': 'symbol\nAAPL\nMSFT\nGOOG\n' })
    expect(mended).toMatchObject({ problems: [], brokenFiles: new Set() })
    expect(namesOf(mended)).toEqual(['quotes-aapl', 'quotes-goog', 'quotes-msft'])
  })

  test('a list that is broken when the process starts keeps its manifest from being pruned', async () => {
    await using world = await open()
    const first = await world.change({ ...both, 'other.yaml': sourceText('other') })
    await world.change({ 'lists/symbols.csv': undefined })
    const restarted = await world.restart()
    expect(problemsOf(restarted)).toEqual(['quotes.yaml list_unreadable'])
    expect(prunable(first, restarted)).toEqual([])
  })

  test('a header without rows removes every element, on purpose', async () => {
    await using world = await open()
    await world.change({ ...both, 'other.yaml': sourceText('other') })
    const emptied = await world.change({ 'lists/symbols.csv': 'symbol\n' })
    expect(emptied).toMatchObject({ problems: [], complete: true, brokenFiles: new Set() })
    expect(namesOf(emptied)).toEqual(['other'])
  })

  test('a list in JSON or YAML is no manifest gone wrong while it is named, and its faults are told once', async () => {
    await using world = await open()
    const list = { 'a.yaml': definitionText('a', '{ from: list.json }'), 'list.json': '["x", "y"]\n' }
    const first = await world.change(list)
    expect(first).toMatchObject({ problems: [], brokenFiles: new Set() })
    expect(namesOf(first)).toEqual(['a-x', 'a-y'])
    const broken = await world.change({ 'list.json': '["x",\n' })
    expect(problemsOf(broken)).toEqual(['list.json yaml_syntax'])
    expect(broken.problems[0]?.manifest).toBe('a.yaml')
    expect(namesOf(broken)).toEqual(['a-x', 'a-y'])
    const unnamed = await world.change({ 'a.yaml': sourceText('a'), 'list.json': '["x"]\n' })
    expect(problemsOf(unnamed)).toEqual(['list.json not_a_manifest'])
  })

  test('a manifest that is named as a list is a problem, and stays what it is', async () => {
    await using world = await open()
    const first = await world.change({ 'a.yaml': sourceText('a'), 'b.yaml': definitionText('b', '{ from: a.yaml }') })
    expect(problemsOf(first)).toEqual(['a.yaml list_invalid'])
    expect(first.problems[0]?.manifest).toBe('b.yaml')
    expect(namesOf(first)).toEqual(['a'])
    const itself = await world.change({ 'b.yaml': definitionText('b', '{ from: b.yaml }') })
    expect(problemsOf(itself)).toEqual(['b.yaml list_invalid'])
  })

  test('a file of manifests that becomes a list gives up what it declared when the list is whole', async () => {
    await using world = await open()
    await world.change({ 'a.yaml': sourceText('a'), 'b.yaml': sourceText('b') })
    const definition = definitionText('b', '{ from: a.yaml }')
    const broken = await world.change({ 'a.yaml': '- x\n- [', 'b.yaml': definition })
    expect(namesOf(broken)).toEqual(['a', 'b'])
    const whole = await world.change({ 'a.yaml': '- x\n' })
    expect(whole.problems).toEqual([])
    expect(namesOf(whole)).toEqual(['b-x'])
  })

  test('two files of manifests may share a list, and elements of two definitions must not have one name', async () => {
    await using world = await open()
    const again = quotes.replace('lists/', '../lists/')
    const shared = await world.change({ ...both, 'b/more.yaml': again.replace('quotes', 'more') })
    expect(shared.problems).toEqual([])
    expect(namesOf(shared)).toEqual(['more-aapl', 'more-msft', 'quotes-aapl', 'quotes-msft'])
    const twice = await world.change({ 'b/more.yaml': again })
    expect(problemsOf(twice)).toEqual(
      Array.from({ length: 4 }, (_each, i) => `${i < 2 ? 'b/more' : 'quotes'}.yaml duplicate_name`),
    )
    expect(namesOf(twice)).toEqual(['quotes-aapl', 'quotes-msft'])
    expect(prunable(shared, twice)).toEqual([])
  })
})

describe('lists in files of a watched directory', () => {
  test('a change is seen, and only the manifests that name the list are read again', async () => {
    await using directory = await WatchedDirectory.create()
    for (const [file, text] of Object.entries(both)) await directory.write(file, text)
    for (let index = 0; index < 20; index++) await directory.write(`o${index}.yaml`, sourceText(`o${index}`))
    await directory.watch()
    await sleep(200)
    await directory.read()
    directory.reads = 0
    await directory.save('lists/symbols.csv', 'symbol\nAAPL\nMSFT\nGOOG\n')
    await directory.until((snapshot) => namesOf(snapshot).includes('quotes-goog'))
    expect(directory.reads).toBe(2)
    await directory.save('lists/symbols.csv', 'symbol\nMSFT\nGOOG\n')
    await directory.until((snapshot) => !namesOf(snapshot).includes('quotes-aapl'))
    await rm(directory.path('lists/symbols.csv'))
    await directory.until(({ problems }) => problems.length === 1)
    await directory.write('lists/symbols.csv', 'symbol\nNVDA\n')
    const last = await directory.until(({ problems }) => problems.length === 0)
    expect(namesOf(last).filter((name) => name.startsWith('quotes'))).toEqual(['quotes-nvda'])
  })

  test('a list that is written in pieces is never seen without its elements', async () => {
    await using directory = await WatchedDirectory.create()
    for (const [file, text] of Object.entries(both)) await directory.write(file, text)
    await directory.watch()
    await sleep(100)
    for (const text of ['', 'symbol\n', 'symbol\nAAPL\nMS']) {
      await directory.write('lists/symbols.csv', text)
      await sleep(150)
    }
    await directory.write('lists/symbols.csv', 'symbol\nAAPL\nMSFT\nGOOG\n')
    await directory.until((snapshot) => namesOf(snapshot).includes('quotes-goog'))
    for (const snapshot of directory.snapshots) {
      expect(namesOf(snapshot)).toEqual(expect.arrayContaining(['quotes-aapl', 'quotes-msft']))
      expect(namesOf(snapshot)).not.toContain('quotes-ms')
      expect(snapshot.problems).toEqual([])
    }
  })

  test('a link leads to a list below the root, as in a mounted ConfigMap, and never out of it', async () => {
    await using outside = await WatchedDirectory.create()
    await outside.write('secret.csv', 'symbol\nSECRET\n')
    await using directory = await WatchedDirectory.create()
    await directory.write('..2026/symbols.csv', 'symbol\nAAPL\n')
    await directory.write('quotes.yaml', quotes.replace('lists/', ''))
    await symlink('..2026', directory.path('..data'))
    await symlink('..data/symbols.csv', directory.path('symbols.csv'))
    expect(namesOf(await directory.read())).toEqual(['quotes-aapl'])
    await symlink(outside.path('secret.csv'), directory.path('next.csv'))
    await rename(directory.path('next.csv'), directory.path('symbols.csv'))
    const after = await directory.read()
    expect(problemsOf(after)).toEqual(['quotes.yaml list_unreadable'])
    expect(after.problems[0]?.message).toContain('leads out of the manifests directory')
    expect(namesOf(after)).toEqual(['quotes-aapl'])
  })

  test('a directory in the place of a list, and one that is too large, are problems', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.write('quotes.yaml', quotes)
    await directory.write('lists/symbols.csv/x', '')
    expect((await directory.read()).problems[0]?.message).toContain('is no file')
    await rm(directory.path('lists/symbols.csv'), { recursive: true })
    await directory.write('lists/symbols.csv', `symbol\n${'a'.repeat(1_000_000)}`)
    expect(problemsOf(await directory.read())).toEqual(['lists/symbols.csv file_too_large'])
  })
})

test('a tree that is sent elsewhere carries its lists, and has the revision of its directory', async () => {
  await using directory = await WatchedDirectory.create()
  for (const [file, text] of Object.entries(both)) await directory.write(file, text)
  await directory.write('gone.yaml', definitionText('gone', '{ from: gone.csv }'))
  await directory.write('lists/other.csv', 'never sent')
  const { tree, problems } = await readTree(directory.root, read)
  expect(problems).toEqual([])
  expect(tree.lists).toEqual([{ file: 'lists/symbols.csv', text: both['lists/symbols.csv'] }])
  const [sent, here] = [await snapshotOfTree(tree, read), await directory.read()]
  expect(sent.revision).toBe(here.revision)
  expect(hashesOf(sent)).toEqual(hashesOf(here))
  expect(namesOf(sent)).toEqual(['quotes-aapl', 'quotes-msft'])
  expect(problemsOf(sent)).toEqual(['gone.yaml list_unreadable'])
})

describe('lists in files of a repository', () => {
  test('only those that are named are fetched, and a restart without the server has them', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit({ ...both, 'lists/data.csv': 'a,b\n1,2\n' })
    await using followed = await FollowedRepository.open(upstream.path)
    const first = await followed.read()
    const here = async (name: string): Promise<boolean> => {
      const oid = await upstream.git('rev-parse', `main:${name}`)
      return (await followed.git('cat-file', '--batch-all-objects', '--batch-check')).includes(oid)
    }
    expect(await Promise.all([here('lists/symbols.csv'), here('lists/data.csv')])).toEqual([true, false])
    await rename(upstream.path, `${upstream.path}.gone`)
    await using again = await followed.restart()
    const restarted = await again.read()
    expect(hashesOf(restarted)).toEqual(hashesOf(first))
    expect(restarted).toMatchObject({ revision: first.revision, complete: true })
    await rename(`${upstream.path}.gone`, upstream.path)
  })

  test('only the manifests that name a changed list are read again', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit({ ...both, 'o.yaml': sourceText('o'), 'in.yaml': definitionText('in', '{ s: [a] }') })
    await using followed = await FollowedRepository.open(upstream.path)
    await followed.read()
    followed.parsed.length = 0
    await upstream.commit({ 'lists/symbols.csv': 'symbol\nGOOG\n', 'lists/data.csv': 'a\n' })
    expect(namesOf(await followed.read())).toEqual(['in-a', 'o', 'quotes-goog'])
    expect(new Set(followed.parsed)).toEqual(new Set(['quotes.yaml']))
  })

  test.each([
    ['a symbolic link', { link: 'data.csv' }, 'is a symbolic link'],
    [
      'a pointer to Git LFS',
      `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 1\n`,
      'LFS',
    ],
    ['more than 1 MB', `symbol\n${'a'.repeat(1_000_000)}`, '1 MB'],
    ['a submodule', { submodule: '1'.repeat(40) }, 'is no file'],
  ])('%s is no list, and leaves in force what was there', async (_, entry, message) => {
    await using upstream = await Upstream.create()
    await upstream.commit({ ...both, 'lists/data.csv': 'symbol\nX\n' })
    await using followed = await FollowedRepository.open(upstream.path)
    const first = await followed.read()
    await upstream.commit({ 'lists/symbols.csv': entry })
    const after = await followed.read()
    expect(after.problems.map((each) => each.message).join()).toContain(message)
    expect(hashesOf(after)).toEqual(hashesOf(first))
    expect(prunable(first, after)).toEqual([])
  })

  test.each([':(glob)x.csv', '*.csv', '--help.csv', "'.csv"])(
    'a name that means something to git is a name: %s',
    async (name) => {
      await using upstream = await Upstream.create()
      await upstream.commit({
        'a.yaml': definitionText('a', `{ from: ${JSON.stringify(name)} }`),
        'other.csv': 's\nX\n',
      })
      await using followed = await FollowedRepository.open(upstream.path)
      expect(problemsOf(await followed.read())).toEqual(['a.yaml list_unreadable'])
      await upstream.commit({ [name]: 's\nY\n' })
      expect(namesOf(await followed.read())).toEqual(['a-y'])
    },
  )
})
