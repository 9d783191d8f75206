import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { parseGitAddress } from '../../../src/origin/git/git-access.ts'
import { sourceText } from '../../manifest/texts.ts'
import { namesOf } from '../watched-directory.ts'
import { FollowedRepository } from './followed-repository.ts'
import { HttpGitServer, hang } from './http-server.ts'
import { expectKept, expectNothing } from './in-force.ts'
import { processesOf } from './processes.ts'
import { Upstream } from './upstream.ts'

const TOKEN = 'ghp_Zq81-not-to-be-seen'

/** A repository with one manifest. */
async function oneSource(): Promise<Upstream> {
  const upstream = await Upstream.create()
  await upstream.commit({ 'a.yaml': sourceText('a') })
  return upstream
}

describe('https', () => {
  test('a token', async () => {
    await using upstream = await oneSource()
    await using server = await HttpGitServer.start({ root: upstream.root, auth: `x-access-token:${TOKEN}`, tls: true })
    const credentials = { token: TOKEN, ca: server.ca }
    await using followed = await FollowedRepository.open(server.url(), { credentials })
    const snapshot = await followed.read()
    expect(snapshot).toMatchObject({ problems: [], complete: true })
    expect(namesOf(snapshot)).toEqual(['a'])
    expect([...server.credentials]).toEqual([`x-access-token:${TOKEN}`])
  })

  test('a user and a password with everything in them that has a meaning elsewhere', async () => {
    const password = `p:'"$(x)\`\\ %20&@ü`
    await using upstream = await oneSource()
    await using server = await HttpGitServer.start({ root: upstream.root, auth: `ann@example.test:${password}` })
    const credentials = { username: 'ann@example.test', password }
    await using followed = await FollowedRepository.open(server.url(), { credentials })
    expect(await followed.read()).toMatchObject({ problems: [], complete: true })
  })

  test('a user and a token', async () => {
    await using upstream = await oneSource()
    await using server = await HttpGitServer.start({ root: upstream.root, auth: `oauth2:${TOKEN}` })
    const credentials = { username: 'oauth2', token: TOKEN }
    await using followed = await FollowedRepository.open(server.url(), { credentials })
    expect(await followed.read()).toMatchObject({ problems: [], complete: true })
  })

  test.each([
    ['a wrong token', { token: 'wrong' }, 'Authentication failed'],
    ['a wrong user', { username: 'eve', password: TOKEN }, 'Authentication failed'],
    ['no credentials', {}, 'asks for credentials, and there are none'],
  ])('%s: unauthorized, at once', async (_, credentials, why) => {
    await using upstream = await oneSource()
    await using server = await HttpGitServer.start({ root: upstream.root, auth: `ann:${TOKEN}` })
    await using followed = await FollowedRepository.open(server.url(), { credentials })
    const snapshot = await followed.read()
    expectNothing(snapshot, 'git_unauthorized')
    expect(snapshot.problems[0]?.message).toContain(why)
    expect(server.requests.length).toBeLessThan(5)
  })

  test('credentials that stop working leave everything in force', async () => {
    await using upstream = await oneSource()
    await using server = await HttpGitServer.start({ root: upstream.root, auth: `ann:${TOKEN}` })
    const credentials = { username: 'ann', password: TOKEN }
    await using first = await FollowedRepository.open(server.url(), { credentials })
    const before = await first.read()
    await using followed = await first.restart({ credentials: { username: 'ann', password: 'old' } })
    expectKept(before, await followed.read(), 'git_unauthorized')
    expect(followed.logged.join()).toContain('git_unauthorized')
  })

  test('a password that was replaced is the one used at the next look', async () => {
    await using upstream = await oneSource()
    await using server = await HttpGitServer.start({ root: upstream.root, auth: `ann:${TOKEN}` })
    const credentials = { username: 'ann', password: 'old' }
    await using followed = await FollowedRepository.open(server.url(), { credentials })
    expect((await followed.read()).problems.map(({ code }) => code)).toEqual(['git_unauthorized'])
    credentials.password = TOKEN
    followed.origin.wake()
    expect((await followed.read()).problems).toEqual([])
  })

  test('403 is unauthorized, 404 is a repository that is missing, 5xx and 429 are a server that is away', async () => {
    await using upstream = await oneSource()
    await using server = await HttpGitServer.start({ root: upstream.root })
    await using followed = await FollowedRepository.open(server.url())
    const before = await followed.read()
    const codes = {
      403: 'git_unauthorized',
      404: 'git_repository_missing',
      429: 'git_unreachable',
      500: 'git_unreachable',
      503: 'git_unreachable',
    }
    for (const [status, code] of Object.entries(codes)) {
      server.fault = (_, response) => {
        response.writeHead(Number(status)).end('no')
        return true
      }
      expectKept(before, await followed.read(), code)
    }
    server.fault = undefined
    expect(await followed.read()).toMatchObject({ problems: [] })
  })

  test('a repository that is not there', async () => {
    await using upstream = await oneSource()
    await using server = await HttpGitServer.start({ root: upstream.root })
    await using followed = await FollowedRepository.open(server.url('other.git'))
    expectNothing(await followed.read(), 'git_repository_missing')
    await using local = await FollowedRepository.open(join(upstream.root, 'other.git'))
    expectNothing(await local.read(), 'git_repository_missing')
  })

  test('an authority that is not known', async () => {
    await using upstream = await oneSource()
    await using server = await HttpGitServer.start({ root: upstream.root, tls: true })
    await using other = await HttpGitServer.start({ root: upstream.root, tls: true })
    await using absent = await FollowedRepository.open(server.url())
    expectNothing(await absent.read(), 'git_tls')
    await using wrong = await FollowedRepository.open(server.url(), { credentials: { ca: other.ca } })
    expectNothing(await wrong.read(), 'git_tls')
    await using right = await wrong.restart({ credentials: { ca: server.ca } })
    const before = await right.read()
    expect(before).toMatchObject({ problems: [], complete: true })
    await using again = await right.restart({ credentials: { ca: other.ca } })
    expectKept(before, await again.read(), 'git_tls')
  })

  test('a redirect to another server takes no credentials along', async () => {
    await using upstream = await oneSource()
    await using elsewhere = await HttpGitServer.start({ root: upstream.root, auth: `x-access-token:${TOKEN}` })
    await using server = await HttpGitServer.start({ root: upstream.root, auth: `x-access-token:${TOKEN}` })
    server.fault = ({ message }, response) => {
      response.writeHead(302, { location: new URL(message.url ?? '', elsewhere.url()).href }).end()
      return true
    }
    await using followed = await FollowedRepository.open(server.url(), { credentials: { token: TOKEN } })
    expectNothing(await followed.read(), 'git_unauthorized')
    expect([...elsewhere.credentials]).toEqual([])
    expect(elsewhere.requests).not.toEqual([])
  })
})

describe('what must not be seen', () => {
  test('credentials are in no process, no file of the clone, no problem and no log', async () => {
    await using upstream = await oneSource()
    await using server = await HttpGitServer.start({ root: upstream.root, auth: `ann:${TOKEN}` })
    const credentials = { username: 'ann', password: TOKEN }
    await using first = await FollowedRepository.open(server.url(), { credentials })
    await first.read()
    await upstream.commit({ 'b.yaml': sourceText('b') })
    server.fault = (request, response) => request.isTransfer && hang(request, response)
    const reading = outcomeOf(first.read())
    const seen = await processesOf(server.url(), ({ length }) => length > 1)
    expect(seen.join('\n')).toContain('git')
    expect(seen.join('\n')).not.toContain(TOKEN)
    expect(seen.join('\n')).not.toContain('ann')
    await first.close()
    expect(await reading).toBe('stopped')
    await using wrong = await first.restart({ credentials: { username: 'ann', password: `${TOKEN}-wrong` } })
    const refused = await wrong.read()
    expect(refused.problems).toMatchObject([{ code: 'git_unauthorized' }])
    expect(JSON.stringify([refused, first.logged, wrong.logged])).not.toContain(TOKEN)
    for (const file of await filesBelow(wrong.home)) expect(await readFile(file, 'latin1')).not.toContain(TOKEN)
  })

  test('keys and certificates lie in files that only this user reads, and only while git needs them', async () => {
    await using upstream = await oneSource()
    await using server = await HttpGitServer.start({ root: upstream.root })
    server.fault = hang
    await using followed = await FollowedRepository.open(server.url(), { credentials: { ca: 'PEM' } })
    const ownDirectories = async (): Promise<string[]> =>
      (await readdir(followed.home)).filter((name) => name.includes('access')).map((name) => join(followed.home, name))
    expect(await ownDirectories()).toEqual([])
    const reading = outcomeOf(followed.read())
    await processesOf(server.url(), ({ length }) => length > 1)
    const [own = '', ...others] = await ownDirectories()
    expect([(await stat(join(own, 'ca.pem'))).mode & 0o777, others]).toEqual([0o600, []])
    await followed.close()
    expect(await reading).toBe('stopped')
    await vi.waitFor(async () => expect(await ownDirectories()).toEqual([]))
  })

  test('a stop ends git and all of its helpers', async () => {
    await using upstream = await oneSource()
    await using server = await HttpGitServer.start({ root: upstream.root })
    server.fault = hang
    await using followed = await FollowedRepository.open(server.url())
    const reading = outcomeOf(followed.read())
    await processesOf(server.url(), ({ length }) => length > 1)
    await followed.close()
    expect(await reading).toBe('stopped')
    expect(await processesOf(server.url())).toEqual([])
  })

  test.each([
    'https://ann:secret@host/x.git',
    'https://secret@host/x.git',
    'ssh://git:secret@host/x.git',
    'http://:secret@host/x',
  ])('credentials in the address are refused: %s', (address) => {
    expect(() => parseGitAddress(address)).toThrow(expect.objectContaining({ code: 'setting_invalid' }))
    expect(() => parseGitAddress(address)).not.toThrow(/secret/)
  })

  test.each([
    '--upload-pack=touch /tmp/x',
    'ext::sh -c true',
    'fd::3',
    'git://host/x',
    'host',
    'https://host/x\ny',
    '',
  ])('what is no address, or one of a helper, is refused: %j', (address) => {
    expect(() => parseGitAddress(address)).toThrow(expect.objectContaining({ code: 'setting_invalid' }))
  })

  test.each([
    ['https://host/x.git', 'https'],
    ['ssh://git@host:2222/x.git', 'ssh'],
    ['git@host:team/x.git', 'ssh'],
    ['file:///srv/x.git', 'file'],
    ['/srv/x.git', 'file'],
    ['./x.git', 'file'],
  ])('%s is understood', (address, scheme) => {
    expect(parseGitAddress(address)).toMatchObject({ url: address, scheme })
  })
})

describe('a server that is away', () => {
  test('leaves everything in force, and what it has then comes when it is back', async () => {
    await using upstream = await oneSource()
    await using server = await HttpGitServer.start({ root: upstream.root })
    await using followed = await FollowedRepository.open(server.url())
    const before = await followed.read()
    await server.down()
    const away = await followed.read()
    expectKept(before, away, 'git_unreachable')
    expect((await followed.read()).problems).toEqual(away.problems)
    expect(followed.logged).toHaveLength(1)
    await upstream.commit({ 'b.yaml': sourceText('b') })
    await server.up()
    expect(namesOf(await followed.read())).toEqual(['a', 'b'])
  })

  test('from the start: nothing is read, and nothing is whole', async () => {
    await using upstream = await oneSource()
    await using server = await HttpGitServer.start({ root: upstream.root })
    await server.down()
    await using followed = await FollowedRepository.open(server.url())
    expectNothing(await followed.read(), 'git_unreachable')
    await server.up()
    expect(await followed.read()).toMatchObject({ problems: [], complete: true })
  })

  test('at a restart: the last good commit is in force, each file parsed again', async () => {
    await using upstream = await oneSource()
    await using server = await HttpGitServer.start({ root: upstream.root })
    await using first = await FollowedRepository.open(server.url())
    await first.read()
    await upstream.commit({ 'b.yaml': sourceText('b') })
    const before = await first.read()
    await server.down()
    await using followed = await first.restart()
    expectKept(before, await followed.read(), 'git_unreachable')
    expect(followed.parsed.toSorted()).toEqual(['a.yaml', 'b.yaml'])
  })

  test('a name that does not resolve', async () => {
    await using followed = await FollowedRepository.open('https://git.invalid/x.git')
    expectNothing(await followed.read(), 'git_unreachable')
  })

  test('one that never answers is given up, and no process of git is left', async () => {
    await using upstream = await oneSource()
    await using server = await HttpGitServer.start({ root: upstream.root })
    await using first = await FollowedRepository.open(server.url())
    const before = await first.read()
    await upstream.commit({ 'b.yaml': sourceText('b') })
    server.fault = hang
    await using followed = await first.restart({ timeoutMs: 700 })
    const snapshot = await followed.read()
    expectKept(before, snapshot, 'git_unreachable')
    expect(snapshot.problems[0]?.message).toContain('no answer for 0.7 s')
    expect(await processesOf(server.url())).toEqual([])
  })

  test('one that hangs in the middle of a transfer is given up as well', async () => {
    await using upstream = await oneSource()
    await using server = await HttpGitServer.start({ root: upstream.root })
    await using first = await FollowedRepository.open(server.url())
    const before = await first.read()
    await upstream.commit({ 'b.yaml': sourceText('b') })
    server.fault = (request, response) => request.isTransfer && hang(request, response)
    await using followed = await first.restart({ timeoutMs: 1_500 })
    expectKept(before, await followed.read(), 'git_unreachable')
    server.fault = undefined
    await using again = await followed.restart({ timeoutMs: 30_000 })
    expect(namesOf(await again.read())).toEqual(['a', 'b'])
  })

  test.each([0, 10, 60, 200])('one that closes the connection after %i bytes of an answer', async (bytes) => {
    await using upstream = await oneSource()
    await using server = await HttpGitServer.start({ root: upstream.root })
    await using followed = await FollowedRepository.open(server.url())
    const before = await followed.read()
    await upstream.commit({ 'b.yaml': sourceText('b') })
    server.cutAfter = bytes
    expectKept(before, await followed.read(), 'git_unreachable')
    expect(await readdir(join(followed.clone, 'objects', 'pack')).then(beginnings)).toEqual([])
    server.cutAfter = undefined
    expect(namesOf(await followed.read())).toEqual(['a', 'b'])
  })

  test('one that sends something else than Git', async () => {
    await using upstream = await oneSource()
    await using server = await HttpGitServer.start({ root: upstream.root })
    await using followed = await FollowedRepository.open(server.url(), { ref: { branch: 'main' } })
    const before = await followed.read()
    await upstream.commit({ 'b.yaml': sourceText('b') })
    server.fault = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Please sign in</h1>')
      return true
    }
    expectKept(before, await followed.read(), 'git_ref_missing')
    server.fault = ({ isTransfer }, response) => {
      if (isTransfer) response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-result' }).end('garbage')
      return isTransfer
    }
    expectKept(before, await followed.read(), 'git_unreachable')
    server.fault = undefined
    expect(namesOf(await followed.read())).toEqual(['a', 'b'])
  })

  test('one that is slow and not silent is waited for', async () => {
    await using upstream = await oneSource()
    await using server = await HttpGitServer.start({ root: upstream.root })
    await using first = await FollowedRepository.open(server.url())
    await first.read()
    await upstream.commit({ 'b.yaml': sourceText('b') })
    server.slow = { everyMs: 400, times: 8 }
    await using followed = await first.restart({ timeoutMs: 2_500 })
    const startedAt = performance.now()
    expect(namesOf(await followed.read())).toEqual(['a', 'b'])
    expect(performance.now() - startedAt).toBeGreaterThan(2_500)
  })
})

function outcomeOf(reading: Promise<unknown>): Promise<string> {
  return reading.then(
    () => 'read',
    () => 'stopped',
  )
}

function beginnings(names: readonly string[]): readonly string[] {
  return names.filter((name) => name.startsWith('tmp_'))
}

async function filesBelow(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}
