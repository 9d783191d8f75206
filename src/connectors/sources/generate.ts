import { setImmediate as turn } from 'node:timers/promises'
import type { FromSchema } from 'json-schema-to-ts'
import type { Clock } from '../../clock.ts'
import { durationMs, durationPattern } from '../../manifest/duration.ts'
import { compileExpression, type Expression } from '../../manifest/expression.ts'
import type { Batch } from '../../stream/batch.ts'
import type { Connector } from '../../stream/connector.ts'
import type { Source } from '../../stream/source.ts'
import { CountedBatch, type Payloads, samePayload } from './counted-batch.ts'

const config = {
  type: 'object',
  description:
    'Makes messages: for trying a workflow out, as a heartbeat, and to measure with. It goes on behind its count after ' +
    'a restart, and its messages are numbered: the same number is the same message.',
  additionalProperties: false,
  'x-one-of': ['payload', 'expression'],
  properties: {
    payload: {
      description: 'The message, any JSON value; every message is the same.',
      'x-template': true,
    },
    expression: {
      type: 'string',
      minLength: 1,
      'x-expression': true,
      description:
        'CEL that makes each message, of `index` (0, 1, 2 …) and `now`: {"id": index, "price": 100 + index % 7}.',
    },
    count: { type: 'integer', minimum: 0, description: 'Messages in all, restarts included; left out: without end.' },
    rate: {
      type: 'object',
      description:
        'Left out: as fast as they are taken. What was missed is made up for, but no more than a second of it.',
      additionalProperties: false,
      'x-one-of': ['every', 'perSecond'],
      properties: {
        every: {
          type: 'string',
          pattern: durationPattern,
          'x-pattern-hint': 'a duration such as 500ms or 1m',
          description: 'Time between two messages, 1s; the first comes at once.',
        },
        perSecond: { type: 'number', exclusiveMinimum: 0, description: 'Messages a second, evenly.' },
      },
    },
    batch: {
      type: 'integer',
      minimum: 1,
      maximum: 65_536,
      default: 1_000,
      description: 'Messages handed on together, at most.',
    },
  },
} as const

export type GenerateConfig = FromSchema<typeof config>

/** The variables of `generate.expression`. */
export const generateScope = { index: 'int', now: 'timestamp' } as const

/** Throws `expression_syntax` or `expression_type` for an expression that is none. */
export const generateSource: Connector<Source, GenerateConfig> = {
  type: 'generate',
  summary: 'Messages that Hermes makes itself.',
  config,
  open: async (settings, { clock }) => new GenerateSource(settings, clock),
}

/** What was missed is made up for within so many milliseconds. */
const LAG_MS = 1_000
/** A turn of the event loop after so many messages: timers and sockets go on at full speed too. */
const TURN = 1_000

class GenerateSource implements Source {
  readonly #config: GenerateConfig
  readonly #clock: Clock
  readonly #payloads: (start: number, size: number) => Payloads
  readonly #closed = new AbortController()

  constructor(settings: GenerateConfig, clock: Clock) {
    this.#config = settings
    this.#clock = clock
    this.#payloads = payloadsOf(settings, clock)
  }

  /** The position is how many messages there were. */
  async *read(from: unknown, stop: AbortSignal, signal: AbortSignal): AsyncGenerator<Batch> {
    const until = AbortSignal.any([stop, signal, this.#closed.signal])
    const { count = Number.POSITIVE_INFINITY, batch: most } = this.#config
    const pace = paceOf(this.#config, this.#clock)
    let made = typeof from === 'number' ? from : 0
    let sinceTurn = 0
    for (;;) {
      signal.throwIfAborted()
      if (until.aborted || made >= count) return
      const due = await pace.due(Math.min(most, count - made), until)
      if (due === 0) continue
      yield new CountedBatch(this.#payloads(made, due), made, due)
      made += due
      sinceTurn += due
      if (sinceTurn < TURN) continue
      sinceTurn = 0
      await turn()
    }
  }

  async ping(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
  }
}

function payloadsOf({ payload, expression }: GenerateConfig, clock: Clock): (start: number, size: number) => Payloads {
  if (expression === undefined) {
    const same = samePayload(payload)
    return (_start, size) => same(size)
  }
  const compiled = compileExpression(expression, generateScope)
  return (start, size) => madePayloads(compiled, start, size, new Date(clock.now()))
}

/** Throws `expression_type` for what only shows when a message is made: a division by zero. */
function madePayloads(expression: Expression, start: number, size: number, now: Date): Payloads {
  const values = Array.from({ length: size }, (_, index) => expression.evaluate({ index: start + index, now }))
  return { values }
}

/** Says how many messages may be made now, at most `most`; 0 when it waited in vain for the first. */
interface Pace {
  due(most: number, until: AbortSignal): Promise<number> | number
}

function paceOf({ rate: { every, perSecond } = {} }: GenerateConfig, clock: Clock): Pace {
  const intervalMs = every === undefined ? 1_000 / (perSecond ?? Number.POSITIVE_INFINITY) : durationMs(every)
  if (intervalMs === 0) return { due: (most) => most }
  let next = clock.now()
  return {
    due: async (most, until) => {
      const now = clock.now()
      if (next > now) {
        await clock.sleep(Math.max(1, Math.ceil(next - now)), until).catch(() => undefined)
        return 0
      }
      next = Math.max(next, now - Math.max(LAG_MS, intervalMs))
      const due = Math.min(most, Math.floor((now - next) / intervalMs) + 1)
      next += due * intervalMs
      return due
    },
  }
}
