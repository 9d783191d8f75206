import type { Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'

/** What `content-encoding`s this client asks for and takes. */
export const acceptedEncodings = 'gzip, deflate, br, zstd'

export type Body =
  | { readonly state: 'whole' | 'cut'; readonly bytes: Uint8Array }
  | { readonly state: 'unknown_encoding'; readonly encoding: string }

/** Reads at most `limit` bytes, as decompressed; what follows is not read and the state is `cut`. Never holds more. */
export async function readBody(body: Readable, contentEncoding: string, limit: number): Promise<Body> {
  const decoders: Duplex[] = []
  for (const encoding of codingsOf(contentEncoding)) {
    const decoder = decoderOf(encoding)
    if (decoder === undefined) {
      body.on('error', () => {}).destroy()
      return { state: 'unknown_encoding', encoding }
    }
    decoders.push(decoder)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  const collect = async (source: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of source) {
      chunks.push(chunk)
      size += chunk.length
      if (size > limit) throw new Error('enough')
    }
  }
  try {
    if (decoders.length === 0) await collect(body)
    else await pipeline([body, ...decoders, collect] as unknown as NodeJS.ReadWriteStream[])
  } catch (error) {
    if (size <= limit) throw error
    return { state: 'cut', bytes: joined(chunks).subarray(0, limit) }
  }
  return { state: 'whole', bytes: joined(chunks) }
}

/** The codings to undo, the last applied first. */
function codingsOf(contentEncoding: string): string[] {
  const names = contentEncoding.split(',').map((name) => name.trim().toLowerCase())
  return names.filter((name) => name !== '' && name !== 'identity').toReversed()
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const [only] = chunks
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks)
}

function decoderOf(encoding: string): Duplex | undefined {
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip()
    case 'br':
      return createBrotliDecompress()
    case 'zstd':
      return createZstdDecompress()
    case 'deflate':
      return createInflate()
    default:
      return undefined
  }
}
