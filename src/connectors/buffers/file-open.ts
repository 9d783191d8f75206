import type { BufferPlace } from '../../stream/buffer.ts'
import { FileBuffer, type FileLimits } from './file-buffer.ts'
import { CursorFile, type Cursors, readCursors, type SavedCursors } from './file-cursors.ts'
import { bufferFailure } from './file-failure.ts'
import type { Mark } from './file-frame.ts'
import { lockDirectory } from './file-lock.ts'
import { FrameLog } from './file-log.ts'
import { type Recovered, recover } from './file-recovery.ts'
import { makeDirectory } from './file-segments.ts'

const PARTS = 8
const LARGEST_SEGMENT = 64 * 2 ** 20

/** The schema of the bytes that a buffer may take on the disk. */
export const fileBytesSchema = {
  type: 'integer',
  minimum: 1_048_576,
  default: 1_073_741_824,
  description: 'Bytes of files at most. Room is made in eighths of it, or in parts of 64 MiB where those are smaller.',
} as const

/** Of a buffer of so many bytes. */
export function fileLimits(bytes: number): FileLimits {
  return { bytes, segmentBytes: Math.min(Math.ceil(bytes / PARTS), LARGEST_SEGMENT) }
}

/**
 * Opens the buffer of a directory, and goes on where it was. Throws `buffer_in_use` while another process has it open,
 * `buffer_damaged`, `disk_full`.
 */
export async function openFileBuffer(limits: FileLimits, place: BufferPlace): Promise<FileBuffer> {
  const { dir, clock, log } = place
  await using closing = new AsyncDisposableStack()
  try {
    await makeDirectory(dir)
    closing.use(await lockDirectory(dir))
    const read = await readCursors(dir)
    const saved = read === 'damaged' ? undefined : read
    const recovered = await recover(dir, [...(saved?.cursors.values() ?? [])])
    tell(place, recovered, read)
    const cursors = startingPoints(place.consumers, recovered, saved)
    const file = closing.use(await cursorFile(dir, cursors, saved))
    const frames = await FrameLog.open({ dir, recovered, segmentBytes: limits.segmentBytes, clock, log })
    return new FileBuffer({ limits, place, frames, cursors, file, closing: closing.move() })
  } catch (error) {
    throw bufferFailure(error)
  }
}

/** A consumer that was not there begins at the end; if nobody knows who was there, all begin with what is left. */
function startingPoints(consumers: readonly string[], recovered: Recovered, saved: SavedCursors | undefined): Cursors {
  const start = (name: string): Mark =>
    saved === undefined ? recovered.oldest : (saved.cursors.get(name) ?? recovered.head)
  return new Map(consumers.map((name) => [name, start(name)]))
}

/** The file as it is while its consumers stay the same; a new one where they do not, or there is none. */
async function cursorFile(dir: string, cursors: Cursors, saved: SavedCursors | undefined): Promise<CursorFile> {
  const before = [...(saved?.cursors.keys() ?? [])]
  const isSame = saved !== undefined && before.length === cursors.size && before.every((name) => cursors.has(name))
  return isSame ? await CursorFile.open(dir, saved.turn) : await CursorFile.create(dir, cursors)
}

function tell({ dir, log }: BufferPlace, recovered: Recovered, read: SavedCursors | 'damaged' | undefined): void {
  const { cutBytes, damaged, segments } = recovered
  const isLost = read === 'damaged' || (read === undefined && segments.length > 0)
  if (isLost) log.warn({ dir }, 'The consumers of a buffer are unknown: all of them begin with what is left')
  if (cutBytes > 0) log.warn({ dir, bytes: cutBytes }, 'The unfinished end of a buffer was cut off')
  if (damaged > 0) log.warn({ dir, frames: damaged }, 'A buffer has damaged frames')
}
