import { expect, it } from 'vitest'
import type { BufferProgress } from '../../src/buffer-report.ts'
import { verifyBuffer } from '../../src/connectors/buffers/file-inspect.ts'
import { kilobytes, numbers } from './buffers.ts'
import { BufferDirectory, pushOneByOne } from './file-buffer-world.ts'

it('a buffer is verified with a word on how far that is, and can be interrupted', async () => {
  using directory = new BufferDirectory()
  {
    await using buffer = await directory.open()
    await pushOneByOne(
      buffer,
      numbers(10).map((number) => kilobytes(1, number)),
    )
  }
  const [, , third, , , sixth] = directory.frames()
  for (const frame of [third, sixth]) directory.flip(frame?.file ?? '', (frame?.offset ?? 0) + 60)
  const told: BufferProgress[] = []
  const report = await verifyBuffer(directory.path, { onProgress: (progress) => told.push(progress) })
  expect(told.map(({ damagedFrames }) => damagedFrames)).toEqual([0, 0, 1, 1, 1, 2, 2, 2, 2, 2])
  expect(told.at(-1)).toEqual({ bytes: report.bytes, of: report.bytes, damagedFrames: report.damagedFrames })
  const interruption = new AbortController()
  const seen: number[] = []
  const watch = {
    signal: interruption.signal,
    onProgress: ({ bytes }: BufferProgress) => {
      seen.push(bytes)
      interruption.abort(new Error('enough'))
    },
  }
  await expect(verifyBuffer(directory.path, watch)).rejects.toThrow('enough')
  expect(seen).toHaveLength(1)
})
