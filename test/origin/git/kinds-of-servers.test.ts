import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sourceText } from '../../manifest/texts.ts'
import { namesOf } from '../watched-directory.ts'
import { FollowedRepository } from './followed-repository.ts'
import { HttpGitServer } from './http-server.ts'
import { expectKept, expectNothing } from './in-force.ts'
import { Upstream } from './upstream.ts'

/** A repository with two manifests. */
async function twoSources(...init: readonly string[]): Promise<Upstream> {
  const upstream = await Upstream.create(...init)
  await upstream.commit({ 'a.yaml': sourceText('a'), 'sub/b.yaml': sourceText('b'), 'notes.txt': 'x' })
  return upstream
}

/** Reads, changes a file, reads again. */
async function expectFollowed(upstream: Upstream, followed: FollowedRepository): Promise<void> {
  const first = await followed.read()
  expect(first).toMatchObject({ problems: [], complete: true })
  expect(namesOf(first)).toEqual(['a', 'b'])
  const commit = await upstream.commit({ 'a.yaml': sourceText('a2') })
  const second = await followed.read()
  expect(second).toMatchObject({ revision: `main@sha1:${commit}`, problems: [], complete: true })
  expect(namesOf(second)).toEqual(['a2', 'b'])
  expect(followed.parsed.toSorted()).toEqual(['a.yaml', 'a.yaml', 'sub/b.yaml'])
}

describe('servers of other kinds', () => {
  test('one without filters sends all contents, and each commit is one exchange', async () => {
    await using upstream = await twoSources()
    await upstream.git('config', 'uploadpack.allowFilter', 'false')
    await using server = await HttpGitServer.start({ root: upstream.root })
    await using followed = await FollowedRepository.open(server.url(), { ref: { branch: 'main' } })
    await expectFollowed(upstream, followed)
    expect(server.requests.filter((each) => each.startsWith('GET'))).toHaveLength(2)
    await server.down()
    await using again = await followed.restart()
    expect(namesOf(await again.read())).toEqual(['a2', 'b'])
  })

  test('one that speaks only the first protocol, and sends single objects when asked', async () => {
    await using upstream = await twoSources()
    await upstream.git('config', 'uploadpack.allowAnySHA1InWant', 'true')
    await using server = await HttpGitServer.start({ root: upstream.root, isOld: true })
    await using followed = await FollowedRepository.open(server.url())
    await expectFollowed(upstream, followed)
  })

  test('one that speaks only the first protocol, and knows no filters', async () => {
    await using upstream = await twoSources()
    await upstream.git('config', 'uploadpack.allowFilter', 'false')
    await using server = await HttpGitServer.start({ root: upstream.root, isOld: true })
    await using followed = await FollowedRepository.open(server.url())
    await expectFollowed(upstream, followed)
  })

  test('one that knows filters and sends no single objects is not supported, and said to be', async () => {
    await using upstream = await twoSources()
    await using server = await HttpGitServer.start({ root: upstream.root, isOld: true })
    await using followed = await FollowedRepository.open(server.url())
    expectNothing(await followed.read(), 'git_unsupported')
  })

  test('a mere file server is not supported, and said to be', async () => {
    await using upstream = await twoSources()
    await upstream.git('update-server-info')
    await using files = await fileServer(upstream.root)
    for (const ref of [undefined, { branch: 'main' }]) {
      const options = ref === undefined ? {} : { ref }
      await using followed = await FollowedRepository.open(`${files.url}/team.git`, options)
      expectNothing(await followed.read(), 'git_unsupported')
    }
  })

  test('a repository whose ids are SHA-256 is not supported, and said to be', async () => {
    await using upstream = await twoSources('--object-format=sha256')
    await using server = await HttpGitServer.start({ root: upstream.root })
    for (const url of [upstream.path, server.url()]) {
      for (const ref of [undefined, { branch: 'main' }]) {
        const options = ref === undefined ? {} : { ref }
        await using followed = await FollowedRepository.open(url, options)
        expectNothing(await followed.read(), 'git_unsupported')
      }
    }
  })

  test('a path on this machine', async () => {
    await using upstream = await twoSources()
    await using followed = await FollowedRepository.open(upstream.path)
    await expectFollowed(upstream, followed)
  })

  test('a work tree on this machine, of which its commits count', async () => {
    await using upstream = await twoSources()
    const tree = join(upstream.root, 'tree')
    await upstream.git('clone', '--quiet', upstream.path, tree)
    await using followed = await FollowedRepository.open(tree)
    expect(namesOf(await followed.read())).toEqual(['a', 'b'])
  })

  test('another repository in the same place, of which no commit is known', async () => {
    await using upstream = await twoSources()
    await using other = await Upstream.create()
    const commit = await other.commit({ 'c.yaml': sourceText('c') })
    await using followed = await FollowedRepository.open(upstream.path)
    const before = await followed.read()
    await upstream.hide()
    expectKept(before, await followed.read(), 'git_repository_missing')
    await upstream.git('clone', '--quiet', '--bare', other.path, upstream.path)
    const snapshot = await followed.read()
    expect(snapshot).toMatchObject({ revision: `main@sha1:${commit}`, problems: [], complete: true })
    expect(namesOf(snapshot)).toEqual(['c'])
  })
})

/** Serves files as they are. */
async function fileServer(root: string): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(({ url = '' }, response) => {
    const file = createReadStream(join(root, new URL(url, 'http://x').pathname))
    file.on('error', () => response.writeHead(404).end())
    file.pipe(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
