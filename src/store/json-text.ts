import { isRawNumber, parseLossless, rawNumber } from '../lossless-json.ts'
import { formatDecimal, parseDecimal } from './decimal.ts'

/** Text that both databases can hold: no U+0000, no lone surrogate; each becomes U+FFFD. */
export function storableText(text: string): string {
  if (text.isWellFormed() && !text.includes('\0')) return text
  return text.toWellFormed().replaceAll('\0', '\uFFFD')
}

const unstorable = /\\(?:u0000|ud[89a-f][0-9a-f]{2}|[^])/g
const hugeExponent = /\d[eE][+-]?\d{4}/

/** JSON as it is stored: numbers exact, text storable. Undefined for what JSON or a database cannot hold. */
export function jsonText(value: unknown): string | undefined {
  const text = stringify(value)
  if (text === undefined || isTooDeep(text) || (hugeExponent.test(text) && hasHugeNumber(value))) return undefined
  return storable(text)
}

/** JSON that came as text, as it is stored: as it was written, where a database holds that. Throws SyntaxError. */
export function sourceJsonText(text: string): string | undefined {
  const value: unknown = JSON.parse(text)
  if (hugeExponent.test(text) && hasHugeNumber(parseLossless(text))) return undefined
  return typeof value === 'object' && isTooDeep(text) ? undefined : storable(text)
}

function storable(text: string): string {
  return text.includes('\\u') ? text.replaceAll(unstorable, replaced) : text
}

/** PostgreSQL parses JSON on a stack of 2 MB; nobody nests so deep on purpose. */
const deepest = 1_000

function isTooDeep(text: string): boolean {
  if (text.length < 2 * deepest) return false
  let depth = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === QUOTE) index = endOfString(text, index)
    else if (code === BRACE || code === BRACKET) depth += 1
    else if (code === BRACE + 2 || code === BRACKET + 2) depth -= 1
    if (depth > deepest) return true
  }
  return false
}

const QUOTE = 34
const BACKSLASH = 92
/** `{` and `[`; what closes them stands two places behind. */
const BRACE = 123
const BRACKET = 91

/** The place of the quote that ends the string begun at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

function isEscaped(text: string, quote: number): boolean {
  let backslashes = 0
  while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes += 1
  return backslashes % 2 === 1
}

function replaced(escape: string): string {
  return escape === '\\u0000' || escape.startsWith('\\ud') ? '\uFFFD' : escape
}

function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return stringifyBigInts(value)
  }
}

/** BigInts print as numbers; what still does not print (a cycle, absurd nesting) has no JSON. */
function stringifyBigInts(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? rawNumber(String(each)) : each))
  } catch {
    return undefined
  }
}

/** Whether a number within is larger than a numeric may be, which is how PostgreSQL keeps numbers in JSON. */
function hasHugeNumber(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (!isRawNumber(value)) return Object.values(value).some(hasHugeNumber)
  const decimal = parseDecimal(value.rawJSON)
  return decimal === undefined || formatDecimal(decimal) === undefined
}
