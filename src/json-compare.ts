import { isRawNumber, isSameNumber } from './lossless-json.ts'

/** A field that two JSON values differ in; a side that has no such field has none here either. */
export interface JsonDifference {
  /** From the top of the value, names and indexes; empty for the value itself. */
  readonly path: readonly (string | number)[]
  readonly expected?: unknown
  readonly actual?: unknown
}

/** What counts as the same. */
export interface Comparison {
  /** Mappings may have more fields than are expected, at every level; lists may not have more items. */
  readonly partial?: boolean
}

/**
 * Where a JSON value is not what was expected: numbers by what they are and not by how they are written, fields in any
 * order, a field that is missing apart from one that is null. Empty when nothing differs.
 */
export function jsonDifferences(expected: unknown, actual: unknown, comparison: Comparison = {}): JsonDifference[] {
  const found: JsonDifference[] = []
  compare({ expected, actual }, [], { comparison, found })
  return found
}

/** Whether nothing differs. */
export function isSameJson(expected: unknown, actual: unknown, comparison: Comparison = {}): boolean {
  return jsonDifferences(expected, actual, comparison).length === 0
}

interface Pair {
  readonly expected: unknown
  readonly actual: unknown
}

interface Comparing {
  readonly comparison: Comparison
  readonly found: JsonDifference[]
}

function compare(pair: Pair, path: JsonDifference['path'], comparing: Comparing): void {
  const { expected, actual } = pair
  if (Array.isArray(expected) && Array.isArray(actual)) return compareLists(expected, actual, path, comparing)
  if (isMapping(expected) && isMapping(actual)) return compareMappings(expected, actual, path, comparing)
  if (!isSameScalar(expected, actual)) comparing.found.push({ path, expected, actual })
}

function compareLists(
  expected: readonly unknown[],
  actual: readonly unknown[],
  path: JsonDifference['path'],
  comparing: Comparing,
): void {
  for (let index = 0; index < Math.max(expected.length, actual.length); index += 1) {
    const below = [...path, index]
    if (index >= actual.length) comparing.found.push({ path: below, expected: expected[index] })
    else if (index >= expected.length) comparing.found.push({ path: below, actual: actual[index] })
    else compare({ expected: expected[index], actual: actual[index] }, below, comparing)
  }
}

function compareMappings(expected: Mapping, actual: Mapping, path: JsonDifference['path'], comparing: Comparing): void {
  for (const [name, value] of Object.entries(expected)) {
    const below = [...path, name]
    if (Object.hasOwn(actual, name)) compare({ expected: value, actual: actual[name] }, below, comparing)
    else comparing.found.push({ path: below, expected: value })
  }
  if (comparing.comparison.partial === true) return
  for (const [name, value] of Object.entries(actual)) {
    if (!Object.hasOwn(expected, name)) comparing.found.push({ path: [...path, name], actual: value })
  }
}

function isSameScalar(one: unknown, other: unknown): boolean {
  const [number, second] = [numberText(one), numberText(other)]
  return number === undefined || second === undefined ? one === other : isSameNumber(number, second)
}

function numberText(value: unknown): string | undefined {
  return typeof value === 'number' ? String(value) : isRawNumber(value) ? value.rawJSON : undefined
}

type Mapping = Readonly<Record<string, unknown>>

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value)
}
