import type { FromSchema } from 'json-schema-to-ts'
import { HermesError } from '../../errors.ts'
import type { Batch, Meta } from '../../stream/batch.ts'
import { valueBatch } from '../../stream/batches.ts'
import type { Failure, StepConnector, Stepped } from '../../stream/step.ts'
import { parseJsonPath } from '../json-path.ts'
import { fieldHint, fieldPattern, withField } from './copy-on-write.ts'
import { emptyOf, failureReason, partOf } from './each-message.ts'
import { MessageVariables, messageExpression } from './message-scope.ts'

const config = {
  type: 'object',
  description:
    'Makes one message of each item of a list. The items of a message keep its key and route; an id becomes ' +
    '`ID#0`, `ID#1`, …, the same again after a restart. A message whose list is empty is counted as filtered; one whose ' +
    'list is missing, or is no list, goes to the dead letters.',
  additionalProperties: false,
  required: ['list'],
  properties: {
    list: {
      type: 'string',
      minLength: 1,
      'x-expression': true,
      description: 'A CEL expression that gives the list: `message.events`, or `message` for payloads that are lists.',
    },
    as: {
      type: 'string',
      pattern: fieldPattern,
      'x-pattern-hint': fieldHint,
      description:
        'Path of a field: each message is a copy of the whole with one item here; the path of the list itself puts the ' +
        'item in its place. When absent the item is the whole new message.',
    },
  },
  examples: [{ list: 'message.events', as: 'event' }],
} as const

export type ExplodeConfig = FromSchema<typeof config>

export const explodeStep: StepConnector<ExplodeConfig> = {
  type: 'explode',
  summary: 'Makes one message of each item of a list.',
  config,
  open: ({ list, as }) => {
    const expression = messageExpression(list)
    const path = as === undefined ? undefined : parseJsonPath(as)
    const itemsOf = (variables: MessageVariables): readonly unknown[] => {
      const items = expression.evaluate(variables)
      if (!Array.isArray(items)) throw new HermesError('message_invalid', `${list} gives no list`)
      const { message } = variables
      return path === undefined ? items : items.map((item: unknown) => withField(message, path, item))
    }
    return { apply: (batch, now) => exploded(batch, new MessageVariables(batch, now), itemsOf) }
  },
}

function exploded(
  batch: Batch,
  variables: MessageVariables,
  itemsOf: (variables: MessageVariables) => readonly unknown[],
): Stepped {
  const values: unknown[] = []
  const metas: Meta[] = []
  const failures: Failure[] = []
  let filtered = 0
  for (let index = 0; index < batch.size; index++) {
    try {
      const items = itemsOf(variables.at(index))
      if (items.length === 0) filtered += 1
      for (const [place, item] of items.entries()) {
        values.push(item)
        metas.push(partOf(variables.meta, place))
      }
    } catch (error) {
      failures.push({ index, reason: failureReason('explode', error) })
    }
  }
  const made = values.length === 0 ? emptyOf(batch) : valueBatch(values, batch.position, metas)
  return { batch: batch.size === 0 ? batch : made, failures, filtered }
}
