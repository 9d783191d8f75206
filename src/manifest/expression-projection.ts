import { isRawNumber, rawNumber } from '../lossless-json.ts'
import { Decimal, jsonNumberOf, parseDecimal } from './expression-decimal.ts'

/** What an expression reads of a value: all of it, or some of its fields and items. */
export interface Wanted {
  all: boolean
  readonly fields: Map<string | number, Wanted>
}

/** CEL's int has 64 bits. */
const int64 = 2 ** 63

/** Makes of a JSON value what CEL needs of it, and converts nothing else. */
export function projection({ all, fields }: Wanted): (value: unknown) => unknown {
  if (all || fields.size === 0) return celOf
  const parts = [...fields].map(([step, below]) => ({ step, name: String(step), part: projection(below) }))
  const [only] = parts
  const ofObject = parts.length === 1 && only !== undefined ? oneField(only.name, only.part) : someFields(parts)
  return (value) => {
    if (typeof value !== 'object' || value === null) return celOf(value)
    if (Array.isArray(value)) return someItems(value, parts)
    return isRawNumber(value) ? celOf(value) : ofObject(value)
  }
}

type Part = (value: unknown) => unknown

function oneField(name: string, part: Part): (value: object) => unknown {
  return (value) => (Object.hasOwn(value, name) ? celObject({ [name]: part(Reflect.get(value, name)) }) : {})
}

function someFields(parts: readonly { readonly name: string; readonly part: Part }[]): (value: object) => unknown {
  return (value) => {
    const projected: Record<string, unknown> = {}
    for (const { name, part } of parts) {
      if (Object.hasOwn(value, name)) put(projected, name, part(Reflect.get(value, name)))
    }
    return celObject(projected)
  }
}

/** A list of the same items up to the last that is asked for; only those that are asked for are converted. */
function someItems(
  list: readonly unknown[],
  parts: readonly { readonly step: string | number; readonly part: Part }[],
): unknown {
  const indexes = parts.flatMap(({ step }) => (typeof step === 'number' ? step : []))
  const items = list.slice(0, Math.max(-1, ...indexes) + 1)
  for (const { step, part } of parts) {
    if (typeof step === 'number' && step < items.length) items[step] = part(items[step])
  }
  return items
}

/**
 * A JSON value as CEL wants it: whole numbers within 64 bits are BigInt, numbers with more digits than a double holds
 * are Decimal. What needs no conversion is the same object. Throws for a number beyond a thousand digits.
 */
export function celOf(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) && Math.abs(value) < int64 ? BigInt(value) : value
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  if (Array.isArray(value)) return listOf(value)
  return isRawNumber(value) ? numberOf(value.rawJSON) : mapOf(value)
}

function numberOf(text: string): unknown {
  const decimal = parseDecimal(text)
  if (decimal === undefined) throw new Error('a number has too many digits')
  return decimal.scale === 0 && BigInt.asIntN(64, decimal.units) === decimal.units ? decimal.units : decimal
}

function listOf(list: readonly unknown[]): readonly unknown[] {
  let copy: unknown[] | undefined
  for (let index = 0; index < list.length; index++) {
    const converted = celOf(list[index])
    if (converted === list[index]) continue
    copy ??= [...list]
    copy[index] = converted
  }
  return copy ?? list
}

function mapOf(object: object): object {
  let copy: Record<string, unknown> | undefined
  for (const [name, value] of Object.entries(object)) {
    const converted = celOf(value)
    if (converted === value) continue
    copy ??= { ...object }
    put(copy, name, converted)
  }
  return celObject(copy ?? object)
}

/** cel-js takes the field `constructor` of an object for its class: an object that has one becomes a Map. */
export function celObject(object: object): object {
  return Object.hasOwn(object, 'constructor') ? new Map(Object.entries(object)) : object
}

/** Sets an own field, whatever its name. */
function put(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value
  else Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
}

/** A CEL result as a JSON value. Throws for what JSON cannot say: NaN, Infinity, a type. */
export function jsonOf(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : rawNumber(String(value))
  if (typeof value === 'number') return finite(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(jsonOf)
  if (value instanceof Decimal) return jsonNumberOf(value)
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof Map) return jsonOf(Object.fromEntries(value))
  return isPlain(value) ? objectOf(value) : primitiveOf(value)
}

function finite(value: number): number {
  if (Number.isFinite(value)) return value
  throw new Error(`the result is ${value}, which JSON cannot hold`)
}

function objectOf(object: object): object {
  const json: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(object)) put(json, name, jsonOf(value))
  return json
}

/** Durations and unsigned integers stand for a number. */
function primitiveOf(value: object): unknown {
  const primitive: unknown = value.valueOf()
  if (typeof primitive === 'object') throw new Error('the result is a type, which JSON cannot hold')
  return jsonOf(primitive)
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
