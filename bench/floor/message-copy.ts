/** Of a stream: its id, and one field with its value. */
export type Entry = readonly [Buffer, readonly [Buffer, Buffer]]

const header = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const epoch = Date.UTC(2000, 0, 1)

function writeBytes(target: Buffer, bytes: Uint8Array, at: number): number {
  target.writeInt32BE(bytes.length, at)
  target.set(bytes, at + 4)
  return at + 4 + bytes.length
}

/** JSON in the format of `jsonb`: a version before it. */
function writeJson(target: Buffer, bytes: Uint8Array, at: number): number {
  target.writeInt32BE(bytes.length + 1, at)
  target[at + 4] = 1
  target.set(bytes, at + 5)
  return at + 5 + bytes.length
}

/** Entries in PostgreSQL's binary COPY format: source_name, created_at, message_id, payload. */
export function messageCopy(entries: readonly Entry[], source: string, createdAt: Date, target: Buffer): Buffer {
  const name = Buffer.from(source)
  const micros = BigInt(createdAt.getTime() - epoch) * 1000n
  let at = header.copy(target)
  for (const [id, [, payload]] of entries) {
    at = target.writeInt16BE(4, at)
    at = writeBytes(target, name, at)
    at = target.writeInt32BE(8, at)
    at = target.writeBigInt64BE(micros, at)
    at = writeBytes(target, id, at)
    at = writeJson(target, payload, at)
  }
  return target.subarray(0, target.writeInt16BE(-1, at))
}
