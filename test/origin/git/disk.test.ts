import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sourceText } from '../../manifest/texts.ts'
import { namesOf } from '../watched-directory.ts'
import { FollowedRepository } from './followed-repository.ts'
import { expectKept, expectNothing } from './in-force.ts'
import { Upstream } from './upstream.ts'

/** A manifest that does not become smaller than so many bytes. */
const big = (name: string, bytes: number): string => `${sourceText(name)}# ${randomBytes(bytes / 2).toString('hex')}\n`

/** What git finds its programs by, with a git that can write no more than so many KiB into a file. */
class SmallGit implements AsyncDisposable {
  readonly #dir: string
  readonly programs: string

  private constructor(dir: string) {
    this.#dir = dir
    this.programs = [dir, process.env['PATH']].join(delimiter)
  }

  /** Beyond the limit a write fails as on a full disk, or, with `kills`, a signal ends the program. */
  static async create(kib: number, kills = false): Promise<SmallGit> {
    const dir = await mkdtemp(join(tmpdir(), 'hermes-small-'))
    const git = spawnSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).stdout.trim()
    const lines = ['#!/bin/sh', kills ? '' : "trap '' XFSZ", `ulimit -f ${kib * 2}`, `exec ${git} "$@"`]
    await writeFile(join(dir, 'git'), `${lines.join('\n')}\n`)
    await chmod(join(dir, 'git'), 0o755)
    return new SmallGit(dir)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true })
  }
}

/** A disk of half a mebibyte; where none may be mounted, a git that writes no more than that. */
class SmallDisk implements AsyncDisposable {
  readonly home: string
  readonly programs: string | undefined
  readonly #closing: AsyncDisposableStack

  private constructor(home: string, programs: string | undefined, closing: AsyncDisposableStack) {
    this.home = home
    this.programs = programs
    this.#closing = closing
  }

  static async create(): Promise<SmallDisk> {
    const dir = await mkdtemp(join(tmpdir(), 'hermes-disk-'))
    await using closing = new AsyncDisposableStack()
    closing.defer(() => rm(dir, { recursive: true, force: true }))
    const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', dir]).status === 0
    if (isMounted) closing.defer(() => void spawnSync('umount', ['--lazy', dir]))
    const small = isMounted ? undefined : closing.use(await SmallGit.create(512))
    const home = join(dir, 'home')
    await mkdir(home)
    return new SmallDisk(home, small?.programs, closing.move())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closing.disposeAsync()
  }
}

describe('a disk that is full', () => {
  test.each([
    ['the disk says so', false],
    ['git is killed for it', true],
  ])(
    'in the middle of a transfer (%s): what is in force stays, no beginnings stay, and room mends it',
    async (_, kills) => {
      await using small = await SmallGit.create(64, kills)
      await using upstream = await Upstream.create()
      await upstream.commit({ 'a.yaml': sourceText('a') })
      await using first = await FollowedRepository.open(upstream.path, { programs: small.programs })
      const before = await first.read()
      expect(before.problems).toEqual([])
      await upstream.commit({ 'b.yaml': big('b', 200_000) })
      for (let round = 0; round < 2; round += 1) {
        expectKept(before, await first.read(), 'disk_full')
        const files = await readdir(join(first.clone, 'objects', 'pack'))
        expect(files.filter((name) => name.startsWith('tmp_'))).toEqual([])
      }
      expect(first.logged).toHaveLength(1)
      await using followed = await first.restart()
      expectKept(before, await followed.read(), 'disk_full')
      await using roomy = await followed.restart({ programs: process.env['PATH'] })
      expect(namesOf(await roomy.read())).toEqual(['a', 'b'])
    },
  )

  test('from the start: nothing is read, and nothing is whole', async () => {
    await using small = await SmallGit.create(64)
    await using upstream = await Upstream.create()
    await upstream.commit({ 'a.yaml': big('a', 200_000) })
    await using followed = await FollowedRepository.open(upstream.path, { programs: small.programs })
    expectNothing(await followed.read(), 'disk_full')
  })

  test('with what came before on it: the clone that is there is read on, also when its disk stays full', async () => {
    await using disk = await SmallDisk.create()
    await using upstream = await Upstream.create()
    await upstream.commit({ 'a.yaml': sourceText('a') })
    await using first = await FollowedRepository.open(upstream.path, disk)
    const before = await first.read()
    expect(before.problems).toEqual([])
    await upstream.commit({ 'b.yaml': big('b', 900_000) })
    expectKept(before, await first.read(), 'disk_full')
    await using followed = await first.restart()
    expectKept(before, await followed.read(), 'disk_full')
    await upstream.commit({ 'b.yaml': sourceText('b') })
    expect(namesOf(await followed.read())).toEqual(['a', 'b'])
  })
})
