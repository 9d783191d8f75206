import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { OriginSecrets } from '../../src/manifest/origin-secrets.ts'
import { secretStore } from '../../src/manifest/secrets.ts'
import type { Origin, Snapshot } from '../../src/origin/origin.ts'
import { withSecrets } from '../../src/origin/with-secrets.ts'
import { FakeClock } from '../fake-clock.ts'
import { type KeyPair, newKey, sopsFile } from '../manifest/sops-files.ts'
import { problemsOf, WatchedDirectory } from './watched-directory.ts'

let key: KeyPair
beforeAll(async () => {
  key = await newKey()
})

let directory: WatchedDirectory
let secretsDir: string
beforeEach(async () => {
  directory = await WatchedDirectory.create()
  secretsDir = await mkdtemp(join(tmpdir(), 'hermes-secrets-'))
})
afterEach(async () => {
  await directory[Symbol.asyncDispose]()
  await rm(secretsDir, { recursive: true })
})

/** The directory's origin with secrets, whose time stands still. */
function opened(origin: Origin = directory.origin) {
  const clock = new FakeClock()
  const secrets = new OriginSecrets({
    local: secretStore({ environment: {}, directory: secretsDir }),
    keysNeeded: true,
  })
  return { clock, secrets, origin: withSecrets(origin, secrets, clock) }
}

it('a snapshot comes again, without the problem, when the private key is there', async () => {
  await directory.write('a.sops.yaml', await sopsFile({ TOKEN: 'value' }, { recipients: [key.recipient] }))
  const { clock, secrets, origin } = opened()
  const stop = new AbortController()
  const snapshots = origin.snapshots(stop.signal)[Symbol.asyncIterator]()
  const first = await next(snapshots)
  expect(problemsOf(first)).toEqual(['a.sops.yaml secret_undecryptable'])
  expect(first.brokenFiles).toEqual(new Set())
  const coming = next(snapshots)
  await expect.poll(() => clock.sleeping).toBeGreaterThan(0)
  await writeFile(join(secretsDir, 'SOPS_AGE_KEY'), key.identity)
  await clock.advance(5_000)
  const second = await coming
  expect([second.revision, problemsOf(second), secrets.get('TOKEN')]).toEqual([first.revision, [], 'value'])
  stop.abort()
  expect((await snapshots.next()).done).toBe(true)
})

it('secrets are in force with the snapshot that they came in', async () => {
  const { secrets, origin } = opened()
  await writeFile(join(secretsDir, 'SOPS_AGE_KEY'), key.identity)
  const seen: string[] = []
  for (const value of ['one', 'two']) {
    await directory.write('a.sops.yaml', await sopsFile({ TOKEN: value }, { recipients: [key.recipient] }))
    await origin.read(new AbortController().signal)
    seen.push(secrets.get('TOKEN'))
  }
  expect(seen).toEqual(['one', 'two'])
})

it('who follows no longer has the origin followed no longer', async () => {
  const given: AbortSignal[] = []
  const { origin } = opened({
    ...delegating(directory.origin),
    snapshots: (signal) => {
      given.push(signal)
      return directory.origin.snapshots(signal)
    },
  })
  for await (const snapshot of origin.snapshots(new AbortController().signal)) {
    expect([snapshot.secrets, given[0]?.aborted]).toEqual([undefined, false])
    break
  }
  expect(given.map(({ aborted }) => aborted)).toEqual([true])
})

function delegating(origin: Origin): Origin {
  return {
    snapshots: (signal) => origin.snapshots(signal),
    read: (signal) => origin.read(signal),
    wake: () => origin.wake(),
    [Symbol.asyncDispose]: () => origin[Symbol.asyncDispose](),
  }
}

async function next(snapshots: AsyncIterator<Snapshot>): Promise<Snapshot> {
  const { value, done } = await snapshots.next()
  if (done === true) throw new Error('no snapshot')
  return value
}
