import type { FromSchema } from 'json-schema-to-ts'
import type { StepConnector } from '../../stream/step.ts'
import { eachMessage, leftOut, unchanged } from './each-message.ts'
import { intervalMs } from './interval.ts'
import { identityOf } from './message-identity.ts'
import { MessageVariables, messageExpression } from './message-scope.ts'

const config = {
  type: 'object',
  description:
    'Lets through so many messages per interval; the others are left out and counted as filtered. Made for streams of ' +
    'which the present is wanted and not each message. To slow a source down without losing anything, leave this step ' +
    'away: sinks hold their source back by themselves. An interval begins with its first message, so that two ' +
    'neighbours together may let twice as many through at their border.',
  additionalProperties: false,
  required: ['messages', 'per'],
  properties: {
    messages: { type: 'integer', minimum: 1, description: 'Messages that pass in one interval, of each key.' },
    per: { type: 'string', format: 'duration', description: 'Length of the interval, by the clock of Hermes.' },
    by: {
      type: 'string',
      minLength: 1,
      'x-expression': true,
      description: 'A CEL expression: each result has an interval and a count of its own. One for all when absent.',
    },
    keys: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000_000,
      default: 100_000,
      description:
        'Intervals open at the same time at most; beyond it the oldest is closed early, and its key counts anew.',
    },
  },
  examples: [{ messages: 1, per: '1s', by: 'message.product_id' }],
} as const

export type ThrottleConfig = FromSchema<typeof config>

export const throttleStep: StepConnector<ThrottleConfig> = {
  type: 'throttle',
  summary: 'Lets through so many messages per interval.',
  config,
  open: ({ messages, per, by, keys }) => {
    const expression = by === undefined ? undefined : messageExpression(by)
    const intervals = new Intervals(messages, intervalMs('per', per), keys)
    return {
      apply: (batch, now) => {
        const variables = new MessageVariables(batch, now)
        intervals.close(now)
        return eachMessage(batch, 'throttle', (index) => {
          const key = expression === undefined ? '' : identityOf(batch, index, expression, variables)
          return intervals.admits(key) ? unchanged : leftOut
        })
      },
    }
  },
}

interface Interval {
  readonly began: number
  passed: number
}

/** The open intervals by key, oldest first. */
class Intervals {
  readonly #open = new Map<string, Interval>()
  readonly #messages: number
  readonly #lengthMs: number
  readonly #most: number
  /** Never goes back, whatever the clock does. */
  #now = Number.NEGATIVE_INFINITY

  constructor(messages: number, lengthMs: number, most: number) {
    this.#messages = messages
    this.#lengthMs = lengthMs
    this.#most = most
  }

  close(now: number): void {
    this.#now = Math.max(this.#now, now)
    for (const [key, { began }] of this.#open) {
      if (began + this.#lengthMs > this.#now) return
      this.#open.delete(key)
    }
  }

  admits(key: string): boolean {
    const interval = this.#open.get(key) ?? this.#begin(key)
    if (interval.passed >= this.#messages) return false
    interval.passed += 1
    return true
  }

  #begin(key: string): Interval {
    const interval = { began: this.#now, passed: 0 }
    this.#open.set(key, interval)
    if (this.#open.size > this.#most) {
      const [oldest] = this.#open.keys()
      if (oldest !== undefined) this.#open.delete(oldest)
    }
    return interval
  }
}
