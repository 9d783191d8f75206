import { existsSync } from 'node:fs'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { BareRepository } from '../../../src/origin/git/bare-repository.ts'
import { Commits } from '../../../src/origin/git/commits.ts'
import { openGitAccess, parseGitAddress } from '../../../src/origin/git/git-access.ts'
import { gitRunner } from '../../../src/origin/git/git-command.ts'
import { GitRepository } from '../../../src/origin/git/repository.ts'
import { run, Upstream } from './upstream.ts'

const signal = new AbortController().signal
let upstream: Upstream
let home: string
beforeEach(async () => {
  upstream = await Upstream.create()
  home = await mkdtemp(join(tmpdir(), 'hermes-commits-'))
})
afterEach(async () => {
  await upstream[Symbol.asyncDispose]()
  await rm(home, { recursive: true, force: true })
})

/** A commit by somebody on top of `main`. */
async function commitBy(name: string, message: string, date: string): Promise<string> {
  const file = await upstream.commit({ 'a.yaml': `${message}\n` })
  const env = { GIT_AUTHOR_NAME: name, GIT_AUTHOR_DATE: date }
  const tree = ['commit-tree', '-m', message, '-m', 'More of it.', `${file}^{tree}`]
  const id = await run('git', ['--git-dir', upstream.path, ...tree], { env })
  await upstream.force('main', id)
  return id
}

/** Over a clone of what the branch points to now. */
async function opened() {
  const git = gitRunner(process.env)
  const parts = { url: upstream.path, run: git, timeoutMs: 10_000 }
  const openAccess = () => openGitAccess(parseGitAddress(upstream.path), {}, join(home, 'access'))
  const clone = new GitRepository({
    ...parts,
    dir: join(home, 'clone'),
    ref: { branch: 'main' },
    openAccess,
  })
  await clone.open(signal)
  await clone.fetch(signal)
  const scratch = new BareRepository({ ...parts, dir: join(home, 'scratch'), openAccess })
  return { clone, commits: new Commits({ clone, scratch }) }
}

function revision(id: string): string {
  return `main@sha1:${id}`
}

it('tells the commit in force from the clone alone', async () => {
  const id = await commitBy('Zoë', 'Add prices', '2026-01-31T12:00:00+01:00')
  const { commits } = await opened()
  await rename(upstream.path, `${upstream.path}.away`)
  const told = await commits.of([revision(id)], signal)
  expect(told.get(revision(id))).toEqual({
    id,
    author: 'Zoë',
    date: '2026-01-31T12:00:00+01:00',
    subject: 'Add prices',
  })
})

it('has earlier ones sent, and leaves nothing of them behind', async () => {
  const first = await commitBy('Ada', 'First', '2026-01-01T00:00:00Z')
  const second = await commitBy('Bob', 'Second', '2026-01-02T00:00:00Z')
  const third = await commitBy('Cyd', 'Third', '2026-01-03T00:00:00Z')
  const { clone, commits } = await opened()
  const told = await commits.of([first, third, second].map(revision), signal)
  expect([...told.values()].map(({ author, subject }) => `${author}: ${subject}`).toSorted()).toEqual([
    'Ada: First',
    'Bob: Second',
    'Cyd: Third',
  ])
  expect(await clone.has(first, signal)).toBe(false)
  expect(existsSync(join(home, 'scratch'))).toBe(false)
  await rename(upstream.path, `${upstream.path}.away`)
  expect((await commits.of([revision(first)], signal)).get(revision(first))?.author).toBe('Ada')
})

it('leaves out what is no commit, or none any more', async () => {
  const gone = await commitBy('Ada', 'Rewritten', '2026-01-01T00:00:00Z')
  const kept = await commitBy('Bob', 'Kept', '2026-01-02T00:00:00Z')
  await upstream.git('branch', 'old', kept)
  await upstream.commit({ 'b.yaml': 'b\n' }, { isOrphan: true })
  await upstream.git('reflog', 'expire', '--expire=now', '--all')
  await upstream.git('gc', '--quiet', '--prune=now')
  const { commits } = await opened()
  const told = await commits.of([revision(gone), revision(kept), 'sha256:00', ''], signal)
  expect([...told.keys()]).toEqual([revision(kept)])
})

it('tells of others when the server is away', async () => {
  const first = await commitBy('Ada', 'First', '2026-01-01T00:00:00Z')
  const second = await commitBy('Bob', 'Second', '2026-01-02T00:00:00Z')
  const { commits } = await opened()
  await rename(upstream.path, `${upstream.path}.away`)
  const told = await commits.of([revision(first), revision(second)], signal)
  expect([...told.keys()]).toEqual([revision(second)])
  expect(existsSync(join(home, 'scratch'))).toBe(false)
})
