import { HermesError } from '../../errors.ts'
import { compileLossless, type LosslessExpression } from '../../manifest/expression-lossless.ts'
import type { Scope } from '../../manifest/scope.ts'
import type { Batch, Meta } from '../../stream/batch.ts'

/**
 * What expressions over a message may use: `message`, its value; `meta`, what else is known of it, each field absent
 * (`has(meta.key)`) unless somebody gave it; and `now`, when the step got it.
 */
export const messageScope = {
  message: 'dyn',
  meta: { id: 'string', key: 'string', route: 'string' },
  now: 'timestamp',
} as const satisfies Scope

/** Compiles an expression of a step. Throws `expression_syntax` or `expression_type`. */
export function messageExpression(text: string): LosslessExpression {
  return compileLossless(text, messageScope)
}

/** As `messageExpression`, for one that must be true or false; throws `expression_type` where it can be neither. */
export function messageCondition(text: string): LosslessExpression {
  const expression = messageExpression(text)
  if (expression.type === 'bool' || expression.type === 'dyn') return expression
  throw new HermesError('expression_type', `${text} is a ${expression.type}, not true or false`)
}

const unread = Symbol('unread')

/**
 * The variables of one message after the other: the same object, so that a message costs nothing. A payload is parsed
 * when an expression reads `message`, and stays bytes if none does.
 */
export class MessageVariables {
  readonly now: Date
  readonly #batch: Batch
  #index = 0
  #message: unknown = unread

  constructor(batch: Batch, now: number) {
    this.#batch = batch
    this.now = new Date(now)
  }

  /** Throws `message_invalid` when the payload is no JSON. */
  get message(): unknown {
    if (this.#message === unread) this.#message = this.#batch.value(this.#index)
    return this.#message
  }

  get meta(): Meta {
    return this.#batch.meta(this.#index)
  }

  /** Those of the message at this place. */
  at(index: number): this {
    this.#index = index
    this.#message = unread
    return this
  }
}
