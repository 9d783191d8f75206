import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { sourceText } from '../../manifest/texts.ts'
import { Random } from '../../random.ts'
import { namesOf } from '../watched-directory.ts'
import { FollowedRepository } from './followed-repository.ts'
import { HttpGitServer } from './http-server.ts'
import { expectKept, expectNothing } from './in-force.ts'
import { pidsOf } from './processes.ts'
import { Upstream } from './upstream.ts'
import { World } from './world.ts'

describe('a clone', () => {
  test('a good clone is not given up for a failure of the other side that nobody knows', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit({ 'a.yaml': sourceText('a') })
    await using server = await HttpGitServer.start({ root: upstream.root })
    await using followed = await FollowedRepository.open(server.url())
    const before = await followed.read()
    await upstream.commit({ 'b.yaml': sourceText('b') })
    server.fault = ({ isTransfer }, response) => {
      if (!isTransfer) return false
      const type = { 'content-type': 'application/x-git-upload-pack-result' }
      response.writeHead(200, type).end('0020ERR the moon is in the way.\n0000')
      return true
    }
    const asked = server.requests.length
    expectKept(before, await followed.read(), 'git_failed')
    const first = server.requests.length - asked
    expectKept(before, await followed.read(), 'git_failed')
    expect(server.requests.length - asked - first).toBeLessThan(first)
    await server.down()
    await using again = await followed.restart()
    expectKept(before, await again.read(), 'git_unreachable')
    await server.up()
    server.fault = undefined
    expect(namesOf(await again.read())).toEqual(['a', 'b'])
  })

  test.each([{}, { ref: { branch: 'main' } }])(
    'looks that find nothing new do not make it grow: %j',
    async (options) => {
      await using upstream = await Upstream.create()
      await upstream.commit({ 'a.yaml': sourceText('a') })
      await using followed = await FollowedRepository.open(upstream.path, options)
      for (let round = 0; round < 2; round += 1) await followed.read()
      const before = await readdir(followed.clone, { recursive: true })
      for (let round = 0; round < 3; round += 1) await followed.read()
      expect((await readdir(followed.clone, { recursive: true })).toSorted()).toEqual(before.toSorted())
    },
  )

  test('a lock that somebody holds is waited for', async () => {
    await using world = await World.create()
    const lock = join(world.followed.clone, 'shallow.lock')
    await writeFile(lock, '')
    await world.upstream.commit({ 'c.yaml': sourceText('c') })
    const reading = world.followed.read()
    await sleep(300)
    await rm(lock)
    expect(namesOf(await reading)).toEqual(['a', 'b', 'c'])
    expect(world.followed.logged).toEqual([])
  })

  test('a lock that a process left which was killed a moment ago is taken away in the end', async () => {
    await using world = await World.create()
    const lock = join(world.followed.clone, 'shallow.lock')
    await writeFile(lock, '')
    const then = new Date(Date.now() - 4_500)
    await utimes(lock, then, then)
    await world.upstream.commit({ 'c.yaml': sourceText('c') })
    expect(namesOf(await world.followed.read())).toEqual(['a', 'b', 'c'])
    expect(world.followed.logged).toEqual([])
  })

  test('what no commit in force needs any more goes when there are many packs', async () => {
    await using world = await World.create()
    const { followed, upstream } = world
    for (const name of ['a-1', 'a-2', 'a-3']) {
      await upstream.commit({ 'a.yaml': sourceText(name) })
      await followed.read()
    }
    await multiplyPacks(join(followed.clone, 'objects', 'pack'), 30)
    await upstream.commit({ 'a.yaml': sourceText('a-4') })
    expect(namesOf(await followed.read())).toEqual(['a-4', 'b'])
    const files = await readdir(join(followed.clone, 'objects', 'pack'))
    expect(files.filter((name) => name.endsWith('.pack'))).toHaveLength(1)
    const shallow = (await readFile(join(followed.clone, 'shallow'), 'utf8')).trim().split('\n')
    expect(shallow).toHaveLength(2)
    const objects = await followed.git('cat-file', '--batch-all-objects', '--batch-check=%(objecttype)')
    expect(objects.split('\n').toSorted()).toEqual(['blob', 'blob', 'blob', ...commits(2), ...trees(3)].toSorted())
    expect(followed.logged).toEqual([])
    await upstream.hide()
    await using again = await followed.restart()
    expect(namesOf(await again.read())).toEqual(['a-4', 'b'])
    await upstream.show()
    await upstream.commit({ 'c.yaml': sourceText('c') })
    const snapshot = await again.read()
    expect(snapshot).toMatchObject({ problems: [], complete: true })
    expect(namesOf(snapshot)).toEqual(['a-4', 'b', 'c'])
  })
})

describe('what a fetch brings', () => {
  test('a manifest that changed comes with its commit: a look at a change takes no more requests than any', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit({ 'a.yaml': sourceText('a'), 'b.yaml': sourceText('b') })
    await using server = await HttpGitServer.start({ root: upstream.root })
    await using followed = await FollowedRepository.open(server.url(), { ref: { branch: 'main' } })
    await followed.read()
    const transfers = (): number => server.requests.filter((line) => line.startsWith('POST')).length
    const first = transfers()
    await followed.read()
    const idle = transfers() - first
    await upstream.commit({ 'a.yaml': sourceText('a-2') })
    expect(namesOf(await followed.read())).toEqual(['a-2', 'b'])
    expect(transfers() - first - idle).toBe(idle)
  })

  test('a large file that changed stays with the other side until it is needed', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit({ 'a.yaml': sourceText('a') })
    await using followed = await FollowedRepository.open(upstream.path)
    await followed.read()
    const comment = `# ${'long '.repeat(8_000)}\n`
    await upstream.commit({ 'a.yaml': `${comment}${sourceText('a-2')}`, 'b.txt': comment })
    expect(namesOf(await followed.read())).toEqual(['a-2'])
    const sizes = await followed.git('cat-file', '--batch-all-objects', '--batch-check=%(objecttype) %(objectsize)')
    const blobs = sizes.split('\n').filter((line) => line.startsWith('blob'))
    expect(blobs.filter((line) => Number(line.split(' ')[1]) > 16 * 1024)).toHaveLength(1)
  })

  test('a server that refuses to choose by size is asked for contents as before', async () => {
    await using upstream = await Upstream.create()
    await upstream.git('config', 'uploadpackFilter.allow', 'false')
    await upstream.git('config', 'uploadpackFilter.blob:none.allow', 'true')
    await upstream.commit({ 'a.yaml': sourceText('a') })
    await using followed = await FollowedRepository.open(upstream.path)
    expect(namesOf(await followed.read())).toEqual(['a'])
    for (const name of ['a-2', 'a-3']) {
      await upstream.commit({ 'a.yaml': sourceText(name) })
      expect(namesOf(await followed.read())).toEqual([name])
    }
    expect(followed.logged).toEqual([])
  })

  test('a change of a file whose earlier content the clone never had comes whole', async () => {
    await using upstream = await Upstream.create()
    const code = Array.from({ length: 400 }, (_, index) => `line ${index * 7919}`).join('\n')
    await upstream.commit({ 'a.yaml': sourceText('a'), 'code.txt': code })
    await upstream.git('repack', '-adq')
    await using followed = await FollowedRepository.open(upstream.path)
    await followed.read()
    await upstream.commit({ 'a.yaml': sourceText('a-2'), 'code.txt': `${code}\nmore` })
    await upstream.git('repack', '-adq')
    expect(namesOf(await followed.read())).toEqual(['a-2'])
    expect(followed.logged).toEqual([])
    await followed.git('fsck', '--connectivity-only')
  })
})

describe('a clone that several use', () => {
  test('three processes on one clone all read what is there, and none makes it anew', async () => {
    await using world = await World.create()
    const { home } = world.followed
    await using second = await FollowedRepository.open(world.upstream.path, { home })
    await using third = await FollowedRepository.open(world.upstream.path, {
      home,
      ref: { branch: 'main' },
      path: 'sub',
    })
    for (let round = 0; round < 5; round += 1) {
      const name = `x-${round}`
      await world.upstream.commit({ 'a.yaml': sourceText(name), 'sub/b.yaml': sourceText(`b-${round}`) })
      const [one, two, three] = await Promise.all([world.followed, second, third].map((each) => each.read()))
      expect([one, two, three].flatMap((each) => each?.problems)).toEqual([])
      expect([namesOf(one), namesOf(two), namesOf(three)]).toEqual([
        [`b-${round}`, name],
        [`b-${round}`, name],
        [`b-${round}`],
      ])
    }
    expect([world.followed, second, third].flatMap(({ logged }) => logged)).toEqual([])
  })

  test('a clone that one of them makes anew serves the other one on', async () => {
    await using world = await World.create()
    const { home } = world.followed
    await using second = await FollowedRepository.open(world.upstream.path, { home, ref: { branch: 'main' } })
    await second.read()
    for (const name of ['c', 'd', 'e']) {
      await rm(join(world.followed.clone, 'objects'), { recursive: true })
      await world.upstream.commit({ [`${name}.yaml`]: sourceText(name) })
      for (const each of [world.followed, second]) {
        const snapshot = await each.read()
        expect(snapshot).toMatchObject({ problems: [], complete: true })
        expect(namesOf(snapshot)).toContain(name)
      }
    }
    expect(world.followed.logged).toHaveLength(3)
    expect(second.logged).toEqual([])
  })

  test('one waits while the other is at work, and not for one that was killed', async () => {
    await using world = await World.create()
    const lock = `${world.followed.clone}.lock`
    await writeFile(lock, '')
    const reading = world.followed.read()
    const isRead = reading.then(() => true)
    expect(await Promise.race([isRead, sleep(300, false)])).toBe(false)
    await rm(lock)
    expect(await reading).toMatchObject({ problems: [] })
    await writeFile(lock, '')
    await makeOld(lock)
    expect(await world.followed.read()).toMatchObject({ problems: [] })
    expect((await readdir(world.followed.home)).filter((name) => !name.includes('access'))).toEqual(['clone'])
  })

  test('one that follows another branch in the same clone does not get into the way', async () => {
    await using world = await World.create()
    await world.upstream.commit({ 'x.yaml': sourceText('x') }, { branch: 'other', isOrphan: true })
    const options = { home: world.followed.home, ref: { branch: 'other' } }
    await using other = await FollowedRepository.open(world.upstream.path, options)
    expect(namesOf(await other.read())).toEqual(['x'])
    expect(await world.followed.read()).toMatchObject({ revision: world.before.revision, problems: [] })
  })

  test('another address or branch has no last good commit of its own in it', async () => {
    await using world = await World.create()
    const { home } = world.followed
    await using elsewhere = await FollowedRepository.open(`${world.upstream.path}.other`, { home })
    expectNothing(await elsewhere.read(), 'git_repository_missing')
    await using branch = await FollowedRepository.open(world.upstream.path, { home, ref: { branch: 'live' } })
    expectNothing(await branch.read(), 'git_ref_missing')
  })
})

describe('a process that is killed', () => {
  test('at any moment of its work on a clone: the next one reads everything', async () => {
    await using upstream = await Upstream.create()
    const names = Array.from({ length: 50 }, (_, index) => `s${index}`)
    await upstream.commit(Object.fromEntries(names.map((name) => [`${name}.yaml`, sourceText(name)])))
    await using server = await HttpGitServer.start({ root: upstream.root })
    const random = new Random(7)
    const home = await mkdtemp(join(tmpdir(), 'hermes-killed-'))
    for (let round = 0; round < 5; round += 1) {
      await upstream.commit({ 's0.yaml': sourceText(`s0-${round}`) })
      await killAfter(random.between(0, 250), server.url(), home)
    }
    await using followed = await FollowedRepository.open(server.url(), { home })
    const snapshot = await followed.read()
    expect(snapshot).toMatchObject({ problems: [], complete: true })
    expect(namesOf(snapshot)).toEqual([...names.slice(1), 's0-4'].toSorted())
  }, 60_000)
})

/** Lets a process follow a repository, and kills it and its gits so long after it began with its work. */
async function killAfter(ms: number, url: string, home: string): Promise<void> {
  const script = join(import.meta.dirname, 'killed-child.ts')
  const child = spawn(process.execPath, [script, url, home], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  await sleep(ms)
  child.kill('SIGKILL')
  await once(child, 'close')
  for (const pid of await pidsOf(home)) killIfThere(pid)
  await makeOld(join(home, 'clone.lock'))
}

const commits = (count: number): readonly string[] => Array.from({ length: count }, () => 'commit')
const trees = (count: number): readonly string[] => Array.from({ length: count }, () => 'tree')

/** Puts so many more of each pack beside it: what many fetches leave. */
async function multiplyPacks(dir: string, count: number): Promise<void> {
  for (const file of await readdir(dir)) {
    const stem = file.slice(0, file.indexOf('.'))
    for (let copy = 0; copy < count; copy += 1) {
      const name = `pack-${createHash('sha1').update(`${stem}${copy}`).digest('hex')}`
      await copyFile(join(dir, file), join(dir, file.replace(stem, name)))
    }
  }
}

/** As if it had been left a while ago, and not just now. */
async function makeOld(path: string): Promise<void> {
  const then = new Date(Date.now() - 60_000)
  await utimes(path, then, then).catch(() => undefined)
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
