import { rm, utimes, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { sourceText } from '../manifest/texts.ts'
import { namesOf, problemsOf, WatchedDirectory } from './watched-directory.ts'

const suspended = '  suspend: true\n'

describe('what is read', () => {
  test('yaml, yml and json, at any depth; nothing hidden, nothing that editors or npm leave', async () => {
    await using directory = await WatchedDirectory.create()
    const json = JSON.stringify({
      apiVersion: 'hermes/v1',
      kind: 'SourceDefinition',
      metadata: { name: 'c' },
      spec: { schedule: { every: 0 }, file: { path: 'x' }, table: { name: 't' } },
    })
    await directory.write('a.yaml', sourceText('a'))
    await directory.write('deep/er/b.yml', sourceText('b'))
    await directory.write('c.json', json)
    for (const ignored of [
      '.hidden.yaml',
      '.git/x.yaml',
      'node_modules/x.yaml',
      'a.yaml~',
      '.#a.yaml',
      '#a.yaml#',
      '.a.yaml.swp',
      'x.yaml.swp',
      'README.md',
      'a.test.yaml',
      'deep/a.test.yml',
    ]) {
      await directory.write(ignored, sourceText('never'))
    }
    await directory.write('folder.yaml/d.yaml', sourceText('d'))
    const snapshot = await directory.read()
    expect(namesOf(snapshot)).toEqual(['a', 'b', 'c', 'd'])
    expect(snapshot).toMatchObject({
      problems: [],
      complete: true,
      revision: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    })
    expect(snapshot.manifests.map(({ at }) => at.file)).toEqual([
      'a.yaml',
      'c.json',
      'deep/er/b.yml',
      'folder.yaml/d.yaml',
    ])
  })

  test('equal content has the equal revision, wherever it lies and however it came there', async () => {
    await using one = await WatchedDirectory.create()
    await using two = await WatchedDirectory.create()
    await one.write('a.yaml', sourceText('a'))
    await one.write('b/b.yaml', sourceText('b'))
    await two.write('b/b.yaml', sourceText('x'))
    const before = (await two.read()).revision
    await two.write('a.yaml', sourceText('a'))
    await two.write('b/b.yaml', sourceText('b'))
    expect((await two.read()).revision).toBe((await one.read()).revision)
    expect((await two.read()).revision).not.toBe(before)
  })

  test('an empty directory is an empty, complete snapshot', async () => {
    await using directory = await WatchedDirectory.create()
    expect(await directory.read()).toMatchObject({ manifests: [], problems: [], complete: true })
  })

  test('what did not change is not parsed again', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.write('a.yaml', sourceText('a'))
    await directory.write('b.yaml', sourceText('b'))
    await sleep(120)
    await directory.read()
    await utimes(directory.path('a.yaml'), new Date(), new Date())
    await directory.read()
    expect(directory.reads).toBe(2)
    await directory.write('b.yaml', sourceText('b', suspended))
    await directory.read()
    expect(directory.reads).toBe(3)
  })

  test('a change that leaves size and time as they were is seen', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.write('a.yaml', sourceText('aaa'))
    const first = await directory.read()
    await directory.write('a.yaml', sourceText('bbb'))
    expect(namesOf(first)).toEqual(['aaa'])
    expect(namesOf(await directory.read())).toEqual(['bbb'])
  })
})

describe('broken files', () => {
  test('keep their last good manifests in force, until they are whole or gone', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.write('ab.yaml', `${sourceText('a')}---\n${sourceText('b')}`)
    await directory.write('c.yaml', sourceText('c'))
    const good = await directory.read()
    await directory.write('ab.yaml', `${sourceText('a', suspended)}---\n${sourceText('b')}  nope: 1\n`)
    const broken = await directory.read()
    expect(namesOf(broken)).toEqual(['a', 'b', 'c'])
    expect(problemsOf(broken)).toEqual(['ab.yaml unknown_field'])
    expect([...broken.brokenFiles]).toEqual(['ab.yaml'])
    expect(broken.complete).toBe(true)
    expect(broken.revision).not.toBe(good.revision)
    expect(broken.manifests.find(({ name }) => name === 'a')?.spec).toMatchObject({ suspend: true })
    expect(broken.manifests.find(({ name }) => name === 'b')).toBe(good.manifests.find(({ name }) => name === 'b'))

    await directory.write('ab.yaml', '{')
    expect(namesOf(await directory.read())).toEqual(['a', 'b', 'c'])
    await directory.write('moved.yaml', sourceText('b', suspended))
    const moved = await directory.read()
    expect(namesOf(moved)).toEqual(['a', 'b', 'c'])
    expect(moved.manifests.find(({ name }) => name === 'b')?.at.file).toBe('moved.yaml')
    await directory.write('ab.yaml', sourceText('x'))
    expect(await directory.read()).toMatchObject({ problems: [], brokenFiles: new Set() })
    await directory.write('ab.yaml', '{')
    await directory.read()
    await rm(directory.path('ab.yaml'))
    expect(namesOf(await directory.read())).toEqual(['b', 'c'])
  })

  test('a name declared twice is a problem at both places and keeps its last good manifest', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.write('1.yaml', sourceText('a'))
    const [first] = (await directory.read()).manifests
    await directory.write('2.yaml', `# head\n${sourceText('a', suspended)}---\n${sourceText('b')}`)
    await directory.write('3.yaml', `${sourceText('new')}---\n${sourceText('new', suspended)}`)
    const twice = await directory.read()
    expect(namesOf(twice)).toEqual(['a', 'b'])
    expect(twice.manifests.find(({ name }) => name === 'a')).toBe(first)
    expect([...twice.brokenFiles].toSorted()).toEqual(['1.yaml', '2.yaml', '3.yaml'])
    expect(
      twice.problems.map(({ code, at, message }) => `${code} ${at.file}:${at.line}:${at.column} ${message}`),
    ).toEqual([
      'duplicate_name 1.yaml:3:13 SourceDefinition/a is also declared in 2.yaml:2',
      'duplicate_name 2.yaml:4:13 SourceDefinition/a is also declared in 1.yaml:1',
      'duplicate_name 3.yaml:3:13 SourceDefinition/new is also declared in 3.yaml:9',
      'duplicate_name 3.yaml:11:13 SourceDefinition/new is also declared in 3.yaml:1',
    ])
    await rm(directory.path('1.yaml'))
    await rm(directory.path('3.yaml'))
    const once = await directory.read()
    expect(once.problems).toEqual([])
    expect(once.manifests.find(({ name }) => name === 'a')?.spec).toMatchObject({ suspend: true })
  })

  test('large and binary files are reported, large ones without being read', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.write('big.yaml', 'a: b\n'.repeat(2_000_000))
    await writeFile(directory.path('binary.yaml'), new Uint8Array([1, 0, 2]))
    const startedAt = performance.now()
    expect(problemsOf(await directory.read())).toEqual(['big.yaml file_too_large', 'binary.yaml file_not_text'])
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    expect(directory.reads).toBe(2)
  })
})
