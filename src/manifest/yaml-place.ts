import { type Document, isAlias, isMap, isPair, isScalar, isSeq, type Node, type Pair } from 'yaml'
import type { Path } from './path.ts'

/** Offsets in a document's text. */
export interface Place {
  /** Where the field's name starts; for a list item, where the item starts. */
  readonly key: number
  /** Where its value starts; the same as `key` when nothing is written there. */
  readonly value: number
  /** Where its value ends. */
  readonly end: number
}

/** The place of the field at `path`, or of the nearest field above it that is written. */
export function placeOf(document: Document, path: Path): Place {
  let node = target(document.contents, document)
  let place = placeOfNode(node, node?.range?.[0] ?? document.range?.[0] ?? 0)
  for (let depth = 0; depth < path.length; ) {
    const step = stepInto(node, path.slice(depth))
    if (step === undefined) return place
    const { key, value } = step
    place = placeOfNode(value, key?.range?.[0] ?? value?.range?.[0] ?? place.value)
    node = target(value, document)
    depth += step.names
  }
  return place
}

interface StepInto {
  readonly key?: Node
  readonly value: Node | null
  /** How many names of the path it used up. */
  readonly names: number
}

function stepInto(node: Node | null, path: Path): StepInto | undefined {
  if (isSeq(node)) {
    const value = node.items[Number(path[0])]
    return value === undefined ? undefined : { value: asNode(value), names: 1 }
  }
  if (!isMap(node)) return undefined
  for (let names = 1; names <= path.length; names++) {
    const pair = node.items.find((each) => nameOf(each) === path.slice(0, names).join('.'))
    if (pair !== undefined && isScalar(pair.key)) return { key: pair.key, value: asNode(pair.value), names }
  }
  return undefined
}

/** A mapping's field name as data has it. */
export function nameOf(pair: Pair): string | undefined {
  if (!isScalar(pair.key)) return undefined
  const { value, source } = pair.key
  return typeof value === 'string' ? value : (source ?? String(value))
}

function placeOfNode(node: Node | null, key: number): Place {
  const range = node?.range
  const isEmpty = range === undefined || range === null || (isScalar(node) && range[0] === range[1])
  return isEmpty ? { key, value: key, end: key } : { key, value: range[0], end: range[1] }
}

function target(node: Node | null, document: Document): Node | null {
  return isAlias(node) ? (node.resolve(document) ?? null) : node
}

function asNode(value: unknown): Node | null {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value) ? value : null
}

/** A pair of a mapping; what `yaml` calls anything else does not occur in parsed documents. */
export function pairsOf(node: { readonly items: readonly unknown[] }): readonly Pair[] {
  return node.items.filter((each) => isPair(each))
}
