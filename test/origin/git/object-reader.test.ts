import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { gitRunner } from '../../../src/origin/git/git-command.ts'
import { type ObjectReader, openObjectReader } from '../../../src/origin/git/object-reader.ts'
import { treeChanges } from '../../../src/origin/git/tree-changes.ts'
import { Random } from '../../random.ts'
import { pidsOf } from './processes.ts'
import { type Entry, Upstream } from './upstream.ts'

const runGit = gitRunner(process.env)

function readerOf(upstream: Upstream, signal: AbortSignal = new AbortController().signal): ObjectReader {
  return openObjectReader(runGit, upstream.path, signal)
}

describe('a reader of objects', () => {
  test('answers in the order of the names, and tells what is not there', async () => {
    await using upstream = await Upstream.create()
    const commit = await upstream.commit({ 'a b.yaml': 'one\n', 'large.txt': 'x'.repeat(3_000_000), empty: '' })
    await using reader = readerOf(upstream)
    const names = [`${commit}:a b.yaml`, `${commit}:no such file`, `${commit}:large.txt`, `${commit}:empty`]
    const [one, missing, large, empty] = await reader.objects(names)
    expect(one).toMatchObject({ type: 'blob', size: 4, bytes: Buffer.from('one\n') })
    expect(missing).toBeUndefined()
    expect(large?.bytes.equals(Buffer.alloc(3_000_000, 'x'))).toBe(true)
    expect(empty).toMatchObject({ size: 0, bytes: Buffer.alloc(0) })
    expect((await reader.infos([`${commit}^{tree}`, '0'.repeat(40)])).map((info) => info?.type)).toEqual([
      'tree',
      undefined,
    ])
  })

  test('sees what comes after it was opened', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit({ a: '1' })
    await using reader = readerOf(upstream)
    const [before] = await reader.infos(['main'])
    const commit = await upstream.commit({ a: '2' })
    const [after] = await reader.infos(['main'])
    expect([before?.oid === commit, after?.oid]).toEqual([false, commit])
  })

  test('questions that are asked at once are answered each', async () => {
    await using upstream = await Upstream.create()
    const files = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`f-${index}`, `content ${index}`]))
    const commit = await upstream.commit(files)
    await using reader = readerOf(upstream)
    const answers = await Promise.all(Object.keys(files).map((name) => reader.objects([`${commit}:${name}`])))
    expect(answers.map(([answer]) => answer?.bytes.toString())).toEqual(Object.values(files))
  })

  test('a git that is killed is a failure, and so is every question after it', async () => {
    await using upstream = await Upstream.create()
    const commit = await upstream.commit({ a: 'text' })
    await using reader = readerOf(upstream)
    await reader.infos([commit])
    for (const pid of await pidsOf(upstream.path)) process.kill(pid, 'SIGKILL')
    await expect(reader.objects([commit])).rejects.toMatchObject({ code: 'git_failed' })
    await expect(reader.objects([commit])).rejects.toMatchObject({ code: 'git_failed' })
  })

  test('a clone that is not there is a failure', async () => {
    await using upstream = await Upstream.create()
    await using reader = openObjectReader(runGit, join(upstream.root, 'nothing'), new AbortController().signal)
    await expect(reader.infos(['HEAD'])).rejects.toMatchObject({ code: 'git_failed' })
  })

  test('an abort ends it with its process', async () => {
    await using upstream = await Upstream.create()
    const stopping = new AbortController()
    const reader = readerOf(upstream, stopping.signal)
    expect(await pidsOf(upstream.path)).not.toEqual([])
    stopping.abort(new Error('stopped'))
    await reader[Symbol.asyncDispose]()
    await expect(reader.infos(['HEAD'])).rejects.toThrow('stopped')
    expect(await pidsOf(upstream.path)).toEqual([])
  })
})

describe('the difference of two trees', () => {
  test.each([1, 2, 3])('is what git says it is (seed %i)', async (seed) => {
    await using upstream = await Upstream.create()
    const random = new Random(seed)
    const commits = ['']
    for (let round = 0; round < 6; round += 1) commits.push(await upstream.commit(someFiles(random)))
    await using reader = readerOf(upstream)
    for (const [index, commit] of commits.entries()) {
      if (index === 0) continue
      const before = commits[random.between(0, index - 1)] ?? ''
      const trees = await reader.infos(before === '' ? [`${commit}^{tree}`] : [`${commit}^{tree}`, `${before}^{tree}`])
      const [after, earlier] = trees.map((info) => info?.oid)
      const found = await treeChanges(reader, earlier, after ?? '')
      expect(found.map(lineOf).toSorted()).toEqual(await differences(upstream, earlier ?? EMPTY_TREE, after ?? ''))
    }
  })
})

const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'

/** Names that are now a file and now a directory, now a link and now nothing. */
function someFiles(random: Random): Readonly<Record<string, Entry>> {
  const files: Record<string, Entry> = {}
  for (let count = random.between(1, 8); count > 0; count -= 1) {
    const name = random.pick(['a', 'b', 'b/c', 'b/c/d', 'b.yaml', 'e-f/u.yaml', 'x y/z'])
    const submodule = '1'.repeat(40)
    const contents = [`${random.between(1, 3)}`, { link: 'a' }, { executable: '#!' }, { submodule }, 'none'] as const
    const content = random.pick(contents)
    files[name] = content === 'none' ? undefined : content
  }
  return files
}

function lineOf({ name, entry }: Awaited<ReturnType<typeof treeChanges>>[number]): string {
  return entry === undefined ? `${name} gone` : `${name} ${entry.mode} ${entry.oid}`
}

/** A change of kind is told by git as one line, with the new mode. */
async function differences(upstream: Upstream, before: string, after: string): Promise<string[]> {
  const raw = await upstream.git('diff-tree', '-r', '-z', '--no-renames', before, after)
  const parts = raw.split('\0').filter((part) => part !== '')
  const lines = Array.from({ length: parts.length / 2 }, (_, index) => {
    const [, mode, , oid] = (parts[index * 2] ?? '').split(' ')
    const name = parts[index * 2 + 1] ?? ''
    return mode === '000000' ? `${name} gone` : `${name} ${mode} ${oid}`
  })
  return lines.toSorted()
}
