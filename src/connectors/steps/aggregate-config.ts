import type { FromSchema } from 'json-schema-to-ts'
import { aggregations } from './aggregate-values.ts'

const expression = { type: 'string', minLength: 1, 'x-expression': true } as const
const duration = { type: 'string', format: 'duration' } as const
const field = { pattern: '^[A-Za-z_][A-Za-z0-9_]*$', 'x-pattern-hint': 'a name of letters, digits and _' } as const

/** The schema of the aggregate step, and its documentation. */
export const aggregateConfig = {
  type: 'object',
  description:
    'Makes one message of many: one for each window of time and group, with the fields of `by`, `start` and `end` of ' +
    'the window as RFC 3339 text, and `values`. Windows are aligned to 1970-01-01T00:00:00Z. The result of a window has ' +
    'an id made of group and start: the same again after a restart. What is in an open window is not acknowledged: ' +
    'after a restart the source gives it again. A source that ends closes all windows. One aggregate in a workflow.',
  additionalProperties: false,
  required: ['window', 'values'],
  properties: {
    window: { ...duration, description: 'Length of a window: `1m`.' },
    every: {
      ...duration,
      description:
        'How often a window begins. Less than `window`: they overlap (sliding), and a message counts in each that it ' +
        'lies in, a thousand at most. As long as the window when absent (tumbling).',
    },
    time: {
      ...expression,
      description:
        'When a message happened: a CEL expression that gives a timestamp, RFC 3339 text, or milliseconds since 1970. ' +
        'Windows close as messages with later times come. When absent the clock of Hermes decides; then a message that ' +
        'is read again after a restart counts for the window of that time.',
    },
    lateness: {
      ...duration,
      default: '0',
      description:
        'How far messages may be out of order: a window closes when one has come that is so much past its end.',
    },
    late: {
      enum: ['deadLetter', 'drop'],
      default: 'deadLetter',
      description:
        'What becomes of a message all of whose windows have closed. deadLetter: it is kept there, with the reason. ' +
        'drop: it is counted as filtered.',
    },
    ahead: {
      ...duration,
      default: '1h',
      description:
        'A message with a time further in the future goes to the dead letters: one wrong clock would close all windows.',
    },
    idle: {
      ...duration,
      description:
        'With `time`: when no message came for so long, the windows that have ended by the clock of Hermes, lateness ' +
        'included, close all the same. When absent they wait for a later message.',
    },
    by: {
      type: 'object',
      minProperties: 1,
      propertyNames: field,
      additionalProperties: { ...expression, description: 'A CEL expression.' },
      description: 'Groups: a field of the result, and the expression that gives it. One group for all when absent.',
      examples: [{ product: 'message.product_id' }],
    },
    values: {
      type: 'object',
      minProperties: 1,
      propertyNames: field,
      description: 'Fields of the result. Null counts for nothing but `count`, `first` and `last`.',
      additionalProperties: {
        type: 'object',
        additionalProperties: false,
        'x-one-of': Object.keys(aggregations),
        properties: {
          count: { ...expression, description: 'How many messages the condition holds for; `"true"` counts all.' },
          sum: { ...expression, description: 'Exact: no digit is rounded.' },
          avg: { ...expression, description: 'The exact sum by the number of values, as a double.' },
          min: { ...expression, description: 'Of numbers or text; numbers come first.' },
          max: { ...expression, description: 'Of numbers or text; text comes last.' },
          first: { ...expression, description: 'The value with the earliest time; of equal ones the first that came.' },
          last: { ...expression, description: 'The value with the latest time; of equal ones the last that came.' },
        },
      },
      examples: [{ trades: { count: 'true' }, volume: { sum: 'message.size' }, high: { max: 'message.price' } }],
    },
    groups: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000_000,
      default: 100_000,
      description: 'Open groups at most, of all windows together; a message that needs another one is a dead letter.',
    },
  },
} as const

export type AggregateConfig = FromSchema<typeof aggregateConfig>
