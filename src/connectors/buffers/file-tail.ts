import { fstatSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { HermesError } from '../../errors.ts'
import { createSegment, type Segment } from './file-segments.ts'

/** The segment that is written to. Not for two writes at a time. */
export class Tail {
  readonly segment: Segment
  readonly #handle: FileHandle

  private constructor(segment: Segment, handle: FileHandle) {
    this.segment = segment
    this.#handle = handle
  }

  static async begin(dir: string, first: number, salt: number): Promise<Tail> {
    const { segment, handle } = await createSegment(dir, first, salt)
    return new Tail(segment, handle)
  }

  static async open(segment: Segment): Promise<Tail> {
    return new Tail(segment, await open(segment.path, 'r+'))
  }

  /** Resolves when the frames are durable. What it throws leaves the segment as it was, as far as anybody reads it. */
  async append(frames: readonly Buffer[]): Promise<void> {
    const { size } = this.segment
    try {
      const written = await this.#write(frames, size)
      await this.#handle.datasync()
      this.check()
      this.segment.size = size + written
    } catch (error) {
      await this.#handle.truncate(size).catch(() => undefined)
      throw error
    }
  }

  /** Throws `buffer_damaged` when somebody removed the file: what is written to it is gone with the process. */
  check(): void {
    if (fstatSync(this.#handle.fd).nlink > 0) return
    throw new HermesError('buffer_damaged', `${this.segment.path} was removed while it was in use`, {
      fix: 'Leave the files of a running service alone; suspend and resume the workflow to begin anew.',
    })
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  /** A system may take a part of what it is given, and say no only to the rest. */
  async #write(frames: readonly Buffer[], from: number): Promise<number> {
    let offset = from
    let left = frames
    while (left.length > 0) {
      const { bytesWritten } = await this.#handle.writev(left, offset)
      if (bytesWritten === 0) throw new HermesError('disk_full', `nothing was written to ${this.segment.path}`)
      offset += bytesWritten
      left = without(left, bytesWritten)
    }
    return offset - from
  }
}

/** What is left of buffers when so many bytes are taken from the first. */
function without(buffers: readonly Buffer[], bytes: number): readonly Buffer[] {
  let taken = bytes
  return buffers.flatMap((buffer) => {
    const cut = Math.min(taken, buffer.length)
    taken -= cut
    return cut === buffer.length ? [] : [buffer.subarray(cut)]
  })
}
