import type { FromSchema } from 'json-schema-to-ts'
import type { StepConnector } from '../../stream/step.ts'
import { eachMessage, leftOut, unchanged } from './each-message.ts'
import { intervalMs } from './interval.ts'
import { identityOf } from './message-identity.ts'
import { MessageVariables, messageExpression } from './message-scope.ts'

const config = {
  type: 'object',
  description:
    'Leaves out messages that came before, and counts them as filtered. What makes two messages the same is `by`; ' +
    'without it the id that the source or `idempotencyKey` gave, and without an id the payload, byte for byte. The ' +
    'memory is bounded: of two equal messages the later one passes again when the first is older than `window`, or so ' +
    'many others came between that it was forgotten, or Hermes started anew between them. Nothing is ever left out ' +
    'that did not come before; sinks that write by id make up for the rest.',
  additionalProperties: false,
  properties: {
    by: {
      type: 'string',
      minLength: 1,
      'x-expression': true,
      description: 'A CEL expression: messages with the same result are the same. A failure of it is a dead letter.',
    },
    window: {
      type: 'string',
      format: 'duration',
      default: '10m',
      description: 'How long a message is remembered, from when it passed; repeats do not prolong it.',
    },
    messages: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000_000,
      default: 100_000,
      description: 'How many are remembered at most, about 150 bytes each; the oldest is forgotten first.',
    },
  },
  examples: [{ by: 'message.trade_id', window: '1h' }],
} as const

export type DedupeConfig = FromSchema<typeof config>

export const dedupeStep: StepConnector<DedupeConfig> = {
  type: 'dedupe',
  summary: 'Leaves out messages that came before.',
  config,
  open: ({ by, window, messages }) => {
    const expression = by === undefined ? undefined : messageExpression(by)
    const seen = new Seen(intervalMs('window', window), messages)
    return {
      apply: (batch, now) => {
        const variables = new MessageVariables(batch, now)
        seen.forget(now)
        return eachMessage(batch, 'dedupe', (index) =>
          seen.add(identityOf(batch, index, expression, variables)) ? unchanged : leftOut,
        )
      },
    }
  },
}

/** Identities with the time they were first seen, oldest first. */
class Seen {
  readonly #times = new Map<string, number>()
  readonly #windowMs: number
  readonly #most: number
  /** Never goes back, whatever the clock does. */
  #now = Number.NEGATIVE_INFINITY

  constructor(windowMs: number, most: number) {
    this.#windowMs = windowMs
    this.#most = most
  }

  forget(now: number): void {
    this.#now = Math.max(this.#now, now)
    for (const [identity, time] of this.#times) {
      if (time + this.#windowMs > this.#now) return
      this.#times.delete(identity)
    }
  }

  /** Whether it is new. */
  add(identity: string): boolean {
    if (this.#times.has(identity)) return false
    this.#times.set(identity, this.#now)
    if (this.#times.size > this.#most) {
      const [oldest] = this.#times.keys()
      if (oldest !== undefined) this.#times.delete(oldest)
    }
    return true
  }
}
