import { readdir, rename, rm, symlink } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { sourceText } from '../manifest/texts.ts'
import { namesOf, problemsOf, WatchedDirectory } from './watched-directory.ts'

const suspended = '  suspend: true\n'

describe('watching', () => {
  test('a change, a new file, a new directory, a removal', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.write('a.yaml', sourceText('a'))
    expect(namesOf(await directory.watch())).toEqual(['a'])
    await directory.write('b.yaml', sourceText('b'))
    await directory.until((snapshot) => namesOf(snapshot).join() === 'a,b')
    await directory.write('new/deep/c.yaml', sourceText('c'))
    await directory.until((snapshot) => namesOf(snapshot).join() === 'a,b,c')
    await rename(directory.path('new'), directory.path('newer'))
    await directory.until(({ manifests }) => manifests.some(({ at }) => at.file === 'newer/deep/c.yaml'))
    await rm(directory.path('a.yaml'))
    await directory.until((snapshot) => namesOf(snapshot).join() === 'b,c')
    await rm(directory.path('newer'), { recursive: true })
    await directory.until((snapshot) => namesOf(snapshot).join() === 'b')
    await rm(directory.path('b.yaml'))
    await directory.until(({ manifests, complete }) => manifests.length === 0 && complete)
  })

  test('an editor that saves by rename gives one snapshot, without a gap', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.write('a.yaml', sourceText('a'))
    await directory.watch()
    await sleep(100)
    await directory.save('a.yaml', sourceText('a', suspended))
    await directory.until(({ manifests }) => Object(manifests[0]?.spec).suspend === true)
    expect(directory.snapshots).toHaveLength(2)
    await directory.save('a.yaml', sourceText('a', suspended))
    await directory.write('README.md', 'words')
    await sleep(300)
    expect(directory.snapshots).toHaveLength(2)
  })

  test('a file that is emptied and written again, or written in pieces, is never seen without its content', async () => {
    await using directory = await WatchedDirectory.create()
    const text = `${sourceText('a')}---\n${sourceText('b')}`
    await directory.write('ab.yaml', text)
    await directory.watch()
    await sleep(100)
    await directory.write('ab.yaml', '')
    await sleep(400)
    await directory.write('ab.yaml', text.slice(0, 30))
    await sleep(150)
    await directory.write('ab.yaml', `${sourceText('a')}---\n`)
    await sleep(150)
    await directory.write('ab.yaml', `${text}---\n${sourceText('c')}`)
    await directory.until((snapshot) => namesOf(snapshot).join() === 'a,b,c')
    for (const snapshot of directory.snapshots) {
      expect(namesOf(snapshot)).toEqual(expect.arrayContaining(['a', 'b']))
      expect(snapshot.problems).toEqual([])
    }
  })

  test('an emptied or broken file that stays so is believed in the end', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.write('a.yaml', sourceText('a'))
    await directory.write('b.yaml', sourceText('b'))
    await directory.watch()
    await directory.write('a.yaml', '')
    await directory.write('b.yaml', 'b: [')
    const snapshot = await directory.until(({ problems, manifests }) => problems.length === 1 && manifests.length === 1)
    expect(problemsOf(snapshot)).toEqual(['b.yaml yaml_syntax'])
    expect(namesOf(snapshot)).toEqual(['b'])
  })

  test('a burst of writes gives few snapshots, the last of them right', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.watch()
    for (let i = 0; i < 200; i++) await directory.write(`f${i % 50}.yaml`, sourceText(`n${i}`))
    const expected = Array.from({ length: 50 }, (_, i) => `n${150 + i}`).toSorted()
    await directory.until((snapshot) => namesOf(snapshot).join() === expected.join())
    await sleep(200)
    expect(directory.snapshots.length).toBeLessThanOrEqual(6)
  })

  test('a mounted ConfigMap: the swap of its ..data link is one change of the whole', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.write('..2026_1/a.yaml', sourceText('a'))
    await directory.write('..2026_1/b.yaml', sourceText('b'))
    await symlink('..2026_1', directory.path('..data'))
    await symlink('..data/a.yaml', directory.path('a.yaml'))
    await symlink('..data/b.yaml', directory.path('b.yaml'))
    expect(namesOf(await directory.watch())).toEqual(['a', 'b'])
    for (const turn of [2, 3]) {
      await directory.write(`..2026_${turn}/a.yaml`, sourceText('a', `  params: { turn: ${turn} }\n`))
      await directory.write(`..2026_${turn}/b.yaml`, sourceText('b', `  params: { turn: ${turn} }\n`))
      await symlink(`..2026_${turn}`, directory.path('..data_tmp'))
      await rename(directory.path('..data_tmp'), directory.path('..data'))
      await rm(directory.path(`..2026_${turn - 1}`), { recursive: true })
      await directory.until(({ manifests }) => manifests.every(({ spec }) => Object(spec).params?.turn === turn))
    }
    for (const { manifests, problems } of directory.snapshots) {
      expect(new Set(manifests.map(({ spec }) => Object(spec).params?.turn)).size).toBe(1)
      expect(problems).toEqual([])
    }
    expect(await readdir(directory.root)).toContain('..data')
  })

  test('a root that is a link is followed to where it is pointed next', async () => {
    await using one = await WatchedDirectory.create()
    await using two = await WatchedDirectory.create()
    await one.write('a.yaml', sourceText('a'))
    await two.write('b.yaml', sourceText('b'))
    const link = `${one.root}.link`
    await symlink(one.root, link)
    await using directory = await WatchedDirectory.create({ root: link })
    expect(namesOf(await directory.watch())).toEqual(['a'])
    await symlink(two.root, `${link}.next`)
    await rename(`${link}.next`, link)
    await directory.until((snapshot) => namesOf(snapshot).join() === 'b')
    await two.write('c.yaml', sourceText('c'))
    await directory.until((snapshot) => namesOf(snapshot).join() === 'b,c')
    await rm(link)
  })

  test('a change that no event told of is found by wake() and by the regular list', async () => {
    await using directory = await WatchedDirectory.create({ resyncMs: 300 })
    await using outside = await WatchedDirectory.create()
    await directory.watch()
    await outside.write('a.yaml', sourceText('a'))
    await symlink(outside.root, directory.path('linked'))
    await directory.until((snapshot) => namesOf(snapshot).join() === 'a')
    await outside.write('deep/b.yaml', sourceText('b'))
    directory.origin.wake()
    await directory.until((snapshot) => namesOf(snapshot).join() === 'a,b')
  })

  test('ends when its signal aborts and when it is disposed, also twice', async () => {
    const directory = await WatchedDirectory.create()
    await directory.watch()
    const ended = Array.fromAsync(directory.origin.snapshots(new AbortController().signal))
    await sleep(50)
    await directory[Symbol.asyncDispose]()
    expect(await ended).toHaveLength(1)
    await directory.origin[Symbol.asyncDispose]()
    expect(await Array.fromAsync(directory.origin.snapshots(new AbortController().signal))).toEqual([])
  })
})
