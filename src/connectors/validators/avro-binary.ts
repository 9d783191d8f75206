import { decimalOf } from './avro-decimal.ts'
import type { AvroPart, AvroShape } from './avro-schema.ts'
import { ByteCursor, base64, plainInteger, zigzag } from './byte-cursor.ts'
import { FieldFault, inField } from './field-fault.ts'

type Reader = (cursor: ByteCursor) => unknown

/**
 * A decoder of Avro's binary encoding (specification 1.12, "Binary Encoding"), without a header: the payload is one
 * datum. Throws `FieldFault`.
 */
export function avroBinaryDecoder(shape: AvroShape): (bytes: Uint8Array) => unknown {
  const read = readerOf(shape, new Map())
  return (bytes) => {
    const cursor = new ByteCursor(bytes)
    const value = read(cursor)
    if (cursor.left > 0) throw new FieldFault(`has ${cursor.left} bytes more than its schema`)
    return value
  }
}

function readerOf(shape: AvroShape, known: Map<AvroShape, Reader>): Reader {
  switch (shape.kind) {
    case 'null':
      return () => null
    case 'boolean':
      return readBoolean
    case 'int':
      return readInt
    case 'long':
      return (cursor) => plainInteger(zigzag(cursor.varint()))
    case 'float':
      return (cursor) => cursor.float()
    case 'double':
      return (cursor) => cursor.double()
    case 'bytes':
      return (cursor) => base64(cursor.bytes(length(cursor)))
    case 'string':
      return (cursor) => cursor.text(length(cursor))
    case 'fixed':
      return (cursor) => base64(cursor.bytes(shape.size))
    case 'decimal':
      return (cursor) => decimalOf(cursor.bytes(shape.size ?? length(cursor)), shape.scale)
    case 'enum':
      return (cursor) => choice(cursor, shape.symbols, 'symbol')
    case 'array':
      return arrayReader(readerOf(shape.items, known))
    case 'map':
      return mapReader(readerOf(shape.values, known))
    case 'union':
      return unionReader(shape.branches, known)
    case 'record':
      return recordReader(shape, known)
    default:
      return shape satisfies never
  }
}

function readBoolean(cursor: ByteCursor): boolean {
  const byte = cursor.byte()
  if (byte > 1) throw new FieldFault(`must be boolean, 0 or 1, not ${byte}`)
  return byte === 1
}

function readInt(cursor: ByteCursor): number {
  const value = Number(zigzag(cursor.varint()))
  if (value !== (value | 0)) throw new FieldFault(`must be int, which ${value} is not`)
  return value
}

/** Of bytes or text. */
function length(cursor: ByteCursor): number {
  const count = Number(zigzag(cursor.varint()))
  if (count < 0) throw new FieldFault(`has a length of ${count}`)
  return count
}

function choice<T>(cursor: ByteCursor, choices: readonly T[], what: string): T {
  const index = Number(zigzag(cursor.varint()))
  const chosen = choices[index]
  if (chosen === undefined) throw new FieldFault(`has ${what} ${index} of ${choices.length}`)
  return chosen
}

/** The blocks of an array or a map, up to the empty one. */
function readBlocks(cursor: ByteCursor, item: () => void): void {
  for (;;) {
    const count = Number(zigzag(cursor.varint()))
    if (count === 0) return
    // A negative count is followed by the block's size in bytes, for those who skip it.
    if (count < 0) cursor.varint()
    const items = Math.abs(count)
    cursor.announce(items)
    for (let index = 0; index < items; index++) item()
  }
}

function arrayReader(read: Reader): Reader {
  return (cursor) => {
    const items: unknown[] = []
    readBlocks(cursor, () => {
      items.push(within(read, cursor, items.length))
    })
    return items
  }
}

function mapReader(read: Reader): Reader {
  return (cursor) => {
    const entries: [string, unknown][] = []
    readBlocks(cursor, () => {
      const key = cursor.text(length(cursor))
      entries.push([key, within(read, cursor, key)])
    })
    return Object.fromEntries(entries)
  }
}

function unionReader(branches: readonly AvroPart[], known: Map<AvroShape, Reader>): Reader {
  const readers = branches.map(({ shape }) => readerOf(shape, known))
  return (cursor) => choice(cursor, readers, 'branch')(cursor)
}

function recordReader(shape: AvroShape & { kind: 'record' }, known: Map<AvroShape, Reader>): Reader {
  const before = known.get(shape)
  if (before !== undefined) return before
  const fields: { name: string; read: Reader }[] = []
  const reader: Reader = (cursor) => {
    const record: Record<string, unknown> = {}
    for (const { name, read } of fields) record[name] = within(read, cursor, name)
    return record
  }
  known.set(shape, reader)
  for (const field of shape.fields) fields.push({ name: field.name, read: readerOf(field.shape, known) })
  return reader
}

function within(read: Reader, cursor: ByteCursor, field: string | number): unknown {
  try {
    return read(cursor)
  } catch (error) {
    throw inField(error, field)
  }
}
