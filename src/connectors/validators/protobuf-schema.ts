import { dirname, resolve } from 'node:path'
import type Protobuf from 'protobufjs'
import type { Enum, Field, MapField, Root, Type } from 'protobufjs'
import { type SchemaPlace, schemaOf, UnknownMessage } from './schema-text.ts'

/** The types of single values that are no messages. */
export type ScalarKind =
  | 'double'
  | 'float'
  | 'int32'
  | 'uint32'
  | 'sint32'
  | 'fixed32'
  | 'sfixed32'
  | 'int64'
  | 'uint64'
  | 'sint64'
  | 'fixed64'
  | 'sfixed64'
  | 'bool'
  | 'string'
  | 'bytes'

export type ProtobufShape =
  | { readonly kind: ScalarKind }
  /** Names by number. */
  | { readonly kind: 'enum'; readonly names: ReadonlyMap<number, string> }
  | ProtobufMessage

/** A message type; it may contain itself. */
export interface ProtobufMessage {
  readonly kind: 'message'
  readonly fields: readonly ProtobufField[]
}

export interface ProtobufField {
  readonly id: number
  /** As in the .proto file. */
  readonly name: string
  readonly shape: ProtobufShape
  readonly label: 'single' | 'repeated' | 'map' | 'required'
  /** Of the entries of a map. */
  readonly key?: ScalarKind
  /** Absence can be told from the default; without it the default stands for what is absent. */
  readonly presence: boolean
  /** The other fields of its oneof, of which at most one is set. */
  readonly instead: readonly string[]
}

/** Reads .proto text and the types it needs. Throws for text that is no .proto, and `UnknownMessage`. */
export async function protobufMessage(place: SchemaPlace, message: string): Promise<ProtobufMessage> {
  const text = String(await schemaOf(place))
  const { default: protobuf } = await import('protobufjs')
  const root = new protobuf.Root()
  const loaded = new Set<string>(place.file === undefined ? [] : [resolve(place.file)])
  await load(text, place.file)
  root.resolveAll()
  const fullName = message.startsWith('.') ? message : `.${message}`
  const found = root.lookup(fullName, [protobuf.Type])
  // It also finds what has only the end of the name.
  if (found?.fullName !== fullName)
    throw new UnknownMessage(`there is no message ${message}; there are ${namesOf(root).join(', ')}`)
  return messageShape(found as Type, protobuf, new Map())

  async function load(source: string, file: string | undefined): Promise<void> {
    const { imports = [], weakImports = [] } = protobuf.parse(source, root, { keepCase: true })
    for (const name of [...imports, ...weakImports]) await loadImport(name, file)
  }

  /** What comes with protobuf is known; other files lie beside the one that imports them. */
  async function loadImport(name: string, from: string | undefined): Promise<void> {
    const common = protobuf.common.get(name)
    const file = common !== null || from === undefined ? name : resolve(dirname(from), name)
    if (loaded.has(file)) return
    loaded.add(file)
    if (common !== null) root.addJSON((common as { nested?: object }).nested as never)
    else if (from === undefined) throw new Error(`"${name}" cannot be imported into a schema that stands in no file`)
    else await load(String(await schemaOf({ file })), file)
  }

  function namesOf(space: Root): string[] {
    const names: string[] = []
    const visit = (each: { readonly nestedArray?: readonly unknown[] }): void => {
      for (const nested of each.nestedArray ?? []) {
        if (nested instanceof protobuf.Type) names.push(nested.fullName.slice(1))
        if (nested instanceof protobuf.Namespace) visit(nested)
      }
    }
    visit(space)
    return names.filter((name) => !name.startsWith('google.protobuf.')).slice(0, 20)
  }
}

type Library = typeof Protobuf

function messageShape(type: Type, protobuf: Library, known: Map<Type, ProtobufMessage>): ProtobufMessage {
  const before = known.get(type)
  if (before !== undefined) return before
  const fields: ProtobufField[] = []
  const shape = { kind: 'message', fields } as const
  known.set(type, shape)
  for (const field of type.fieldsArray) fields.push(fieldShape(field.resolve(), protobuf, known))
  return shape
}

/** Ids of fields as the specification allows them. */
const mostId = 536_870_911

function fieldShape(field: Field, protobuf: Library, known: Map<Type, ProtobufMessage>): ProtobufField {
  const { id, name, resolvedType, partOf } = field
  const where = `field ${name} of ${field.parent?.fullName.slice(1) ?? ''}`
  if (id < 1 || id > mostId) throw new Error(`${where} has the number ${id}`)
  if (name === '__proto__') throw new Error(`${where} cannot have this name`)
  const isMessage = resolvedType instanceof protobuf.Type
  if (isMessage && field.delimited) throw new Error(`${where} is a group: use a message`)
  const shape = isMessage ? messageShape(resolvedType, protobuf, known) : valueShape(field.type, resolvedType)
  const label = field.map ? 'map' : field.repeated ? 'repeated' : field.required ? 'required' : 'single'
  const others = partOf === null ? [] : partOf.fieldsArray.map((each) => each.name).filter((each) => each !== name)
  return {
    id,
    name,
    shape,
    label,
    ...(field.map ? { key: (field as unknown as MapField).keyType as ScalarKind } : {}),
    presence: isMessage || partOf !== null || field.hasPresence,
    instead: others,
  }
}

function valueShape(type: string, resolved: Type | Enum | null): ProtobufShape {
  if (resolved === null) return { kind: type as ScalarKind }
  const names = new Map<number, string>()
  // Of several names for one number the first one counts.
  for (const [name, number] of Object.entries((resolved as Enum).values))
    if (!names.has(number)) names.set(number, name)
  return { kind: 'enum', names }
}
