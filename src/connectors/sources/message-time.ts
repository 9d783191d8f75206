import { scalarText } from '../json-path.ts'

/** RFC 3339, its offset needed: a time without one is nobody's. */
const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i
const number = /^\d+(\.\d+)?$/

/**
 * The time in a message, in milliseconds since 1970: RFC 3339 text, or a number of seconds, milliseconds, microseconds
 * or nanoseconds, which are told apart by their size (from 1973 to 5138 none can be taken for another). Undefined for
 * anything else.
 */
export function messageTime(value: unknown): number | undefined {
  const text = scalarText(value)
  if (text === undefined) return undefined
  if (number.test(text)) return epochMs(Number(text))
  if (!rfc3339.test(text)) return undefined
  const time = Date.parse(text)
  return Number.isNaN(time) ? undefined : time
}

function epochMs(amount: number): number {
  if (amount < 1e11) return amount * 1e3
  if (amount < 1e14) return amount
  return amount < 1e17 ? amount / 1e3 : amount / 1e6
}
