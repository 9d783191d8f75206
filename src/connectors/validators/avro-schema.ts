import type { Type, types } from 'avsc'
import { jsonOf, type SchemaPlace, schemaOf } from './schema-text.ts'

/** A named part of a shape: a field of a record, a branch of a union. */
export interface AvroPart {
  readonly name: string
  readonly shape: AvroShape
}

/** An Avro schema with its names resolved; a record may contain itself. */
export type AvroShape =
  | { readonly kind: 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string' }
  /** Bytes that are the unscaled integer, two's complement; `size` when their number is fixed. */
  | { readonly kind: 'decimal'; readonly scale: number; readonly size?: number }
  | { readonly kind: 'fixed'; readonly size: number }
  | { readonly kind: 'enum'; readonly symbols: readonly string[] }
  | { readonly kind: 'array'; readonly items: AvroShape }
  | { readonly kind: 'map'; readonly values: AvroShape }
  | { readonly kind: 'union'; readonly branches: readonly AvroPart[] }
  | { readonly kind: 'record'; readonly fields: readonly AvroPart[] }

/** Reads and checks a schema. Throws for one that is not Avro. */
export async function avroShape(place: SchemaPlace): Promise<AvroShape> {
  const schema = jsonOf(await schemaOf(place))
  const { default: avro } = await import('avsc')
  class Decimal extends avro.types.LogicalType {
    readonly scale: number
    constructor(given: { precision?: unknown; scale?: unknown }, options?: object) {
      super(given as never, options)
      const { precision, scale = 0 } = given
      const isValid = isWhole(precision, 1) && isWhole(scale, 0) && scale <= precision
      // By the specification a logical type that is not valid is ignored.
      if (!isValid) throw new Error('no valid decimal')
      this.scale = scale
    }
    protected override _fromValue(value: unknown): unknown {
      return value
    }
    protected override _toValue(value: unknown): unknown {
      return value
    }
  }
  const type = avro.Type.forSchema(schema as never, {
    wrapUnions: 'always',
    logicalTypes: { decimal: Decimal as never },
  })
  return shapeOf(type, new Map())
}

function isWhole(value: unknown, least: number): value is number {
  return Number.isInteger(value) && (value as number) >= least
}

function shapeOf(type: Type, known: Map<Type, AvroShape>): AvroShape {
  const before = known.get(type)
  if (before !== undefined) return before
  switch (type.typeName) {
    case 'null':
    case 'boolean':
    case 'int':
    case 'long':
    case 'float':
    case 'double':
    case 'bytes':
    case 'string':
      return { kind: type.typeName }
    case 'fixed':
      return { kind: 'fixed', size: (type as types.FixedType).size }
    case 'enum':
      return { kind: 'enum', symbols: (type as types.EnumType).symbols }
    case 'array':
      return { kind: 'array', items: shapeOf((type as types.ArrayType).itemsType, known) }
    case 'map':
      return { kind: 'map', values: shapeOf((type as unknown as { valuesType: Type }).valuesType, known) }
    case 'record':
      return recordShape(type as types.RecordType, known)
    case 'logical:decimal':
      return decimalShape(type as types.LogicalType & { readonly scale: number }, known)
    default:
      return unionShape(type as types.WrappedUnionType, known)
  }
}

function recordShape(type: types.RecordType, known: Map<Type, AvroShape>): AvroShape {
  const fields: AvroPart[] = []
  const shape = { kind: 'record', fields } as const
  known.set(type, shape)
  for (const field of type.fields) {
    // Assigning it would change the prototype of what is decoded.
    if (field.name === '__proto__') throw new Error('a field cannot be named __proto__')
    fields.push({ name: field.name, shape: shapeOf(field.type, known) })
  }
  return shape
}

function unionShape(type: types.WrappedUnionType, known: Map<Type, AvroShape>): AvroShape {
  const branches = [...type.types].map((branch) => ({ name: branch.branchName ?? '', shape: shapeOf(branch, known) }))
  return { kind: 'union', branches }
}

function decimalShape(type: types.LogicalType & { readonly scale: number }, known: Map<Type, AvroShape>): AvroShape {
  const under = shapeOf(type.underlyingType, known)
  if (under.kind === 'fixed') return { kind: 'decimal', scale: type.scale, size: under.size }
  return under.kind === 'bytes' ? { kind: 'decimal', scale: type.scale } : under
}
