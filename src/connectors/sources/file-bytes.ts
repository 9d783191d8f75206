import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { fileError, invalidFile } from './file-error.ts'

/** The bytes of a data file, decompressed by its extension, without byte order mark; throws where they are not UTF-8. */
export async function* readBytes(file: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const stream = open(file, signal)
  try {
    let rest: Buffer = Buffer.alloc(0)
    let first = true
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      if (first) refuseUtf16(bytes, file)
      const end = bytes.length - unfinished(bytes)
      rest = bytes.subarray(end)
      const whole = withoutMark(bytes.subarray(0, end), first)
      if (!isUtf8(whole)) throw notUtf8(file)
      if (end > 0) first = false
      if (whole.length > 0) yield whole
    }
    if (rest.length > 0) throw notUtf8(file)
  } catch (error) {
    signal.throwIfAborted()
    throw fileError(error, file)
  } finally {
    stream.destroy()
  }
}

function open(file: string, signal: AbortSignal): Readable {
  const raw = createReadStream(file, { signal, highWaterMark: 256 * 1024 })
  const decoder = file.endsWith('.gz') ? createGunzip() : file.endsWith('.zst') ? createZstdDecompress() : undefined
  return decoder === undefined ? raw : pipeline(raw, decoder, () => {})
}

/** Bytes at the end that begin a character and do not end it. */
function unfinished(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if ((byte & 0b1100_0000) === 0b1000_0000) continue
    const length = byte >= 0b1111_0000 ? 4 : byte >= 0b1110_0000 ? 3 : byte >= 0b1100_0000 ? 2 : 1
    return length > back ? back : 0
  }
  return 0
}

function withoutMark(bytes: Buffer, first: boolean): Buffer {
  return first && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}

function refuseUtf16(bytes: Buffer, file: string): void {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    throw invalidFile(file, undefined, 'it is UTF-16', 'Save it as UTF-8.')
  }
}

function notUtf8(file: string): Error {
  return invalidFile(
    file,
    undefined,
    'it is not UTF-8 text',
    'Save it as UTF-8, or name a compressed file .gz or .zst.',
  )
}
