import { isRawNumber } from '../../lossless-json.ts'
import { decimalOf } from './avro-decimal.ts'
import type { AvroPart, AvroShape } from './avro-schema.ts'
import { base64, plainInteger } from './byte-cursor.ts'
import { FieldFault, inField, shown } from './field-fault.ts'

type Reader = (value: unknown) => unknown

/**
 * A decoder of Avro's JSON encoding (specification 1.12, "JSON Encoding") from parsed JSON: unions are unwrapped, bytes
 * become base64. Throws `FieldFault`.
 */
export function avroJsonDecoder(shape: AvroShape): (value: unknown) => unknown {
  return readerOf(shape, new Map())
}

function readerOf(shape: AvroShape, known: Map<AvroShape, Reader>): Reader {
  switch (shape.kind) {
    case 'null':
      return (value) => (value === null ? null : refuse('null', value))
    case 'boolean':
      return (value) => (typeof value === 'boolean' ? value : refuse('boolean', value))
    case 'int':
      return (value) => (typeof value === 'number' && value === (value | 0) ? value : refuse('int', value))
    case 'long':
      return readLong
    case 'float':
    case 'double':
      return (value) => (typeof value === 'number' || isRawNumber(value) ? value : refuse(shape.kind, value))
    case 'string':
      return (value) => (typeof value === 'string' ? value : refuse('string', value))
    case 'bytes':
      return (value) => base64(bytesOf(value, 'bytes'))
    case 'fixed':
      return (value) => base64(sized(bytesOf(value, 'fixed'), shape.size))
    case 'decimal':
      return (value) => decimalOf(sized(bytesOf(value, 'bytes of a decimal'), shape.size), shape.scale)
    case 'enum':
      return (value) =>
        shape.symbols.includes(value as string) ? value : refuse(`one of ${shape.symbols.join(', ')}`, value)
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

function refuse(wanted: string, value: unknown): never {
  throw new FieldFault(`must be ${wanted}, not ${shown(value)}`)
}

function readLong(value: unknown): unknown {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  const digits = isRawNumber(value) ? value.rawJSON : ''
  if (!/^-?\d{1,20}$/.test(digits)) return refuse('long', value)
  const integer = BigInt(digits)
  return integer === BigInt.asIntN(64, integer) ? plainInteger(integer) : refuse('long', value)
}

/** Bytes stand in JSON as text with one character for each, U+0000 to U+00FF. */
function bytesOf(value: unknown, wanted: string): Uint8Array {
  if (typeof value !== 'string') return refuse(wanted, value)
  for (let index = 0; index < value.length; index++) if (value.charCodeAt(index) > 255) refuse(wanted, value)
  return Buffer.from(value, 'latin1')
}

function sized(bytes: Uint8Array, size: number | undefined): Uint8Array {
  if (size === undefined || bytes.length === size) return bytes
  throw new FieldFault(`must have ${size} bytes, not ${bytes.length}`)
}

function arrayReader(read: Reader): Reader {
  return (value) =>
    Array.isArray(value) ? value.map((each, index) => within(read, each, index)) : refuse('an array', value)
}

function mapReader(read: Reader): Reader {
  return (value) =>
    Object.fromEntries(Object.entries(objectOf(value, 'a map')).map(([key, each]) => [key, within(read, each, key)]))
}

function unionReader(branches: readonly AvroPart[], known: Map<AvroShape, Reader>): Reader {
  const readers = new Map(branches.map(({ name, shape }) => [name, readerOf(shape, known)]))
  const names = branches.map(({ name }) => name).join(', ')
  return (value) => {
    if (value === null && readers.has('null')) return null
    const [entry, more] = value === null || typeof value !== 'object' ? [] : Object.entries(value)
    const read = entry === undefined || more !== undefined || isRawNumber(value) ? undefined : readers.get(entry[0])
    if (entry === undefined || read === undefined || entry[0] === 'null') {
      throw new FieldFault(`must be one of ${names}, named as {"type": value}, not ${shown(value)}`)
    }
    return within(read, entry[1], entry[0])
  }
}

function recordReader(shape: AvroShape & { kind: 'record' }, known: Map<AvroShape, Reader>): Reader {
  const before = known.get(shape)
  if (before !== undefined) return before
  const readers = new Map<string, Reader>()
  const reader: Reader = (value) => {
    const given = objectOf(value, 'a record')
    const record: Record<string, unknown> = {}
    for (const [name, read] of readers) {
      if (!Object.hasOwn(given, name)) throw inField(new FieldFault('is missing'), name)
      record[name] = within(read, given[name], name)
    }
    const unknown = Object.keys(given).find((name) => !readers.has(name))
    if (unknown !== undefined) throw inField(new FieldFault('is not in the schema'), unknown)
    return record
  }
  known.set(shape, reader)
  for (const field of shape.fields) readers.set(field.name, readerOf(field.shape, known))
  return reader
}

function objectOf(value: unknown, wanted: string): Readonly<Record<string, unknown>> {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value)
  return isObject ? (value as Record<string, unknown>) : refuse(wanted, value)
}

function within(read: Reader, value: unknown, field: string | number): unknown {
  try {
    return read(value)
  } catch (error) {
    throw inField(error, field)
  }
}
