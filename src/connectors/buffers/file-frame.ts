import { crc32 } from 'node:zlib'
import { parseLossless } from '../../lossless-json.ts'
import { type Batch, type Meta, noMeta } from '../../stream/batch.ts'
import { bytesBatch, pick } from '../../stream/batches.ts'

/** A point of a buffer: how much was pushed before it, since the buffer was new. */
export interface Mark {
  readonly frame: number
  readonly messages: number
  /** Of payloads. */
  readonly bytes: number
}

/**
 * What stands before each frame, 48 bytes, little-endian: magic, the header's CRC, the body's CRC, the body's length, the
 * number of messages, the length of the notes (u32 each); frames, messages and bytes of payloads before it (u64 each).
 * The body: the length of each payload (u32), the notes (JSON), the payloads.
 */
export interface FrameHeader {
  readonly bodyCrc: number
  readonly bodyLength: number
  readonly count: number
  readonly notesLength: number
  readonly at: Mark
}

/** What is known of a batch beside its payloads; absent parts are not written. */
interface Notes {
  readonly position?: unknown
  /** One for each message, 0 where nothing is known. */
  readonly metas?: readonly (Meta | 0)[]
}

export const headerLength = 48
/** The first bytes of each frame. */
export const magic = Buffer.from('HBF1', 'latin1')
/** Batches larger than that are written as several frames, so that reading takes bounded memory. */
const LARGEST_FRAME = 32 * 2 ** 20
const LENGTH_BYTES = 4

/** The beginning of every buffer. */
export const origin: Mark = { frame: 0, messages: 0, bytes: 0 }

/** The point behind a frame. */
export function markAfter({ at, bodyLength, count, notesLength }: FrameHeader): Mark {
  const payloads = bodyLength - count * LENGTH_BYTES - notesLength
  return { frame: at.frame + 1, messages: at.messages + count, bytes: at.bytes + payloads }
}

/** A batch in parts that each make one frame; a single message is never divided. */
export function frameParts(batch: Batch): Batch[] {
  if (batch.size <= 1 || batch.byteLength <= LARGEST_FRAME) return [batch]
  const indexes = Array.from({ length: batch.size }, (_, index) => index)
  const middle = batch.size >> 1
  return [indexes.slice(0, middle), indexes.slice(middle)].flatMap((half) => frameParts(pick(batch, half)))
}

/** A frame, and the point behind it. */
export interface EncodedFrame {
  readonly bytes: Buffer
  readonly after: Mark
}

/**
 * A batch as a frame. `salt` is the buffer's own number and goes into the header's CRC: payloads cannot be made to look
 * like frames by somebody who does not know it.
 */
export function encodeFrame(batch: Batch, at: Mark, salt: number): EncodedFrame {
  const notes = encodeNotes(batch)
  const payloads: Uint8Array[] = []
  let length = batch.size * LENGTH_BYTES + notes.length
  for (let index = 0; index < batch.size; index += 1) {
    const payload = batch.bytes(index)
    payloads.push(payload)
    length += payload.length
  }
  const frame = Buffer.allocUnsafe(headerLength + length)
  let end = headerLength
  for (const payload of payloads) end = frame.writeUInt32LE(payload.length, end)
  frame.set(notes, end)
  end += notes.length
  for (const payload of payloads) {
    frame.set(payload, end)
    end += payload.length
  }
  const bodyCrc = crc32(frame.subarray(headerLength))
  const header = { bodyCrc, bodyLength: length, count: batch.size, notesLength: notes.length, at }
  writeHeader(frame, header, salt)
  return { bytes: frame, after: markAfter(header) }
}

/** The header that stands at the beginning of `bytes`; undefined when it is none, or damaged. */
export function readHeader(bytes: Buffer, salt: number): FrameHeader | undefined {
  if (bytes.compare(magic, 0, magic.length, 0, magic.length) !== 0) return undefined
  if (crc32(bytes.subarray(8, headerLength), salt) !== bytes.readUInt32LE(4)) return undefined
  return {
    bodyCrc: bytes.readUInt32LE(8),
    bodyLength: bytes.readUInt32LE(12),
    count: bytes.readUInt32LE(16),
    notesLength: bytes.readUInt32LE(20),
    at: {
      frame: Number(bytes.readBigUInt64LE(24)),
      messages: Number(bytes.readBigUInt64LE(32)),
      bytes: Number(bytes.readBigUInt64LE(40)),
    },
  }
}

export function isSound(header: FrameHeader, body: Uint8Array): boolean {
  return crc32(body) === header.bodyCrc
}

/** The batch of a frame; its payloads are parts of `body`, which must be sound. */
export function decodeBody({ count, notesLength }: FrameHeader, body: Buffer): Batch {
  const notesAt = count * LENGTH_BYTES
  const payloads: Uint8Array[] = []
  let start = notesAt + notesLength
  for (let index = 0; index < count; index += 1) {
    const end = start + body.readUInt32LE(index * LENGTH_BYTES)
    payloads.push(body.subarray(start, end))
    start = end
  }
  if (notesLength === 0) return bytesBatch(payloads)
  const { position, metas } = parseLossless(body.subarray(notesAt, notesAt + notesLength)) as Notes
  return bytesBatch(payloads, {
    position,
    ...(metas === undefined ? {} : { metas: metas.map((meta) => (meta === 0 ? noMeta : meta)) }),
  })
}

const nothing = new Uint8Array()

function encodeNotes(batch: Batch): Uint8Array {
  const { position } = batch
  const metas: (Meta | 0)[] = []
  let isKnown = false
  for (let index = 0; index < batch.size; index += 1) {
    const meta = batch.meta(index)
    metas.push(meta === noMeta ? 0 : meta)
    isKnown ||= meta !== noMeta
  }
  if (!isKnown && position === undefined) return nothing
  const notes: Notes = { ...(position === undefined ? {} : { position }), ...(isKnown ? { metas } : {}) }
  return Buffer.from(JSON.stringify(notes))
}

function writeHeader(frame: Buffer, { bodyCrc, bodyLength, count, notesLength, at }: FrameHeader, salt: number): void {
  magic.copy(frame)
  frame.writeUInt32LE(bodyCrc, 8)
  frame.writeUInt32LE(bodyLength, 12)
  frame.writeUInt32LE(count, 16)
  frame.writeUInt32LE(notesLength, 20)
  frame.writeBigUInt64LE(BigInt(at.frame), 24)
  frame.writeBigUInt64LE(BigInt(at.messages), 32)
  frame.writeBigUInt64LE(BigInt(at.bytes), 40)
  frame.writeUInt32LE(crc32(frame.subarray(8, headerLength), salt), 4)
}
