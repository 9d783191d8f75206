import type { Column, ColumnType } from '../column-type.ts'
import type { Row, SqlValue } from '../database.ts'
import { CopyBuffer, serverDays, writeInstant, writeInteger, writeNumeric } from './copy-buffer.ts'

type Field = (buffer: CopyBuffer, value: SqlValue) => void

/** Writes a canonical value, never null, with its length in front. */
const fields = {
  text: (buffer, value) => buffer.text(value as string),
  integer: (buffer, value) => {
    buffer.int32(4)
    buffer.int32(Number(value))
  },
  bigint: (buffer, value) => {
    buffer.int32(8)
    writeInteger(buffer, value as number | bigint)
  },
  double: (buffer, value) => {
    buffer.int32(8)
    buffer.float64(value as number)
  },
  numeric: (buffer, value) => writeNumeric(buffer, value as string),
  boolean: (buffer, value) => {
    buffer.int32(1)
    buffer.byte(Number(value))
  },
  date: (buffer, value) => {
    buffer.int32(4)
    buffer.int32(serverDays(value as string))
  },
  timestamptz: (buffer, value) => {
    buffer.int32(8)
    writeInstant(buffer, value as string)
  },
  json: (buffer, value) => {
    if (typeof value === 'string') return buffer.text(value, 1)
    // JSON as it came, in UTF-8: the server looks at it.
    const bytes = value as Uint8Array
    buffer.int32(bytes.length + 1)
    buffer.byte(1)
    buffer.raw(bytes)
  },
  bytes: (buffer, value) => {
    const bytes = value as Uint8Array
    buffer.int32(bytes.length)
    buffer.raw(bytes)
  },
  uuid: (buffer, value) => {
    buffer.int32(16)
    buffer.raw(Buffer.from((value as string).replaceAll('-', ''), 'hex'))
  },
} satisfies Record<ColumnType['type'], Field>

const signature = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')

/** Rows of canonical values in the server's binary COPY format, with header and trailer. */
export function copyEncoder(columns: readonly Column[]): (rows: readonly Row[]) => Buffer {
  const writers: readonly Field[] = columns.map(({ type }) => fields[type.type])
  let capacity = 64 * 1024
  return (rows) => {
    const buffer = new CopyBuffer(capacity)
    buffer.raw(signature)
    for (const row of rows) {
      buffer.int16(writers.length)
      for (let index = 0; index < writers.length; index++) {
        const value = row[index]
        if (value === null || value === undefined) buffer.int32(-1)
        else writers[index]?.(buffer, value)
      }
    }
    buffer.int16(-1)
    capacity = Math.max(capacity, Math.min(buffer.length + (buffer.length >> 3), 16 * 1024 * 1024))
    return buffer.bytes()
  }
}
