import { ByteCursor } from './byte-cursor.ts'
import { FieldFault, inField } from './field-fault.ts'
import type { ProtobufField, ProtobufMessage, ProtobufShape } from './protobuf-schema.ts'
import { lengthAt, type ValueReader, valueReader, wireTypes } from './protobuf-value.ts'

/** How messages may nest, as in the other implementations. */
const deepest = 100

/**
 * A decoder of protobuf's wire format (protobuf.dev, "Encoding"): fields by their names, 64-bit integers with all their
 * digits, enums by name, bytes as base64, NaN and infinities as text. A field that cannot be absent has its default.
 * Throws `FieldFault`, also for a field whose wire type is not that of its declared type.
 */
export function protobufDecoder(message: ProtobufMessage): (bytes: Uint8Array) => unknown {
  const read = messageReader(message, new Map())
  return (bytes) => read(new ByteCursor(bytes), {}, 0)
}

/** Reads up to the end of the cursor; fields that come again are merged into what is there. */
type MessageReader = (cursor: ByteCursor, into: Record<string, unknown>, depth: number) => Record<string, unknown>

/** Puts what stands behind a tag into its message. */
type Take = (cursor: ByteCursor, wire: number, into: Record<string, unknown>, depth: number) => void

function messageReader(shape: ProtobufMessage, known: Map<ProtobufMessage, MessageReader>): MessageReader {
  const before = known.get(shape)
  if (before !== undefined) return before
  const takes = new Map<number, { readonly name: string; readonly take: Take }>()
  const reader: MessageReader = (cursor, into, depth) => {
    if (depth > deepest) throw new FieldFault(`nests deeper than ${deepest} messages`)
    while (cursor.left > 0) readField(cursor, takes, into, depth)
    complete(shape, into)
    return into
  }
  known.set(shape, reader)
  for (const field of shape.fields) takes.set(field.id, { name: field.name, take: takerOf(field, known) })
  return reader
}

function readField(
  cursor: ByteCursor,
  takes: ReadonlyMap<number, { readonly name: string; readonly take: Take }>,
  into: Record<string, unknown>,
  depth: number,
): void {
  const { id, wire } = readTag(cursor)
  const known = takes.get(id)
  try {
    if (known === undefined) skip(cursor, id, wire, 0)
    else known.take(cursor, wire, into, depth)
  } catch (error) {
    throw inField(error, known?.name ?? `#${id}`)
  }
}

function readTag(cursor: ByteCursor): { readonly id: number; readonly wire: number } {
  const tag = Number(cursor.varint())
  const id = Math.floor(tag / 8)
  if (id < 1 || id > 536_870_911) throw new FieldFault(`has a field with the number ${id}`)
  return { id, wire: tag % 8 }
}

/** What stands for fields that are absent. */
function complete({ fields }: ProtobufMessage, into: Record<string, unknown>): void {
  for (const { name, label, presence, shape } of fields) {
    if (Object.hasOwn(into, name)) continue
    if (label === 'required') throw inField(new FieldFault('is missing'), name)
    if (label === 'repeated') into[name] = []
    else if (label === 'map') into[name] = {}
    else if (!presence) into[name] = defaultOf(shape)
  }
}

function defaultOf(shape: ProtobufShape): unknown {
  if (shape.kind === 'enum') return shape.names.get(0) ?? 0
  if (shape.kind === 'string' || shape.kind === 'bytes') return ''
  return shape.kind === 'bool' ? false : 0
}

function takerOf(field: ProtobufField, known: Map<ProtobufMessage, MessageReader>): Take {
  const { name, shape, label, instead } = field
  if (label === 'map') return mapTaker(field, known)
  if (shape.kind === 'message') return messageTaker(field, messageReader(shape, known))
  const { wire: wanted, read } = valueReader(shape)
  if (label === 'repeated') return repeatedTaker(name, wanted, read)
  return (cursor, wire, into) => {
    requireWire(wire, wanted)
    into[name] = read(cursor)
    for (const other of instead) delete into[other]
  }
}

function messageTaker({ name, label, instead }: ProtobufField, read: MessageReader): Take {
  return (cursor, wire, into, depth) => {
    requireWire(wire, wireTypes.bytes)
    const part = new ByteCursor(cursor.bytes(lengthAt(cursor)))
    if (label === 'repeated') {
      const items = listAt(into, name)
      items.push(indexed(items.length, () => read(part, {}, depth + 1)))
      return
    }
    into[name] = read(part, (into[name] ?? {}) as Record<string, unknown>, depth + 1)
    for (const other of instead) delete into[other]
  }
}

/** Numbers may come packed into one field, whatever the schema says of it. */
function repeatedTaker(name: string, wanted: number, read: ValueReader): Take {
  return (cursor, wire, into) => {
    const items = listAt(into, name)
    if (wire !== wireTypes.bytes || wanted === wireTypes.bytes) {
      requireWire(wire, wanted)
      items.push(indexed(items.length, () => read(cursor)))
      return
    }
    const packed = new ByteCursor(cursor.bytes(lengthAt(cursor)))
    while (packed.left > 0) items.push(indexed(items.length, () => read(packed)))
  }
}

const nothing = new Uint8Array()

function entryField(id: number, name: string, shape: ProtobufShape): ProtobufField {
  return { id, name, shape, label: 'single', presence: shape.kind === 'message', instead: [] }
}

/** A map comes as a message for each entry: its key is field 1, its value field 2. */
function mapTaker({ name, shape, key = 'string' }: ProtobufField, known: Map<ProtobufMessage, MessageReader>): Take {
  const fields = [entryField(1, 'key', { kind: key }), entryField(2, 'value', shape)]
  const read = messageReader({ kind: 'message', fields }, known)
  const readNothing = shape.kind === 'message' ? messageReader(shape, known) : undefined
  return (cursor, wire, into, depth) => {
    requireWire(wire, wireTypes.bytes)
    const bytes = cursor.bytes(lengthAt(cursor))
    const entry = read(new ByteCursor(bytes), {}, depth + 1)
    const map = Object.hasOwn(into, name) ? (into[name] as object) : {}
    const text = typeof entry['key'] === 'string' ? entry['key'] : JSON.stringify(entry['key'])
    // A message that is not there is an empty one. Assigning a key like __proto__ would not add it.
    const value = entry['value'] ?? readNothing?.(new ByteCursor(nothing), {}, depth + 1)
    Object.defineProperty(map, text, { value, enumerable: true, configurable: true, writable: true })
    into[name] = map
  }
}

function listAt(into: Record<string, unknown>, name: string): unknown[] {
  const found = into[name]
  if (Array.isArray(found)) return found
  const items: unknown[] = []
  into[name] = items
  return items
}

function indexed(index: number, read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    throw inField(error, index)
  }
}

function requireWire(wire: number, wanted: number): void {
  if (wire !== wanted) throw new FieldFault(`has the wire type ${wire}, not ${wanted} as its type wants`)
}

/** Passes over a field that the schema does not know: the sender's may be newer. */
function skip(cursor: ByteCursor, id: number, wire: number, depth: number): void {
  if (wire === wireTypes.varint) cursor.varint()
  else if (wire === wireTypes.fixed64) cursor.bytes(8)
  else if (wire === wireTypes.bytes) cursor.bytes(lengthAt(cursor))
  else if (wire === wireTypes.fixed32) cursor.bytes(4)
  else if (wire === wireTypes.startGroup && depth < deepest) skipGroup(cursor, id, depth + 1)
  else throw new FieldFault(`has the wire type ${wire}, which is none`)
}

function skipGroup(cursor: ByteCursor, group: number, depth: number): void {
  for (;;) {
    const { id, wire } = readTag(cursor)
    if (wire === wireTypes.endGroup && id === group) return
    skip(cursor, id, wire, depth)
  }
}
