import { appendFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../src/clock.ts'
import { FileWatch } from '../../src/connectors/sources/file-watch.ts'
import { followFileSource } from '../../src/connectors/sources/follow-file.ts'
import { openConnector } from './open-connector.ts'
import { never } from './opened.ts'

let root: string
let folder: string
let path: string
let waits: number[]
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hermes-watch-'))
  folder = join(root, 'logs')
  path = join(folder, 'app.log')
  waits = []
  await mkdir(folder)
  await writeFile(path, '')
})
afterEach(() => rm(root, { recursive: true }))

/** Time so many times as fast, which says how long it was waited for. */
const clock = (speed: number): Clock => ({
  now: () => systemClock.now(),
  sleep: (ms, signal) => {
    waits.push(ms)
    return systemClock.sleep(ms / speed, signal)
  },
})

// What other systems call their file systems is not known: there time decides.
describe.skipIf(process.platform !== 'linux')('a file that nobody writes to', () => {
  it('is looked at seldom where changes are announced, and at once when one is', async () => {
    const watch = new FileWatch(path, 200, clock(1))
    await watch.next(never, true)
    const changed = watch.next(never, true)
    await appendFile(path, 'a\n')
    await changed
    watch.found()
    const other = watch.next(never, false)
    await other
    watch.close()
    expect(waits).toEqual([10_000, 200])
  })

  it('is looked at as often as polling says once a change came unannounced', async () => {
    const watch = new FileWatch(path, 200, clock(100))
    await watch.next(never, true)
    await watch.next(never, true)
    watch.found()
    await watch.next(never, true)
    expect(waits).toEqual([10_000, 200])
    watch.close()
  })

  it('is found again when its directory was replaced by another', async () => {
    const source = await openConnector(followFileSource, { path, poll: '2s' }, { clock: clock(100) })
    const stop = new AbortController()
    const seen: string[] = []
    const reading = (async () => {
      for await (const batch of source.read(undefined, stop.signal, never))
        seen.push(Buffer.from(batch.bytes(0)).toString())
    })()
    await appendFile(path, 'a\n')
    await expect.poll(() => seen, { timeout: 8_000 }).toEqual(['a'])
    await rename(folder, `${folder}.old`)
    await mkdir(folder)
    await writeFile(path, 'b\n')
    await expect.poll(() => seen, { timeout: 8_000 }).toEqual(['a', 'b'])
    await appendFile(path, 'c\n')
    await expect.poll(() => seen, { timeout: 8_000 }).toEqual(['a', 'b', 'c'])
    stop.abort()
    await reading
    await source[Symbol.asyncDispose]()
  })
})
