import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, symlink, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { gitRunner } from '../../../src/origin/git/git-command.ts'
import { sourceText } from '../../manifest/texts.ts'
import { FollowedRepository } from './followed-repository.ts'
import { expectNothing } from './in-force.ts'
import { Signer } from './signing.ts'
import { Upstream } from './upstream.ts'

/** A directory of programs that holds these alone. */
async function onlyPrograms(dir: string, names: readonly string[]): Promise<string> {
  const path = await mkdtemp(join(dir, 'bin-'))
  for (const name of names) {
    const found = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim()
    await symlink(found, join(path, name))
  }
  return path
}

describe('what the machine lacks, and what others left on it', () => {
  let dir: string
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hermes-machine-'))
  })
  afterAll(() => rm(dir, { recursive: true }))

  test('git', async () => {
    await using upstream = await Upstream.create()
    await using followed = await FollowedRepository.open(upstream.path, { programs: await onlyPrograms(dir, ['sh']) })
    const snapshot = await followed.read()
    expectNothing(snapshot, 'git_missing')
    expect(snapshot.problems[0]?.message).toBe('git is not installed, or not in PATH')
  })

  test('ssh', async () => {
    const programs = await onlyPrograms(dir, ['sh', 'git'])
    await using followed = await FollowedRepository.open('ssh://git@127.0.0.1:1/x.git', { programs })
    expectNothing(await followed.read(), 'git_missing')
  })

  test('gpg', async () => {
    await using upstream = await Upstream.create()
    const options = { programs: await onlyPrograms(dir, ['sh', 'git']), trust: { gpg: 'keys' } }
    const opening = FollowedRepository.open(upstream.path, options)
    await expect(opening).rejects.toMatchObject({ code: 'git_missing', message: expect.stringContaining('gpg') })
  })

  test('nothing that configures git for the user or the machine reaches it', async () => {
    const variables = {
      PATH: process.env['PATH'],
      HOME: dir,
      GIT_DIR: '/nowhere',
      GIT_SSH_COMMAND: 'false',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'user.name',
      GIT_CONFIG_VALUE_0: 'Eve',
      HERMES_SECRET_GIT_TOKEN: 'secret',
      https_proxy: 'http://proxy:1',
    }
    const run = gitRunner(variables, {}, 'git')
    const args = ['-c', 'alias.env=!env', 'env']
    const { stdout } = await run({ args, signal: new AbortController().signal })
    const names = stdout
      .toString()
      .split('\n')
      .map((line) => line.split('=')[0])
    expect(names).toEqual(expect.arrayContaining(['PATH', 'https_proxy', 'GIT_TERMINAL_PROMPT']))
    expect(stdout.toString()).not.toMatch(/Eve|secret|nowhere/)
    expect(names).not.toEqual(expect.arrayContaining(['GIT_SSH_COMMAND']))
  })

  test('keys that a killed process left are removed after two days, and those in use are not', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit({ 'a.yaml': sourceText('a') })
    const home = await mkdtemp(join(dir, 'home-'))
    const names = ['clone-access-left01', 'clone-trust-left01', 'clone-access-recent']
    for (const name of names) await mkdir(join(home, name))
    const then = new Date(Date.now() - 3 * 86_400_000)
    for (const name of names.slice(0, 2)) await utimes(join(home, name), then, then)
    await using first = await FollowedRepository.open(upstream.path, { home, trust: { ssh: '' } })
    await first.read()
    const mine = (await readdir(home)).filter((name) => /-(?:access|trust)-/.test(name))
    expect(mine).not.toEqual(expect.arrayContaining(['clone-access-left01']))
    expect(mine).not.toEqual(expect.arrayContaining(['clone-trust-left01']))
    expect(mine).toContain('clone-access-recent')
    for (const name of mine) await utimes(join(home, name), then, then)
    await first.read()
    await using second = await FollowedRepository.open(upstream.path, { home })
    await second.read()
    expect((await readdir(home)).filter((name) => mine.includes(name))).toHaveLength(mine.length - 1)
  })

  test('two processes verify with keyrings of their own', async () => {
    await using signer = await Signer.gpg()
    await using upstream = await Upstream.create()
    await upstream.commit({ 'a.yaml': sourceText('a') }, { signing: signer.signing })
    await using first = await FollowedRepository.open(upstream.path, { trust: signer.trust })
    const second = await FollowedRepository.open(upstream.path, { home: first.home, trust: signer.trust })
    expect(await second.read()).toMatchObject({ problems: [], complete: true })
    await second.close()
    expect(await first.read()).toMatchObject({ problems: [], complete: true })
  })
})
