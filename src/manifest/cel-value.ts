import { celObject } from './expression-projection.ts'

/** Plain data as CEL wants it: whole numbers become BigInt, deep inside too. */
export function toCel(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value
  if (Array.isArray(value)) return value.map(toCel)
  if (!isPlainObject(value)) return value
  return celObject(Object.fromEntries(Object.entries(value).map(([name, each]) => [name, toCel(each)])))
}

/** A CEL result as plain data: integers as numbers, beyond 2^53 as decimal text; timestamps as RFC 3339 text. */
export function plainOf(value: unknown): unknown {
  if (typeof value === 'bigint') return isSafe(value) ? Number(value) : value.toString()
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map(plainOf)
  if (value instanceof Map) return plainOf(Object.fromEntries(value))
  if (isPlainObject(value))
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plainOf(each)]))
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  const primitive: unknown = value.valueOf()
  return primitive === value ? JSON.stringify(value) : plainOf(primitive)
}

/** A result as part of a longer text, or undefined for what has no one way to be written there. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

function isSafe(value: bigint): boolean {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
