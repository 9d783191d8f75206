import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { HermesError } from '../../errors.ts'
import { codeOf } from './file-failure.ts'
import type { Mark } from './file-frame.ts'
import { syncDirectory } from './file-segments.ts'

/** Up to where each consumer has acknowledged. */
export type Cursors = ReadonlyMap<string, Mark>

/** What one half of the file holds; the greater turn is the newer. */
interface Slot {
  readonly version: number
  readonly turn: number
  readonly consumers: readonly (readonly [name: string, frame: number, messages: number, bytes: number])[]
}

/** Of the whole directory. */
const VERSION = 1
const PAGE = 4_096
const PREFIX = 8
const fileName = 'cursors'

/** What a file said, and how often it had been written by then. */
export interface SavedCursors {
  readonly cursors: Cursors
  readonly turn: number
}

/**
 * What the file says; `undefined` when there is none, `damaged` when neither half can be read. Throws `buffer_damaged`
 * for a directory that a newer version wrote. Reading beside a writer gives one state or the next.
 */
export async function readCursors(dir: string): Promise<SavedCursors | 'damaged' | undefined> {
  let file: Buffer
  try {
    file = await readFile(join(dir, fileName))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
  const half = file.length >> 1
  const slots = [file.subarray(0, half), file.subarray(half)].flatMap((bytes) => decodeSlot(bytes) ?? [])
  const [slot] = slots.toSorted((one, other) => other.turn - one.turn)
  if (slot === undefined) return 'damaged'
  if (slot.version > VERSION) {
    throw new HermesError('buffer_damaged', `${dir} was written by a newer version of Hermes`, {
      fix: 'Use that version, or let it deliver everything first.',
    })
  }
  const cursors = new Map(slot.consumers.map(([name, frame, messages, bytes]) => [name, { frame, messages, bytes }]))
  return { cursors, turn: slot.turn }
}

/**
 * Two halves written in turn, in place: a write that is cut short leaves the other half, and a full disk does not keep
 * consumers from making room.
 */
export class CursorFile implements AsyncDisposable {
  readonly #handle: FileHandle
  readonly #half: number
  #turn: number

  private constructor(handle: FileHandle, half: number, turn: number) {
    this.#handle = handle
    this.#half = half
    this.#turn = turn
  }

  /** Goes on with a file of the same consumers that was written so often; it needs no room on the disk. */
  static async open(dir: string, turn: number): Promise<CursorFile> {
    const handle = await open(join(dir, fileName), 'r+')
    const { size } = await handle.stat()
    return new CursorFile(handle, size >> 1, turn)
  }

  /** Puts these cursors in the place of what was there, at once. */
  static async create(dir: string, cursors: Cursors): Promise<CursorFile> {
    const path = join(dir, fileName)
    const draft = `${path}.draft`
    const half = halfFor(cursors.keys())
    const slot = encodeSlot(cursors, 0, half)
    const handle = await open(draft, 'w+', 0o600)
    try {
      await handle.writeFile(Buffer.concat([slot, slot]))
      await handle.sync()
      await rename(draft, path)
      await syncDirectory(dir)
      return new CursorFile(handle, half, 0)
    } catch (error) {
      await handle.close()
      await rm(draft, { force: true })
      throw error
    }
  }

  /** Resolves when they are durable. One write at a time; of the same consumers. */
  async write(cursors: Cursors): Promise<void> {
    const turn = this.#turn + 1
    await this.#handle.write(encodeSlot(cursors, turn, this.#half), 0, this.#half, (turn % 2) * this.#half)
    await this.#handle.datasync()
    this.#turn = turn
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }
}

/** Whole pages, whatever numbers come. */
function halfFor(names: Iterable<string>): number {
  const most = Number.MAX_SAFE_INTEGER
  const largest = new Map([...names].map((name) => [name, { frame: most, messages: most, bytes: most }]))
  return Math.ceil((PREFIX + slotText(largest, most).length) / PAGE) * PAGE
}

function slotText(cursors: Cursors, turn: number): Buffer {
  const consumers = [...cursors].map(([name, { frame, messages, bytes }]) => [name, frame, messages, bytes] as const)
  return Buffer.from(JSON.stringify({ version: VERSION, turn, consumers } satisfies Slot))
}

/** CRC and length (u32 each, little-endian), JSON, zeros. */
function encodeSlot(cursors: Cursors, turn: number, half: number): Buffer {
  const text = slotText(cursors, turn)
  const slot = Buffer.alloc(half)
  slot.writeUInt32LE(crc32(text), 0)
  slot.writeUInt32LE(text.length, 4)
  text.copy(slot, PREFIX)
  return slot
}

function decodeSlot(bytes: Buffer): Slot | undefined {
  if (bytes.length < PREFIX) return undefined
  const text = bytes.subarray(PREFIX, PREFIX + bytes.readUInt32LE(4))
  return crc32(text) === bytes.readUInt32LE(0) && text.length > 0 ? (JSON.parse(text.toString()) as Slot) : undefined
}
