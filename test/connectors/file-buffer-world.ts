import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../src/clock.ts'
import { openFileBuffer } from '../../src/connectors/buffers/file-open.ts'
import type { Batch } from '../../src/stream/batch.ts'
import type { Buffer } from '../../src/stream/buffer.ts'
import { never, placeOf, type Warning } from './buffers.ts'

/** Where a frame stands in the files, by its lengths alone. */
export interface FramePlace {
  readonly file: string
  readonly offset: number
  readonly length: number
}

export interface OpenOptions {
  readonly consumers?: number | readonly string[]
  readonly bytes?: number
  readonly segmentBytes?: number
  readonly clock?: Clock
}

const headerBytes = 48

/** The directory of a file buffer, for those who damage it. */
export class BufferDirectory implements Disposable {
  readonly path: string
  readonly warnings: Warning[] = []

  constructor(path = mkdtempSync(join(tmpdir(), 'hermes-buffer-'))) {
    this.path = path
  }

  open({ consumers = 1, bytes = 1e9, segmentBytes = 1e8, clock }: OpenOptions = {}): Promise<Buffer> {
    const place = placeOf(this.path, consumers, this.warnings)
    return openFileBuffer({ bytes, segmentBytes }, clock === undefined ? place : { ...place, clock })
  }

  /** As a power failure now would leave it. */
  copy(): BufferDirectory {
    const copy = new BufferDirectory()
    for (const name of readdirSync(this.path).toSorted()) {
      writeFileSync(join(copy.path, name), readFileSync(join(this.path, name)))
    }
    return copy
  }

  /** Files of frames, oldest first. */
  files(): string[] {
    return readdirSync(this.path)
      .filter((name) => name.endsWith('.frames'))
      .toSorted()
      .map((name) => join(this.path, name))
  }

  /** Frames in all files, as long as they are sound. */
  frames(): FramePlace[] {
    return this.files().flatMap((file) => {
      const bytes = readFileSync(file)
      const places: FramePlace[] = []
      for (let offset = 0; offset + headerBytes <= bytes.length; ) {
        const length = headerBytes + bytes.readUInt32LE(offset + 12)
        if (offset + length > bytes.length || bytes.toString('latin1', offset, offset + 4) !== 'HBF1') break
        places.push({ file, offset, length })
        offset += length
      }
      return places
    })
  }

  /** Turns one bit of a file. */
  flip(file: string, offset: number, bit = 0): void {
    const bytes = readFileSync(file)
    bytes.writeUInt8(bytes.readUInt8(offset) ^ (1 << bit), offset)
    writeFileSync(file, bytes)
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** Pushes batches one after the other; resolves when all are acknowledged. */
export async function pushDurably(buffer: Buffer, batches: readonly Batch[]): Promise<void> {
  const acked = batches.map(() => Promise.withResolvers<void>())
  for (const [index, batch] of batches.entries()) await buffer.push(batch, () => acked[index]?.resolve(), never)
  await Promise.all(acked.map(({ promise }) => promise))
}

/** The same, each once the one before is acknowledged: each is written by itself. */
export async function pushOneByOne(buffer: Buffer, batches: readonly Batch[]): Promise<void> {
  for (const batch of batches) await pushDurably(buffer, [batch])
}
