import type { FileHandle } from 'node:fs/promises'

const CHUNK = 1024 * 1024
const NEWLINE = 0x0a
const QUOTE = 0x22
/** A last line that is longer is taken for torn without looking into it. */
const LONGEST = 64 * 1024 * 1024

/** How much of a file is whole, in bytes; `unended` when its last line is complete but for its line break. */
export interface WholeLength {
  readonly length: number
  readonly unended: boolean
}

/** Of lines, looked at from the end: a last line without a line break is torn, unless it is a complete JSON object or list. */
export async function wholeLines(handle: FileHandle, size: number): Promise<WholeLength> {
  const length = await behindLastLine(handle, size)
  if (length === size || size - length > LONGEST) return { length, unended: false }
  const { bytes } = await readAt(handle, length, size - length)
  return isComplete(bytes) ? { length: size, unended: true } : { length, unended: false }
}

async function behindLastLine(handle: FileHandle, size: number): Promise<number> {
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - CHUNK)
    const { bytes } = await readAt(handle, start, end - start)
    const at = bytes.lastIndexOf(NEWLINE)
    if (at >= 0) return start + at + 1
    end = start
  }
  return 0
}

/** A number or a word may be the beginning of another: only what has an end of its own is known to be complete. */
function isComplete(bytes: Buffer): boolean {
  if (bytes[0] !== 0x7b && bytes[0] !== 0x5b) return false
  try {
    JSON.parse(bytes.toString('utf8'))
    return true
  } catch {
    return false
  }
}

/** Of CSV, read from its beginning: a line break within quotes ends no row. */
export async function wholeRows(handle: FileHandle, size: number): Promise<WholeLength> {
  let length = 0
  let quoted = false
  for (let start = 0; start < size; start += CHUNK) {
    const { bytes } = await readAt(handle, start, Math.min(CHUNK, size - start))
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at]
      if (byte === QUOTE) quoted = !quoted
      else if (byte === NEWLINE && !quoted) length = start + at + 1
    }
  }
  return { length, unended: false }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<{ readonly bytes: Buffer }> {
  const buffer = Buffer.allocUnsafe(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return { bytes: buffer.subarray(0, filled) }
}
