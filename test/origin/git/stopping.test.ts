import { expect, test } from 'vitest'
import { FollowedRepository } from './followed-repository.ts'
import { HttpGitServer, hang } from './http-server.ts'
import { Upstream } from './upstream.ts'

test('who follows and is told to stop does not wait for a look that somebody else began', async () => {
  await using upstream = await Upstream.create()
  await using server = await HttpGitServer.start({ root: upstream.root })
  server.fault = hang
  await using followed = await FollowedRepository.open(server.url())
  const stop = new AbortController()
  const other = followed.origin.read(new AbortController().signal)
  let isWaiting = true
  other.finally(() => (isWaiting = false)).catch(() => undefined)
  const following = followed.origin.snapshots(stop.signal)[Symbol.asyncIterator]().next()
  stop.abort()
  expect(await following).toEqual({ done: true, value: undefined })
  expect(isWaiting).toBe(true)
})
