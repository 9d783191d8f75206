import { type FileHandle, mkdir, open, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf } from './file-failure.ts'

/** One file of frames. Its name says where it begins; there is nothing in it but frames. */
export interface Segment {
  readonly path: string
  /** The number of its first frame. */
  readonly first: number
  /** The buffer's own number, see `encodeFrame`. */
  readonly salt: number
  /** Bytes that are durable. */
  size: number
  /** The one that follows, once it is begun. */
  next?: Segment
}

const pattern = /^([0-9a-f]{16})-([0-9a-f]{8})\.frames$/
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

/** The segments of a directory, oldest first, each with the next. Other files are left alone. */
export async function listSegments(dir: string): Promise<Segment[]> {
  const segments: Segment[] = []
  for (const name of (await readdir(dir)).toSorted()) {
    const [, first, salt] = pattern.exec(name) ?? []
    if (first === undefined || salt === undefined) continue
    const path = join(dir, name)
    const size = await sizeOf(path)
    if (size === undefined) continue
    const segment = { path, first: Number.parseInt(first, 16), salt: Number.parseInt(salt, 16), size }
    const before = segments.at(-1)
    if (before !== undefined) before.next = segment
    segments.push(segment)
  }
  return segments
}

/** Undefined for a file that was removed by now. */
async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Begins a segment; it is there after a power failure as well. One of that name is what an attempt before left. */
export async function createSegment(
  dir: string,
  first: number,
  salt: number,
): Promise<{ readonly segment: Segment; readonly handle: FileHandle }> {
  const path = join(dir, `${hex(first, 16)}-${hex(salt, 8)}.frames`)
  const handle = await open(path, 'w+', 0o600)
  try {
    await syncDirectory(dir)
    return { segment: { path, first, salt, size: 0 }, handle }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** Makes the directory of a buffer, durably, where it is not there yet. */
export async function makeDirectory(dir: string): Promise<void> {
  const made = await mkdir(dir, { recursive: true, mode: 0o700 })
  if (made !== undefined) await syncDirectory(dirname(made))
}

/** What was created, renamed or removed in a directory stays so after a power failure. */
export async function syncDirectory(path: string): Promise<void> {
  await using handle = await open(path, 'r')
  await handle.sync()
}
