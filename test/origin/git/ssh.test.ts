import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sourceText } from '../../manifest/texts.ts'
import { namesOf } from '../watched-directory.ts'
import { FollowedRepository } from './followed-repository.ts'
import { expectKept } from './in-force.ts'
import { processesOf } from './processes.ts'
import { hasSshd, SshGitServer, sshKey } from './ssh-server.ts'
import { Upstream } from './upstream.ts'

describe.skipIf(!hasSshd)('ssh', () => {
  let server: SshGitServer
  let keys: string
  beforeAll(async () => {
    server = await SshGitServer.start()
    keys = await mkdtemp(join(tmpdir(), 'hermes-keys-'))
  })
  afterAll(async () => {
    await server[Symbol.asyncDispose]()
    await rm(keys, { recursive: true, force: true })
  })

  const right = () => ({ sshKey: server.key, knownHosts: server.knownHosts })

  test('a key, and a host that is known', async () => {
    await using upstream = await oneSource()
    await using followed = await FollowedRepository.open(server.url(upstream.path), { credentials: right() })
    const snapshot = await followed.read()
    expect(snapshot).toMatchObject({ problems: [], complete: true })
    expect(namesOf(snapshot)).toEqual(['a'])
    await upstream.commit({ 'b.yaml': sourceText('b') })
    expect(namesOf(await followed.read())).toEqual(['a', 'b'])
  })

  test('keys with the line ends of another system, in a directory with blanks and signs', async () => {
    await using upstream = await oneSource()
    const home = await mkdtemp(join(tmpdir(), `hermes 'data' 100%-`))
    const credentials = { sshKey: server.key.replaceAll('\n', '\r\n'), knownHosts: `${server.knownHosts}\r\n` }
    await using followed = await FollowedRepository.open(server.url(upstream.path), { credentials, home })
    expect(await followed.read()).toMatchObject({ problems: [], complete: true })
  })

  test('a host that is not known, or has another key than is known, is not spoken to', async () => {
    await using upstream = await oneSource()
    await using first = await FollowedRepository.open(server.url(upstream.path), { credentials: right() })
    const before = await first.read()
    await using unknown = await first.restart({ credentials: { sshKey: server.key } })
    expectKept(before, await unknown.read(), 'git_host_unknown')
    await sshKey(join(keys, 'host'))
    const other = server.knownHosts.replace(/AAAA\S+/, await publicPart(join(keys, 'host')))
    await using changed = await unknown.restart({ credentials: { sshKey: server.key, knownHosts: other } })
    expectKept(before, await changed.read(), 'git_host_unknown')
    await using again = await changed.restart({ credentials: right() })
    expect(await again.read()).toMatchObject({ problems: [] })
  })

  test('a wrong key is unauthorized, and so is a text that is no key', async () => {
    await using upstream = await oneSource()
    const wrong = await sshKey(join(keys, 'wrong'))
    for (const text of [wrong, 'no key']) {
      const credentials = { sshKey: text, knownHosts: server.knownHosts }
      await using followed = await FollowedRepository.open(server.url(upstream.path), { credentials })
      const { problems, complete } = await followed.read()
      expect(problems.map(({ code }) => code)).toEqual(['git_unauthorized'])
      expect(JSON.stringify(problems)).not.toContain('PRIVATE')
      expect(complete).toBe(false)
    }
  })

  test('a repository that is not there', async () => {
    const url = server.url('/nowhere.git')
    await using followed = await FollowedRepository.open(url, { credentials: right() })
    expect((await followed.read()).problems).toMatchObject([{ code: 'git_repository_missing' }])
  })

  test('one that never answers is given up, and neither git nor ssh is left', async () => {
    await using upstream = await oneSource()
    const url = server.url(upstream.path)
    await using first = await FollowedRepository.open(url, { credentials: right() })
    const before = await first.read()
    await server.allow('sleep 60')
    try {
      await using followed = await first.restart({ timeoutMs: 2_500 })
      const reading = followed.read()
      const seen = await processesOf(upstream.path, (found) => found.some((line) => line.startsWith('ssh ')))
      expect(seen.join('\n')).not.toContain('PRIVATE')
      expectKept(before, await reading, 'git_unreachable')
      expect((await processesOf(upstream.path)).filter((line) => line.startsWith('ssh '))).toEqual([])
    } finally {
      await server.allow()
    }
  })

  test('a server that is away leaves everything in force', async () => {
    await using upstream = await oneSource()
    await using followed = await FollowedRepository.open(server.url(upstream.path), { credentials: right() })
    const before = await followed.read()
    await server.down()
    expectKept(before, await followed.read(), 'git_unreachable')
    await server.up()
    await upstream.commit({ 'b.yaml': sourceText('b') })
    expect(namesOf(await followed.read())).toEqual(['a', 'b'])
  })
})

async function oneSource(): Promise<Upstream> {
  const upstream = await Upstream.create()
  await upstream.commit({ 'a.yaml': sourceText('a') })
  return upstream
}

async function publicPart(path: string): Promise<string> {
  return (await readFile(`${path}.pub`, 'utf8')).split(' ')[1] ?? ''
}
