import { type FileHandle, open } from 'node:fs/promises'
import { bufferFailure } from './file-failure.ts'
import { type FrameHeader, headerLength, isSound, magic, readHeader } from './file-frame.ts'
import type { Segment } from './file-segments.ts'

/** A frame whose header is sound. */
export interface FoundFrame {
  readonly header: FrameHeader
  /** Undefined when it was not wanted, or is damaged. */
  readonly body?: Buffer
  readonly isDamaged: boolean
}

export interface ReadOptions {
  /** Where to begin: 0 when absent. */
  readonly offset?: number
  /** Bodies are needed only until the next one is read: they all take the same memory. */
  readonly isScan?: boolean
}

interface Place {
  readonly header: FrameHeader
  readonly at: number
}

/** Small frames are read many at a time, others one by one, with the header of the next. */
const CHUNK = 256 * 1024
const SMALL = CHUNK / 4
/** So much is searched at once. */
const WINDOW = 4_096
const empty = Buffer.alloc(0)

/** Reads one segment from front to back. It holds a part of the file, or one frame where that is larger. */
export class FrameReader implements AsyncDisposable {
  readonly #handle: FileHandle
  readonly #segment: Segment
  readonly #isScan: boolean
  /** Frames are numbered upwards. */
  #lastFrame: number
  #chunk: Buffer = empty
  /** What the chunk is a part of. */
  #memory: Buffer = empty
  #chunkAt = 0
  #offset: number

  private constructor(handle: FileHandle, segment: Segment, { offset = 0, isScan = false }: ReadOptions) {
    this.#handle = handle
    this.#isScan = isScan
    this.#segment = segment
    this.#offset = offset
    this.#lastFrame = segment.first - 1
  }

  /** Throws `buffer_damaged` for a file that cannot be opened. */
  static async open(segment: Segment, options: ReadOptions = {}): Promise<FrameReader> {
    try {
      return new FrameReader(await open(segment.path, 'r'), segment, options)
    } catch (error) {
      throw bufferFailure(error)
    }
  }

  /** Where the last frame that was found ends. */
  get offset(): number {
    return this.#offset
  }

  /**
   * The next frame that ends at `end` or before, damaged headers skipped; undefined when there is none, and then `offset`
   * stays. The body is read only of frames that are wanted.
   */
  async next(end: number, isWanted: (header: FrameHeader) => boolean = () => true): Promise<FoundFrame | undefined> {
    const found = await this.#find(end)
    if (found === undefined) return undefined
    const { header, at } = found
    this.#offset = at + headerLength + header.bodyLength
    this.#lastFrame = header.at.frame
    if (!isWanted(header)) return { header, isDamaged: false }
    const body = await this.#read(at + headerLength, header.bodyLength, end)
    if (this.#offset === end) this.#chunk = empty
    return body !== undefined && isSound(header, body)
      ? { header, body, isDamaged: false }
      : { header, isDamaged: true }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#chunk = empty
    await this.#handle.close()
  }

  async #find(end: number): Promise<Place | undefined> {
    const expected = await this.#read(this.#offset, headerLength, end)
    if (expected === undefined) return undefined
    const found = this.#search(expected, this.#offset, end)
    if (found !== undefined) return found
    for (let at = this.#offset + 1; end - at >= headerLength; ) {
      const bytes = await this.#read(at, Math.min(WINDOW, end - at), end)
      if (bytes === undefined) return undefined
      const next = this.#search(bytes, at, end)
      if (next !== undefined) return next
      at += bytes.length - headerLength + 1
    }
    return undefined
  }

  /** The first sound header that stands in `bytes` as a whole, which were read at `offset`. */
  #search(bytes: Buffer, offset: number, end: number): Place | undefined {
    for (let hit = bytes.indexOf(magic); hit >= 0; hit = bytes.indexOf(magic, hit + 1)) {
      if (hit + headerLength > bytes.length) return undefined
      const header = readHeader(bytes.subarray(hit, hit + headerLength), this.#segment.salt)
      if (header === undefined || header.at.frame <= this.#lastFrame) continue
      const at = offset + hit
      if (at + headerLength + header.bodyLength <= end) return { header, at }
    }
    return undefined
  }

  /** So many bytes from `at` on; undefined where there are fewer. */
  async #read(at: number, length: number, end: number): Promise<Buffer | undefined> {
    if (at + length > end) return undefined
    if (at < this.#chunkAt || at + length > this.#chunkAt + this.#chunk.length) await this.#load(at, length, end)
    const start = at - this.#chunkAt
    return start + length > this.#chunk.length ? undefined : this.#chunk.subarray(start, start + length)
  }

  /** What was read already goes over; the old part is left to those who still hold payloads of it. */
  async #load(at: number, length: number, end: number): Promise<void> {
    const rest = at < this.#chunkAt ? empty : this.#chunk.subarray(at - this.#chunkAt)
    const memory = this.#memoryFor(Math.min(length < SMALL ? CHUNK : length + headerLength, end - at))
    let filled = rest.copy(memory)
    while (filled < memory.length) {
      const { bytesRead } = await this.#handle.read(memory, filled, memory.length - filled, at + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    this.#chunk = memory.subarray(0, filled)
    this.#chunkAt = at
  }

  #memoryFor(length: number): Buffer {
    if (!this.#isScan) return Buffer.allocUnsafeSlow(length)
    if (this.#memory.length < length) this.#memory = Buffer.allocUnsafeSlow(length)
    return this.#memory.subarray(0, length)
  }
}
