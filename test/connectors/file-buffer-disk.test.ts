import { spawnSync } from 'node:child_process'
import { rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, type TestContext, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { Buffer } from '../../src/stream/buffer.ts'
import { acknowledge, drain, kilobytes, never, numbers, takeSome } from './buffers.ts'
import { BufferDirectory } from './file-buffer-world.ts'

/** Tries again at once. */
const eager = { ...systemClock, sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 20, signal) }

/** A disk of two mebibytes; the test is skipped where none may be mounted. */
function smallDisk(context: TestContext): Disposable & { readonly directory: BufferDirectory } {
  const mount = new BufferDirectory()
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', mount.path])
  if (status !== 0) context.skip('no disk may be mounted')
  return {
    directory: new BufferDirectory(join(mount.path, 'buffer')),
    [Symbol.dispose]: () => {
      spawnSync('umount', ['--lazy', mount.path])
      mount[Symbol.dispose]()
    },
  }
}

/** Until the buffer says that its disk is full. */
async function untilFull(buffer: Buffer): Promise<void> {
  const state = (): Promise<string> =>
    buffer.ping(never).then(
      () => 'fine',
      (error: { code: string }) => error.code,
    )
  await expect.poll(state, { timeout: 10_000 }).toBe('disk_full')
}

const freeBytes = (path: string): number => {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

test('a full disk is waited for: nothing is acknowledged that is not on it, and what consumers are past makes room', async (context) => {
  using disk = smallDisk(context)
  const { directory } = disk
  await using buffer = await directory.open({ segmentBytes: 200_000, clock: eager })
  const acked: number[] = []
  let pushed = 0
  const filling = (async () => {
    for (; pushed < 1_500; pushed += 1) {
      const index = pushed
      await buffer.push(kilobytes(10, index * 10), () => acked.push(index), never)
    }
  })()
  await untilFull(buffer)
  const held = acked.length
  expect(held).toBeGreaterThan(50)
  expect(held).toBeLessThan(210)
  await delay(100)
  expect(acked.length).toBe(held)
  const waits = directory.warnings.filter(({ message }) => message === 'A buffer waits for room on its disk')
  expect(waits.length).toBe(1)
  using copy = directory.copy()
  await using restored = await copy.open()
  restored.end()
  expect((await drain(restored)).slice(0, held * 10)).toEqual(numbers(held * 10))
  const draining = drain(buffer)
  await filling
  buffer.end()
  expect(await draining).toEqual(numbers(15_000))
  expect(acked).toEqual(numbers(1_500))
  await buffer.ping(never)
})

test('a buffer on a full disk is opened, gives what it has, and takes more once there is room', async (context) => {
  using disk = smallDisk(context)
  const { directory } = disk
  {
    await using buffer = await directory.open({ segmentBytes: 100_000 })
    for (const index of numbers(50)) await buffer.push(kilobytes(10, index * 10), () => undefined, never)
  }
  const filler = join(directory.path, 'filler')
  const size = freeBytes(directory.path)
  writeFileSync(filler, new Uint8Array(size))
  expect(freeBytes(directory.path)).toBe(0)
  {
    await using buffer = await directory.open({ segmentBytes: 100_000, clock: eager })
    let isAcked = false
    await buffer.push(kilobytes(100, 500), () => (isAcked = true), never)
    await untilFull(buffer)
    expect(isAcked).toBe(false)
    acknowledge(await takeSome(buffer.pull(never), 30))
    await expect.poll(() => isAcked, { timeout: 10_000 }).toBe(true)
  }
  rmSync(filler)
  await using buffer = await directory.open()
  buffer.end()
  expect(await drain(buffer)).toEqual(numbers(300).map((id) => id + 300))
})

test('a buffer that waits for a full disk can be closed', async (context) => {
  using disk = smallDisk(context)
  const { directory } = disk
  const buffer = await directory.open()
  for (const index of numbers(4)) await buffer.push(kilobytes(1_000, index * 1_000), () => undefined, never)
  await untilFull(buffer)
  await buffer[Symbol.asyncDispose]()
  await using again = await directory.open()
  again.end()
  expect(await drain(again)).toEqual(numbers(1_000))
})
