import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { sourceText } from '../manifest/texts.ts'
import { namesOf, problemsOf, WatchedDirectory } from './watched-directory.ts'

describe('links and things that cannot be read', () => {
  test('links are followed, loops end, and each directory is read once', async () => {
    await using directory = await WatchedDirectory.create()
    await using other = await WatchedDirectory.create()
    await other.write('x.yaml', sourceText('x'))
    await other.write('one.yaml', sourceText('one'))
    await directory.write('sub/a.yaml', sourceText('a'))
    await symlink('.', directory.path('self'))
    await symlink('..', directory.path('sub/up'))
    await symlink('sub', directory.path('again'))
    await symlink(other.root, directory.path('z-other'))
    await symlink('../..', directory.path('sub/outside'))
    await symlink('/', directory.path('everything'))
    await symlink('me.yaml', directory.path('me.yaml'))
    await symlink('circle', directory.path('circle'))
    const snapshot = await directory.read()
    expect(namesOf(snapshot)).toContain('x')
    expect(namesOf(snapshot)).toContain('a')
    expect(snapshot.manifests.filter(({ name }) => name === 'a').map(({ at }) => at.file)).toEqual(['sub/a.yaml'])
    expect(problemsOf(snapshot).filter((each) => each.includes('symlink_loop'))).toEqual(
      expect.arrayContaining([
        'circle symlink_loop',
        'everything symlink_loop',
        'me.yaml symlink_loop',
        'self symlink_loop',
        'sub/outside symlink_loop',
        'sub/up symlink_loop',
      ]),
    )
  })

  test('many links to many directories do not multiply', async () => {
    await using directory = await WatchedDirectory.create()
    for (let level = 0; level < 30; level++) {
      await mkdir(directory.path(`level-${level}`))
      await symlink(`../level-${level + 1}`, directory.path(`level-${level}/left`))
      await symlink(`../level-${level + 1}`, directory.path(`level-${level}/right`))
    }
    await directory.write('level-30/a.yaml', sourceText('a'))
    const startedAt = performance.now()
    expect(namesOf(await directory.read())).toEqual(['a'])
    expect(performance.now() - startedAt).toBeLessThan(2_000)
  })

  test('a file that cannot be read keeps what it declared', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.write('a.yaml', sourceText('a'))
    await directory.read()
    await rm(directory.path('a.yaml'))
    await symlink('nowhere.yaml', directory.path('a.yaml'))
    const unread = await directory.read()
    expect(namesOf(unread)).toEqual(['a'])
    expect(problemsOf(unread)).toEqual(['a.yaml file_unreadable'])
    expect([...unread.brokenFiles]).toEqual(['a.yaml'])
    expect(unread.complete).toBe(true)
    await rm(directory.path('a.yaml'))
    expect(await directory.read()).toMatchObject({ manifests: [], problems: [], complete: true })
  })

  test('a directory that cannot be listed keeps its files and makes the snapshot incomplete', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.write('sub/a.yaml', sourceText('a'))
    await directory.write('b.yaml', sourceText('b'))
    await directory.read()
    await rename(directory.path('sub'), directory.path('.away'))
    await symlink('nowhere', directory.path('sub'))
    const unlisted = await directory.read()
    expect(namesOf(unlisted)).toEqual(['a', 'b'])
    expect(problemsOf(unlisted)).toEqual(['sub file_unreadable'])
    expect(unlisted.complete).toBe(false)
    expect([...unlisted.brokenFiles]).toEqual(['sub/a.yaml'])
    await rm(directory.path('sub'))
    await rename(directory.path('.away'), directory.path('sub'))
    expect(await directory.read()).toMatchObject({ problems: [], complete: true, brokenFiles: new Set() })
  })

  test('a missing root is incomplete and keeps what it held; its return is noticed', async () => {
    await using directory = await WatchedDirectory.create()
    await directory.write('a.yaml', sourceText('a'))
    await directory.watch()
    await rename(directory.root, `${directory.root}.away`)
    const missing = await directory.until(({ complete }) => !complete)
    expect(namesOf(missing)).toEqual(['a'])
    expect(missing.problems).toMatchObject([{ code: 'manifests_missing', at: { file: directory.root } }])
    await rename(`${directory.root}.away`, directory.root)
    await directory.until(({ complete }) => complete)
    await directory.write('b.yaml', sourceText('b'))
    await directory.until((snapshot) => namesOf(snapshot).join() === 'a,b')
  })

  test('a root that is missing from the start, and one that is a file', async () => {
    await using directory = await WatchedDirectory.create()
    await rm(directory.root, { recursive: true })
    const first = await directory.watch()
    expect(first).toMatchObject({ manifests: [], complete: false, problems: [{ code: 'manifests_missing' }] })
    await writeFile(directory.root, '')
    expect((await directory.read()).problems).toMatchObject([
      { code: 'manifests_missing', message: `${directory.root} is not a directory` },
    ])
    await rm(directory.root)
    await directory.write('a.yaml', sourceText('a'))
    await directory.until((snapshot) => namesOf(snapshot).join() === 'a' && snapshot.complete)
  })

  test('files that vanish while they are read are absent, not an error', async () => {
    await using directory = await WatchedDirectory.create()
    const over = new AbortController()
    const churn = (async () => {
      for (let i = 0; !over.signal.aborted; i = (i + 1) % 20) {
        await directory.write(`x${i}.yaml`, sourceText(`x${i}`))
        await rm(directory.path(`x${(i + 10) % 20}.yaml`), { force: true })
      }
    })()
    await directory.write('stays.yaml', sourceText('stays'))
    for (let i = 0; i < 30; i++) {
      const snapshot = await directory.read()
      expect(snapshot.complete).toBe(true)
      expect(problemsOf(snapshot)).toEqual([])
      expect(namesOf(snapshot)).toContain('stays')
    }
    over.abort()
    await churn
  })
})
