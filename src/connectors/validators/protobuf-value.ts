import { type ByteCursor, base64, plainInteger, zigzag } from './byte-cursor.ts'
import type { ProtobufMessage, ProtobufShape, ScalarKind } from './protobuf-schema.ts'

/** How what stands behind a tag is written. */
export const wireTypes = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const

/** Reads one value, without its tag. */
export type ValueReader = (cursor: ByteCursor) => unknown

/** The length in front of bytes, text and messages. */
export function lengthAt(cursor: ByteCursor): number {
  return Number(cursor.varint())
}

type ValueShape = Exclude<ProtobufShape, ProtobufMessage>

/** The reader of a value that is no message, and the wire type it has. */
export function valueReader(shape: ValueShape): { readonly wire: number; readonly read: ValueReader } {
  if (shape.kind !== 'enum') return scalars[shape.kind]
  return {
    wire: wireTypes.varint,
    read: (cursor) => {
      const number = Number(BigInt.asIntN(32, cursor.varint()))
      return shape.names.get(number) ?? number
    },
  }
}

const signed32 = (value: bigint): number => Number(BigInt.asIntN(32, value))
const signed64 = (value: bigint): unknown => plainInteger(BigInt.asIntN(64, value))

const scalars: Readonly<Record<ScalarKind, { readonly wire: number; readonly read: ValueReader }>> = {
  double: { wire: wireTypes.fixed64, read: (cursor) => cursor.double() },
  float: { wire: wireTypes.fixed32, read: (cursor) => cursor.float() },
  int32: { wire: wireTypes.varint, read: (cursor) => signed32(cursor.varint()) },
  uint32: { wire: wireTypes.varint, read: (cursor) => Number(BigInt.asUintN(32, cursor.varint())) },
  sint32: { wire: wireTypes.varint, read: (cursor) => signed32(zigzag(BigInt.asUintN(32, cursor.varint()))) },
  fixed32: { wire: wireTypes.fixed32, read: (cursor) => cursor.fixed32() },
  sfixed32: { wire: wireTypes.fixed32, read: (cursor) => cursor.fixed32() | 0 },
  int64: { wire: wireTypes.varint, read: (cursor) => signed64(cursor.varint()) },
  uint64: { wire: wireTypes.varint, read: (cursor) => plainInteger(cursor.varint()) },
  sint64: { wire: wireTypes.varint, read: (cursor) => plainInteger(zigzag(cursor.varint())) },
  fixed64: { wire: wireTypes.fixed64, read: (cursor) => plainInteger(cursor.fixed64()) },
  sfixed64: { wire: wireTypes.fixed64, read: (cursor) => signed64(cursor.fixed64()) },
  bool: { wire: wireTypes.varint, read: (cursor) => cursor.varint() !== 0n },
  string: { wire: wireTypes.bytes, read: (cursor) => cursor.text(lengthAt(cursor)) },
  bytes: { wire: wireTypes.bytes, read: (cursor) => base64(cursor.bytes(lengthAt(cursor))) },
}
