import type { Batch, Meta, Position } from '../../stream/batch.ts'
import { bytesBatch } from '../../stream/batches.ts'

/** What stands before the payloads of a frame, as JSON. */
interface Header {
  /** Length of each payload in bytes. */
  readonly lengths: readonly number[]
  readonly position?: Position
  /** One for each message; absent when nothing is known of any. */
  readonly metas?: readonly Meta[]
}

const HEADER_LENGTH = 4
/** Bytes of a character that JSON escapes. */
const ESCAPED = 6

/**
 * A batch in frames of about so many bytes at most, each a message of its own for the server: the length of the header
 * (four bytes, big-endian), the header, the payloads. The position goes with the last frame: it is reached when all are.
 */
export function framesOf(batch: Batch, most: number): Frame[] {
  const frames: Frame[] = []
  let from = 0
  let bytes = 0
  for (let index = 0; index < batch.size; index++) {
    const length = batch.bytes(index).length + headerBytes(batch.meta(index))
    if (index > from && bytes + length > most) {
      frames.push(frameOf(batch, from, index))
      from = index
      bytes = 0
    }
    bytes += length
  }
  if (batch.size > 0) frames.push(frameOf(batch, from, batch.size))
  return frames
}

/** What a message takes in the header, at most: a length, names, and text of which each character may be escaped. */
function headerBytes({ id = '', key = '', route = '' }: Meta): number {
  return 64 + ESCAPED * (id.length + key.length + route.length)
}

/** A part of a batch as the server keeps it. */
export interface Frame {
  readonly data: Uint8Array
  readonly messages: number
  /** Of the payloads. */
  readonly bytes: number
}

function frameOf(batch: Batch, from: number, to: number): Frame {
  const payloads: Uint8Array[] = []
  const metas: Meta[] = []
  for (let index = from; index < to; index++) {
    payloads.push(batch.bytes(index))
    metas.push(batch.meta(index))
  }
  const lengths = payloads.map(({ length }) => length)
  const header: Header = {
    lengths,
    ...(to === batch.size && batch.position !== undefined ? { position: batch.position } : {}),
    ...(metas.some((meta) => Object.keys(meta).length > 0) ? { metas } : {}),
  }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(HEADER_LENGTH)
  length.writeUInt32BE(text.length)
  return {
    data: Buffer.concat([length, text, ...payloads]),
    messages: to - from,
    bytes: lengths.reduce((sum, each) => sum + each, 0),
  }
}

/** The batch of a frame; undefined for bytes that are none. */
export function batchOf(data: Uint8Array): Batch | undefined {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  if (bytes.length < HEADER_LENGTH) return undefined
  let at = HEADER_LENGTH + bytes.readUInt32BE(0)
  const header = headerOf(bytes.subarray(HEADER_LENGTH, at))
  if (header === undefined) return undefined
  const payloads = header.lengths.map((length) => bytes.subarray(at, (at += length)))
  if (at !== bytes.length) return undefined
  const { position, metas } = header
  return bytesBatch(payloads, {
    ...(position === undefined ? {} : { position }),
    ...(metas === undefined ? {} : { metas }),
  })
}

function headerOf(text: Buffer): Header | undefined {
  try {
    const header = JSON.parse(text.toString()) as Header
    return Array.isArray(header.lengths) ? header : undefined
  } catch {
    return undefined
  }
}
