/** A number that a double cannot hold as it is written: `JSON.stringify` prints it exactly, `text` is its source. */
export interface RawNumber {
  readonly rawJSON: string
}

interface ReviverContext {
  readonly source?: string
}

/** What Node's JSON has and the library types do not know yet. */
interface SourceAwareJson {
  parse(text: string, reviver: (key: string, value: unknown, context: ReviverContext) => unknown): unknown
  rawJSON(text: string): RawNumber
  isRawJSON(value: unknown): value is RawNumber
}

const json = JSON as unknown as SourceAwareJson
const decoder = new TextDecoder()

/** Sixteen digits and points in a row, each written out: searched for by leaps, and most texts have none. */
const run = new RegExp(`\\d${'[\\d.]'.repeat(15)}`)
/** Quick to rule out: a number of 16 digits or more, and one with an exponent. */
const long = /(?:^|[[,:\s])-?\d[\d.]{15}/
const scientific = /\d[eE][-+\d]\d*(?:[,\]}\s]|$)/
/** The numbers that may lose something, whole. */
const suspects = /(?<=^|[[,:\s])-?(?:\d[\d.]{15,}(?:[eE][+-]?\d+)?|\d[\d.]*[eE][+-]?\d+)/g

/**
 * Parses JSON without losing digits: a number that a double holds exactly as written is a number, any other becomes a
 * `RawNumber`. Bytes are UTF-8; a byte order mark is skipped. Throws SyntaxError, and RangeError for absurd nesting.
 */
export function parseLossless(text: string | Uint8Array): unknown {
  const source = typeof text === 'string' ? text : decoder.decode(text)
  return loses(source) ? json.parse(source, keepDigits) : JSON.parse(source)
}

/** Reading every value back by its source is five times slower, so only a text that needs it pays for it. */
function loses(text: string): boolean {
  if (!(run.test(text) && long.test(text)) && !scientific.test(text)) return false
  for (const [token] of text.matchAll(suspects)) {
    if (!holds(Number(token), token)) return true
  }
  return false
}

function keepDigits(_key: string, value: unknown, { source }: ReviverContext): unknown {
  return typeof value !== 'number' || source === undefined || holds(value, source) ? value : json.rawJSON(source)
}

/** Parses JSON with numbers and booleans as the text that they are written with. Throws SyntaxError. */
export function parseJsonVerbatim(text: string): unknown {
  return json.parse(text, (_key, value, { source }) =>
    typeof value === 'number' || typeof value === 'boolean' ? source : value,
  )
}

/** A number as JSON text that is never rounded; `source` must be a JSON number. */
export function rawNumber(source: string): RawNumber {
  return json.rawJSON(source)
}

export function isRawNumber(value: unknown): value is RawNumber {
  return json.isRawJSON(value)
}

/** Whether two JSON numbers are the same number, however they are written. */
export function isSameNumber(one: string, other: string): boolean {
  return one === other || normal(one) === normal(other)
}

/** Whether a double prints as the number that `source` writes. */
function holds(value: number, source: string): boolean {
  const printed = String(value)
  return printed === source || (Number.isFinite(value) && normal(printed) === normal(source))
}

/** The same text for the same number: significant digits and the place of the point. */
function normal(number: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? []
  const digits = (whole + fraction).replace(/^0+/, '')
  const significant = digits.replace(/0+$/, '')
  if (significant === '') return '0'
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`
}
