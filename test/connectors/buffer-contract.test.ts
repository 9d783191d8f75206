import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFileBuffer } from '../../src/connectors/buffers/file-open.ts'
import { memoryBuffer } from '../../src/connectors/buffers/memory.ts'
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
