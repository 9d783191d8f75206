import type { Location } from '../errors.ts'
import type { Problem } from './manifest.ts'
import type { Path } from './path.ts'

/** One element of a list that resources are made from: its fields, all of them text. */
export type Element = Readonly<Record<string, string>>

/** A list that reads well. */
export interface List {
  readonly elements: readonly Element[]
  /** The fields that every element has; undefined when an empty list does not tell. */
  readonly fields: readonly string[] | undefined
  /** Where an element is written. */
  locate(index: number): Location
}

/** What became of a list's file: a list, what is wrong in it, or why there is none (`does not exist`). */
export type ListFile = List | { readonly problems: readonly Problem[] } | { readonly missing: string }

/** The lists at hand, by file; undefined for one that was not looked for. */
export type ListFiles = (file: string) => ListFile | undefined

/** Something wrong with an element; the path begins with its index. */
export interface ElementFault {
  readonly message: string
  readonly path: Path
}

/** A list may have so many elements. */
export const maxElements = 10_000

/** The field of elements that are no mappings. */
export const loneField = 'value'

/** Items as elements, or what is wrong with them. */
export type Elements = Pick<List, 'elements' | 'fields'> | { readonly faults: readonly ElementFault[] }

/** Elements are mappings of text with the same fields, or texts, which become the one field `lone`. */
export function elementsOf(items: readonly unknown[], lone: string = loneField): Elements {
  if (items.length > maxElements) {
    const message = `there are ${items.length} elements; a list may have ${maxElements}`
    return { faults: [{ message, path: [maxElements] }] }
  }
  const elements = items.map((item) => (isMapping(item) ? item : { [lone]: item }))
  const [first] = elements
  const fields = first === undefined ? undefined : Object.keys(first)
  const faults = items.flatMap((item, index) => faultsOf(item, index, isMapping(items[0]) ? fields : undefined))
  return faults.length > 0 ? { faults } : { elements: elements as readonly Element[], fields }
}

const longestWords = 60

/** An element in a few words, for people: `AAPL`, `symbol AAPL, id 1`. */
export function describeElement(element: Element): string {
  const entries = Object.entries(element)
  const words = entries.length === 1 ? (entries[0]?.[1] ?? '') : entries.map((each) => each.join(' ')).join(', ')
  const line = words.replace(/\s+/g, ' ')
  return line.length > longestWords ? `${line.slice(0, longestWords)}…` : line
}

/** `fields` are those of the first element, when it is a mapping. */
function faultsOf(item: unknown, index: number, fields: readonly string[] | undefined): readonly ElementFault[] {
  if (!isMapping(item)) {
    if (fields !== undefined) return [{ message: 'is no mapping, as the first element is', path: [index] }]
    return typeof item === 'string' ? [] : [{ message: notText(item), path: [index] }]
  }
  if (fields === undefined) return [{ message: 'is a mapping, which the first element is not', path: [index] }]
  const missing = fields.filter((field) => !Object.hasOwn(item, field))
  if (missing.length > 0) return [{ message: `has no ${missing.join(', ')}, as the first element has`, path: [index] }]
  return Object.entries(item).flatMap(([field, value]) => {
    const path = [index, field]
    if (!fields.includes(field)) return [{ message: 'is no field of the first element', path }]
    return typeof value === 'string' ? [] : [{ message: notText(value), path }]
  })
}

function notText(value: unknown): string {
  const word = value === null ? 'null' : Array.isArray(value) ? 'a list' : 'a mapping'
  return `must be text or a number, not ${word}`
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
