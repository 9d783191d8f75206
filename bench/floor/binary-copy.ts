import { type BenchRecord, columns } from '../records.ts'

const header = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const epoch = Date.UTC(2000, 0, 1)
const fields = Object.entries(columns) as [keyof BenchRecord, string][]

function writeText(target: Buffer, text: string, at: number): number {
  const length = target.write(text, at + 4)
  target.writeInt32BE(length, at)
  return at + 4 + length
}

function writeBigint(target: Buffer, value: bigint, at: number): number {
  target.writeInt32BE(8, at)
  return target.writeBigInt64BE(value, at + 4)
}

function writeDouble(target: Buffer, value: number, at: number): number {
  target.writeInt32BE(8, at)
  return target.writeDoubleBE(value, at + 4)
}

const microseconds = (text: string): bigint => BigInt(Date.parse(text) - epoch) * 1000n

function writeField(target: Buffer, value: string | number, type: string, at: number): number {
  if (type === 'text') return writeText(target, String(value), at)
  if (type === 'double') return writeDouble(target, Number(value), at)
  return writeBigint(target, type === 'bigint' ? BigInt(value) : microseconds(String(value)), at)
}

/** A page of records in PostgreSQL's binary COPY format, `source_name` and `created_at` before the record's own columns. */
export function binaryCopy(records: readonly BenchRecord[], source: string, createdAt: string, target: Buffer): Buffer {
  let at = header.copy(target)
  for (const record of records) {
    at = target.writeInt16BE(fields.length + 2, at)
    at = writeText(target, source, at)
    at = writeField(target, createdAt, 'timestamptz', at)
    for (const [name, type] of fields) at = writeField(target, record[name], type, at)
  }
  return target.subarray(0, target.writeInt16BE(-1, at))
}
