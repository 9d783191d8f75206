import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFileBuffer } from '../../src/connectors/buffers/file-open.ts'
import { memoryBuffer } from '../../src/connectors/buffers/memory.ts'
import { openOverflowBuffer } from '../../src/connectors/buffers/overflow-buffer.ts'
import { bufferContract } from './buffer-contract.ts'
import { placeOf } from './buffers.ts'

bufferContract('memory', { durable: false }, async () => ({
  open: (consumers) =>
    memoryBuffer.open({ messages: 2_000, bytes: 1_000_000, whenFull: 'block' }, placeOf('/nowhere', consumers)),
  [Symbol.asyncDispose]: async () => {},
}))

bufferContract('file', { durable: true }, async () => {
  const dir = await mkdtemp(join(tmpdir(), 'hermes-buffer-'))
  return {
    open: (consumers) => openFileBuffer({ bytes: 1_000_000, segmentBytes: 125_000 }, placeOf(dir, consumers)),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true }),
  }
})

// The first goes into the files with the first or second batch, the other one with those that are large.
for (const messages of [3, 25]) {
  bufferContract(`overflow behind ${messages} messages`, { durable: false }, async () => {
    const dir = await mkdtemp(join(tmpdir(), 'hermes-buffer-'))
    const limits = { memory: { messages, bytes: 100_000 }, file: { bytes: 1_000_000, segmentBytes: 125_000 } }
    return {
      open: (consumers) => openOverflowBuffer(limits, placeOf(dir, consumers)),
      [Symbol.asyncDispose]: () => rm(dir, { recursive: true }),
    }
  })
}
