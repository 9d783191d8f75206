import { HermesError } from '../../errors.ts'
import { isRawNumber } from '../../lossless-json.ts'
import { compareDecimals, Decimal, decimalOf, jsonNumberOf, parseDecimal } from '../../manifest/expression-decimal.ts'
import type { LosslessExpression } from '../../manifest/expression-lossless.ts'
import { ExactSum } from './exact-sum.ts'

/** What is kept of one value of one group. */
export interface Accumulator {
  /** `input` comes from `inputOf`, `time` is the event's; never throws. */
  add(input: unknown, time: number): void
  /** A JSON value; null when there was nothing but null. */
  result(): unknown
}

/** What an aggregation does, by its key in the manifest. */
export interface Aggregation {
  start(): Accumulator
  /** What one message gives; throws what makes the message a failure. */
  inputOf(expression: LosslessExpression, variables: object): unknown
}

const anything: Aggregation['inputOf'] = (expression, variables) => expression.evaluate(variables)

const numeric: Aggregation['inputOf'] = (expression, variables) => {
  const value = expression.evaluate(variables)
  if (value === null || typeof value === 'number') return value
  return decimal(value) ?? refuse(expression, 'is no number')
}

const orderable: Aggregation['inputOf'] = (expression, variables) => {
  const value = expression.evaluate(variables)
  if (value === null || typeof value === 'number' || typeof value === 'string') return value
  return decimal(value) ?? refuse(expression, 'is neither a number nor text')
}

/** Each aggregation by its name. Sums are exact, whatever the order of their messages. */
export const aggregations = {
  count: {
    start: () => counting(),
    inputOf: (expression, variables) => expression.test(variables),
  },
  sum: { start: () => summing((sum) => jsonNumberOf(sum)), inputOf: numeric },
  avg: { start: () => summing(mean), inputOf: numeric },
  min: { start: () => extreme(-1), inputOf: orderable },
  max: { start: () => extreme(1), inputOf: orderable },
  first: { start: () => timed((time, known) => time < known), inputOf: anything },
  last: { start: () => timed((time, known) => time >= known), inputOf: anything },
} as const satisfies Record<string, Aggregation>

function decimal(value: unknown): Decimal | undefined {
  return isRawNumber(value) ? parseDecimal(value.rawJSON) : undefined
}

function refuse({ text }: LosslessExpression, what: string): never {
  throw new HermesError('message_invalid', `${text} ${what}`)
}

function counting(): Accumulator {
  let count = 0
  return {
    add: (holds) => {
      if (holds === true) count += 1
    },
    result: () => count,
  }
}

function mean(sum: Decimal, count: number): unknown {
  const double = sum.valueOf() / count
  return Number.isFinite(double) ? double : jsonNumberOf(new Decimal(sum.units / BigInt(count), sum.scale))
}

function summing(resultOf: (sum: Decimal, count: number) => unknown): Accumulator {
  const sum = new ExactSum()
  let count = 0
  return {
    add: (input) => {
      if (typeof input !== 'number' && !(input instanceof Decimal)) return
      count += 1
      sum.add(input)
    },
    result: () => (count === 0 ? null : resultOf(sum.value(), count)),
  }
}

function decimalFrom(input: unknown): Decimal {
  const known = typeof input === 'number' ? decimalOf(input) : input
  return known instanceof Decimal ? known : new Decimal(0n, 0)
}

/** The least (-1) or the greatest (1); numbers come before texts. */
function extreme(sign: -1 | 1): Accumulator {
  let most: unknown = null
  return {
    add: (input) => {
      if (input !== null && (most === null || order(input, most) * sign > 0)) most = input
    },
    result: () => (most instanceof Decimal ? jsonNumberOf(most) : most),
  }
}

function order(a: unknown, b: unknown): number {
  if (typeof a === 'string' || typeof b === 'string') {
    if (typeof a !== 'string') return -1
    if (typeof b !== 'string' || a > b) return 1
    return a === b ? 0 : -1
  }
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return compareDecimals(decimalFrom(a), decimalFrom(b))
}

/** The value of the event that comes first, or last, in event time. */
function timed(replaces: (time: number, known: number) => boolean): Accumulator {
  let value: unknown = null
  let at: number | undefined
  return {
    add: (input, time) => {
      if (at !== undefined && !replaces(time, at)) return
      at = time
      value = input
    },
    result: () => value,
  }
}
