import { writeFileSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import type { Manifest } from '../../src/manifest/manifest.ts'
import { directoryPlace } from '../../src/origin/directory-place.ts'
import { type ManifestFiles, manifestFiles } from '../../src/origin/manifest-files.ts'
import { definitionText, sourceText } from '../manifest/texts.ts'
import { namesOf, read, WatchedDirectory } from './watched-directory.ts'

const two = `# about a\n${sourceText('a')}---\n# about b\n${sourceText('b')}`

function filesOf(directory: WatchedDirectory): ManifestFiles {
  const current = async (): Promise<readonly Manifest[]> => (await directory.read()).manifests
  return manifestFiles({ place: directoryPlace({ root: directory.root, current }), read })
}

function text(directory: WatchedDirectory, file: string): Promise<string> {
  return readFile(directory.path(file), 'utf8')
}

describe('adding', () => {
  test('each document gets a file of its own, comments included', async () => {
    await using directory = await WatchedDirectory.create()
    const files = filesOf(directory)
    expect(await files.add(two)).toEqual([
      { file: 'source-definition-a.yaml', key: 'SourceDefinition/a', action: 'added' },
      { file: 'source-definition-b.yaml', key: 'SourceDefinition/b', action: 'added' },
    ])
    expect(await text(directory, 'source-definition-a.yaml')).toBe(`# about a\n${sourceText('a')}`)
    expect(await text(directory, 'source-definition-b.yaml')).toBe(`# about b\n${sourceText('b')}`)
    expect(namesOf(await directory.read())).toEqual(['a', 'b'])
    expect((await stat(directory.path('source-definition-a.yaml'))).mode & 0o777).toBe(0o644)
  })

  test('a file that is there is never overwritten', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.write('source-definition-a.yaml', sourceText('other'))
    expect(await filesOf(directory).add(sourceText('a'))).toMatchObject([{ file: 'source-definition-a-2.yaml' }])
    expect(namesOf(await directory.read())).toEqual(['a', 'other'])
  })

  test.each(['x.test', 'x.sops'])('a resource called %s gets a file that is read as a manifest', async (name) => {
    await using directory = await WatchedDirectory.create()
    const file = `source-definition-${name.replace('.', '-')}.yaml`
    expect(await filesOf(directory).add(sourceText(name))).toMatchObject([{ file }])
    expect(namesOf(await directory.read())).toEqual([name])
  })

  test('nothing is written when anything is wrong', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.write('a.yaml', sourceText('a'))
    const files = filesOf(directory)
    const cases: [string, string, RegExp][] = [
      [
        `${sourceText('x')}  nope: 1\n---\n${sourceText('Y')}`,
        'unknown_field',
        /input:8:3 .*nope.*\n.*input:12:19 .*"Y"/,
      ],
      [`${sourceText('x')}---\n${sourceText('x')}`, 'duplicate_name', /stands twice/],
      [`${sourceText('x')}---\n${sourceText('a')}`, 'already_exists', /a\.yaml:1/],
      ['# nothing', 'request_invalid', /no manifest/],
      [sourceText('../../x'), 'invalid_name', /\.\.\/\.\.\/x/],
    ]
    for (const [input, code, message] of cases) {
      await expect(files.add(input)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    }
    expect(await readdir(directory.root)).toEqual(['a.yaml'])
  })

  test('the longest name fits into a file name', async () => {
    await using directory = await WatchedDirectory.create()
    const [long, longer] = ['a'.repeat(252), 'a'.repeat(253)]
    const writes = await filesOf(directory).add(`${sourceText(long)}---\n${sourceText(longer)}`)
    expect(new Set(writes.map(({ file }) => file)).size).toBe(2)
    expect(namesOf(await directory.read())).toEqual([long, longer])
  })
})

describe('updating', () => {
  test('replaces one document, keeps mode and neighbours, and leaves no other file behind', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.write('dir/both.yaml', two)
    await chmod(directory.path('dir/both.yaml'), 0o640)
    const files = filesOf(directory)
    const changed = sourceText('b', '  params: { x: 1 }\n')
    expect(await files.update(changed)).toEqual([
      { file: 'dir/both.yaml', key: 'SourceDefinition/b', action: 'updated' },
    ])
    expect(await text(directory, 'dir/both.yaml')).toBe(two.replace(sourceText('b'), changed))
    expect((await stat(directory.path('dir/both.yaml'))).mode & 0o777).toBe(0o640)
    expect(await readdir(directory.path('dir'))).toEqual(['both.yaml'])
    expect(await files.update(`# other words\n${changed.replace('15m', '"15m"')}`)).toMatchObject([
      { action: 'unchanged' },
    ])
    expect(await files.update(changed.replace('{ name: b }', '{ name: b, labels: { x: y } }'))).toMatchObject([
      { action: 'updated' },
    ])
    await expect(files.update(sourceText('c'))).rejects.toMatchObject({ code: 'not_found' })
  })

  test('a JSON file stays JSON', async () => {
    await using directory = await WatchedDirectory.create()
    const spec = { schedule: { every: '1h' }, file: { path: 'x' }, table: { name: 't' } }
    await directory.write(
      'a.json',
      JSON.stringify({ apiVersion: 'hermes/v1', kind: 'SourceDefinition', metadata: { name: 'a' }, spec }),
    )
    const files = filesOf(directory)
    await files.update(sourceText('a'))
    expect(JSON.parse(await text(directory, 'a.json'))).toMatchObject({ spec: { schedule: { every: '15m' } } })
    await files.suspend('SourceDefinition/a', true)
    expect(JSON.parse(await text(directory, 'a.json'))).toMatchObject({ spec: { suspend: true } })
  })

  test('beside a broken document', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.write('a.yaml', `${sourceText('a')}---\n${sourceText('broken')}  nope: 1\n`)
    await filesOf(directory).update(sourceText('a', '  suspend: true\n'))
    expect(await text(directory, 'a.yaml')).toBe(
      `${sourceText('a', '  suspend: true\n')}---\n${sourceText('broken')}  nope: 1\n`,
    )
  })

  test('a link out of the directory is not written through', async () => {
    await using directory = await WatchedDirectory.create()
    await using outside = await WatchedDirectory.create()
    await outside.write('a.yaml', sourceText('a'))
    await symlink(outside.path('a.yaml'), directory.path('a.yaml'))
    const files = filesOf(directory)
    for (const work of [
      () => files.update(sourceText('a', '  suspend: true\n')),
      () => files.delete('SourceDefinition/a'),
    ]) {
      await expect(work()).rejects.toMatchObject({ code: 'request_invalid' })
    }
    expect(await text(outside, 'a.yaml')).toBe(sourceText('a'))
  })
})

describe('deleting and suspending', () => {
  test('a document, and the file with the last of them', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.write('both.yaml', two)
    const files = filesOf(directory)
    expect(await files.delete('SourceDefinition/a')).toEqual({
      file: 'both.yaml',
      key: 'SourceDefinition/a',
      action: 'deleted',
    })
    expect(await text(directory, 'both.yaml')).toBe(`# about a\n---\n# about b\n${sourceText('b')}`)
    await files.delete('SourceDefinition/b')
    expect(await readdir(directory.root)).toEqual([])
    await expect(files.delete('SourceDefinition/b')).rejects.toMatchObject({ code: 'not_found' })
  })

  test('suspending and resuming', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.write('both.yaml', two)
    const files = filesOf(directory)
    expect(await files.suspend('SourceDefinition/b', false)).toMatchObject({ action: 'unchanged' })
    expect(await files.suspend('SourceDefinition/b', true)).toMatchObject({ action: 'updated' })
    expect(await files.suspend('SourceDefinition/b', true)).toMatchObject({ action: 'unchanged' })
    expect((await directory.read()).manifests.map(({ spec }) => Object(spec).suspend)).toEqual([false, true])
    await files.suspend('SourceDefinition/b', false)
    expect((await directory.read()).manifests.map(({ spec }) => Object(spec).suspend)).toEqual([false, false])
    expect(await text(directory, 'both.yaml')).toContain('# about b')
  })

  test('calls at the same time run one after another', async () => {
    await using directory = await WatchedDirectory.create()
    const files = filesOf(directory)
    const names = Array.from({ length: 12 }, (_, i) => `n${i + 10}`)
    await directory.write('all.yaml', names.map((name) => sourceText(name)).join('---\n'))
    const done = await Promise.allSettled([
      ...names.map((name) => files.suspend(`SourceDefinition/${name}`, true)),
      files.add(sourceText('x')),
      files.add(sourceText('x')),
      files.delete('SourceDefinition/n10'),
    ])
    expect(done.filter(({ status }) => status === 'rejected')).toMatchObject([{ reason: { code: 'already_exists' } }])
    const { manifests } = await directory.read()
    expect(manifests.filter(({ spec }) => Object(spec).suspend === true)).toHaveLength(11)
    expect(manifests).toHaveLength(12)
  })

  test('a file that somebody else changed in the meantime is not overwritten', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.write('a.yaml', sourceText('a'))
    const { manifests } = await directory.read()
    const meddling: typeof read = (content, file) => {
      if (file === 'a.yaml') writeFileSync(directory.path(file), sourceText('b'))
      return read(content, file)
    }
    const place = directoryPlace({ root: directory.root, current: async () => manifests })
    const files = manifestFiles({ place, read: meddling })
    for (const work of [
      () => files.suspend('SourceDefinition/a', true),
      () => files.update(sourceText('a', '  suspend: true\n')),
    ]) {
      await directory.write('a.yaml', sourceText('a'))
      await expect(work()).rejects.toMatchObject({ code: 'file_changed' })
      expect(await text(directory, 'a.yaml')).toBe(sourceText('b'))
    }
    expect(await readdir(directory.root)).toEqual(['a.yaml'])
  })

  test('what cannot be written is an error of its own', async () => {
    await using directory = await WatchedDirectory.create()
    const files = filesOf(directory)
    await rm(directory.root, { recursive: true })
    await writeFile(directory.root, '')
    await expect(files.add(sourceText('a'))).rejects.toMatchObject({
      code: 'file_unwritable',
      message: expect.stringContaining('ENOTDIR'),
    })
    await rm(directory.root)
    await mkdir(directory.root)
    expect(await files.add(sourceText('a'))).toHaveLength(1)
  })
})

describe('a definition of many sources', () => {
  const inside = definitionText('quotes', '{ symbol: [AAPL, MSFT] }')
  const outside = definitionText('tickers', '{ from: ../lists/t.csv }')

  async function world(): Promise<WatchedDirectory> {
    const directory = await WatchedDirectory.create()
    await directory.write('live/all.yaml', `# head\n${inside}---\n${outside}---\n${sourceText('plain')}`)
    await directory.write('lists/t.csv', 'symbol\nX\nY\n')
    return directory
  }

  test('one of the many cannot be changed by itself: it says which file to edit', async () => {
    await using directory = await world()
    const files = filesOf(directory)
    const before = await text(directory, 'live/all.yaml')
    const generated = { code: 'generated', at: expect.objectContaining({ file: 'live/all.yaml', line: 2 }) }
    const attempts = [
      files.delete('SourceDefinition/quotes-aapl'),
      files.suspend('SourceDefinition/quotes-aapl', true),
      files.update(sourceText('quotes-aapl')),
    ]
    for (const attempt of attempts) {
      await expect(attempt).rejects.toMatchObject({
        ...generated,
        message: 'SourceDefinition/quotes-aapl is made by SourceDefinition/quotes in live/all.yaml:2 for AAPL',
        fix: 'Edit AAPL in live/all.yaml:2.',
      })
    }
    await expect(files.delete('SourceDefinition/tickers-x')).rejects.toMatchObject({
      code: 'generated',
      fix: 'Edit X in lists/t.csv, or live/all.yaml:11 for all.',
    })
    await expect(files.add(sourceText('quotes-aapl'))).rejects.toMatchObject({ code: 'already_exists' })
    expect(await text(directory, 'live/all.yaml')).toBe(before)
  })

  test('is suspended, updated and deleted as a whole, and nothing beside it changes', async () => {
    await using directory = await world()
    const files = filesOf(directory)
    expect(await files.suspend('SourceDefinition/tickers', true)).toMatchObject({ action: 'updated' })
    expect(await files.suspend('SourceDefinition/tickers', true)).toMatchObject({ action: 'unchanged' })
    const suspended = (await directory.read()).manifests.filter(({ spec }) => Object(spec).suspend === true)
    expect(suspended.map(({ name }) => name)).toEqual(['tickers-x', 'tickers-y'])
    expect(await files.update(outside)).toMatchObject([{ file: 'live/all.yaml', action: 'updated' }])
    expect(await files.update(outside)).toMatchObject([{ action: 'unchanged' }])
    expect(await files.update(inside.replace('MSFT', 'GOOG'))).toMatchObject([{ action: 'updated' }])
    expect(namesOf(await directory.read())).toEqual(['plain', 'quotes-aapl', 'quotes-goog', 'tickers-x', 'tickers-y'])
    expect(await files.delete('SourceDefinition/quotes')).toMatchObject({ action: 'deleted' })
    expect(await text(directory, 'live/all.yaml')).toContain(`${outside}---\n${sourceText('plain')}`)
    expect(namesOf(await directory.read())).toEqual(['plain', 'tickers-x', 'tickers-y'])
  })

  test('can be added, with its list beside it or inside', async () => {
    await using directory = await world()
    const files = filesOf(directory)
    const more = definitionText('more', '{ from: lists/t.csv }')
    expect(await files.add(`${more}---\n${definitionText('few', '{ s: [] }')}`)).toMatchObject([
      { file: 'source-definition-more.yaml', key: 'SourceDefinition/more' },
      { file: 'source-definition-few.yaml', key: 'SourceDefinition/few' },
    ])
    expect(namesOf(await directory.read())).toEqual(expect.arrayContaining(['more-x', 'more-y']))
    await expect(files.add(more)).rejects.toMatchObject({ code: 'already_exists' })
    await expect(files.add(definitionText('z', '{ from: nowhere.csv }'))).rejects.toMatchObject({
      code: 'list_unreadable',
    })
    await expect(files.add(definitionText('plain', '{ s: [a] }'))).rejects.toMatchObject({ code: 'already_exists' })
  })
})
