import { hash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { constants, type FileHandle, open } from 'node:fs/promises'
import { fileError, invalidFile } from './file-error.ts'
import { type FoundLines, findLines, type Lines, lastLine } from './line-batch.ts'

/** Where reading stands in files that grow and are rotated: JSON, handed out behind a batch. */
export interface LinePosition {
  /** Of the file on its file system, which a new name does not change. */
  readonly inode: string
  /** Bytes behind which to go on. */
  readonly offset: number
  /** Hash of what stands before the offset: whether the file is still the one that was read. */
  readonly tail: string
  /** Counts the files that were read one after the other. */
  readonly generation: number
}

/** Lines of a file; their block begins at `blockStart` of it. */
export interface FoundBlock {
  readonly lines: Lines
  readonly blockStart: number
}

/** What one look into the file brought. */
export type Look =
  | ({ readonly state: 'lines' } & FoundBlock)
  /** The file ends here, perhaps within a line. */
  | { readonly state: 'end' }
  /** What was read is no longer there: the file was cut, or written anew. */
  | { readonly state: 'changed' }
  /** The line at hand is longer than it may be. */
  | { readonly state: 'long' }

/** Lines of one batch, at most. */
const BATCH = 1_000
/** Bytes of one read: few where few come. */
const LEAST_CHUNK = 8 * 1024
const CHUNK = 512 * 1024
/** Bytes before the offset that tell whether a file is still the same. */
export const TAIL = 1_024

/** A file that is read line by line while it may grow, be renamed or cut: an open descriptor and where it stands. */
export class LineFile implements AsyncDisposable {
  readonly inode: string
  /** Tells it from a later file that got its inode. */
  readonly identity: string
  readonly generation: number
  readonly #handle: FileHandle
  readonly #path: string
  readonly #maxLineBytes: number
  #offset = 0
  /** What stands before the offset. */
  #tail: Buffer = Buffer.alloc(0)
  /** Read and not yet handed out: the lines begin at `from`. */
  #block: { readonly bytes: Buffer; readonly from: number } | undefined

  #chunk = LEAST_CHUNK
  #skips = false

  private constructor(handle: FileHandle, path: string, { ino, birthtimeNs }: BigIntStats, parts: LineFileParts) {
    this.#handle = handle
    this.#path = path
    this.inode = String(ino)
    this.identity = `${ino}:${birthtimeNs}`
    this.generation = parts.generation
    this.#maxLineBytes = parts.maxLineBytes
  }

  /** Throws `file_source_missing`, `file_unreadable`, or `file_source_invalid` for what is no file. */
  static async open(path: string, parts: LineFileParts): Promise<LineFile> {
    try {
      // A FIFO would keep its opener waiting for a writer.
      const handle = await open(path, NON_BLOCKING)
      const stats = await handle.stat({ bigint: true })
      if (stats.isFile()) return new LineFile(handle, path, stats, parts)
      await handle.close()
    } catch (error) {
      throw fileError(error, path)
    }
    throw invalidFile(path, undefined, 'it is not a regular file', 'Name a file that grows.')
  }

  get offset(): number {
    return this.#offset
  }

  get position(): LinePosition {
    const tail = tailHash(this.#tail)
    return { inode: this.inode, offset: this.#offset, tail, generation: this.generation }
  }

  async stat(): Promise<BigIntStats> {
    return await this.#handle.stat({ bigint: true })
  }

  /** Whether everything before a position is here, as far as can be told. */
  async holds({ offset, tail }: LinePosition): Promise<boolean> {
    const before = await this.#bytesBefore(offset)
    return before !== undefined && tailHash(before) === tail
  }

  /** Goes on at an offset; without one at the end, where `look` begins with what may be the rest of a line. */
  async seek(offset?: number): Promise<void> {
    const to = offset ?? Number((await this.stat()).size)
    this.#block = undefined
    this.#tail = (await this.#bytesBefore(to)) ?? Buffer.alloc(0)
    this.#offset = to
  }

  /** Whether the bytes before the offset end a line. */
  get atLineStart(): boolean {
    return this.#offset === 0 || this.#tail.at(-1) === NEWLINE
  }

  /** The next lines that are complete; with `end` also the last one that nobody will complete. */
  async look(end: boolean): Promise<Look> {
    if (this.#skips) {
      const state = await this.#skip()
      if (state !== 'lines') return { state }
    }
    const held = this.#block
    const known = held === undefined ? undefined : this.#find(held.bytes, held.from)
    if (known !== undefined) return known
    for (let length = this.#chunk; ; length *= 2) {
      const bytes = await this.#read(length)
      if (bytes === undefined) return { state: 'changed' }
      const from = this.#tail.length
      this.#chunk = bytes.length - from < length ? LEAST_CHUNK : Math.min(CHUNK, length * 8)
      const found = this.#find(bytes, from)
      if (found !== undefined) return found
      if (bytes.length - from >= length) continue
      return end && bytes.length > from ? this.#found(bytes, from, lastLine(bytes, from)) : { state: 'end' }
    }
  }

  /** Has the next look pass over what is left of a line, however long it takes to come. */
  skipLine(): void {
    this.#block = undefined
    this.#skips = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#block = undefined
    await this.#handle.close().catch(() => undefined)
  }

  /** `lines` when the line break is behind it. */
  async #skip(): Promise<'lines' | 'end' | 'changed'> {
    for (;;) {
      const bytes = await this.#read(CHUNK)
      if (bytes === undefined) return 'changed'
      const from = this.#tail.length
      if (bytes.length === from) return 'end'
      const end = bytes.indexOf(NEWLINE, from)
      this.#moveTo(bytes, from, end < 0 ? bytes.length : end + 1)
      this.#skips = end < 0
      if (!this.#skips) return 'lines'
    }
  }

  #find(bytes: Buffer, from: number): Look | undefined {
    const lines = findLines(bytes, from, BATCH, this.#maxLineBytes)
    if (lines.end > from) return this.#found(bytes, from, lines)
    return lines.long ? { state: 'long' } : undefined
  }

  #found(bytes: Buffer, from: number, lines: FoundLines): Look {
    this.#moveTo(bytes, from, lines.end)
    this.#block = lines.end < bytes.length ? { bytes, from: lines.end } : undefined
    const blockStart = this.#offset - lines.end
    return { state: 'lines', lines: withoutMark(lines, blockStart), blockStart }
  }

  #moveTo(bytes: Buffer, from: number, to: number): void {
    this.#offset += to - from
    this.#tail = Buffer.from(bytes.subarray(Math.max(0, to - TAIL), to))
  }

  /** What stands before the offset, and so many bytes behind it; undefined when what stands before it is another text. */
  async #read(length: number): Promise<Buffer | undefined> {
    const tail = this.#tail.length
    const buffer = Buffer.allocUnsafeSlow(tail + length)
    const read = await this.#fill(buffer, this.#offset - tail)
    const bytes = buffer.subarray(0, read)
    if (read < tail || !bytes.subarray(0, tail).equals(this.#tail)) return undefined
    // A few lines must not hold the memory of a whole chunk.
    return read * 4 < buffer.length ? Buffer.from(bytes) : bytes
  }

  async #bytesBefore(offset: number): Promise<Buffer | undefined> {
    const buffer = Buffer.alloc(Math.min(TAIL, offset))
    return (await this.#fill(buffer, offset - buffer.length)) === buffer.length ? buffer : undefined
  }

  /** Reads until the buffer is full or the file ends. */
  async #fill(buffer: Buffer, position: number): Promise<number> {
    let filled = 0
    try {
      while (filled < buffer.length) {
        const { bytesRead } = await this.#handle.read(buffer, filled, buffer.length - filled, position + filled)
        if (bytesRead === 0) break
        filled += bytesRead
      }
    } catch (error) {
      throw fileError(error, this.#path)
    }
    return filled
  }
}

export interface LineFileParts {
  readonly generation: number
  readonly maxLineBytes: number
}

const NEWLINE = 0x0a
const NON_BLOCKING = constants.O_RDONLY | constants.O_NONBLOCK

function tailHash(tail: Buffer): string {
  return hash('sha256', tail, 'base64url').slice(0, 22)
}

/** The first line of a file without its byte order mark. */
function withoutMark(lines: Lines, fileStart: number): Lines {
  const { block, bounds } = lines
  const [start = 0, end = 0, ...others] = bounds
  if (fileStart + start !== 0 || block[start] !== 0xef || block[start + 1] !== 0xbb || block[start + 2] !== 0xbf) {
    return lines
  }
  return { block, bounds: end - start > 3 ? [start + 3, end, ...others] : others }
}
