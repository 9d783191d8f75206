import type { FromSchema } from 'json-schema-to-ts'
import type { StepConnector } from '../../stream/step.ts'
import { eachMessage, leftOut, unchanged } from './each-message.ts'
import { fractionOf, identityOf } from './message-identity.ts'
import { MessageVariables, messageExpression } from './message-scope.ts'

const config = {
  type: 'object',
  description:
    'Lets a part of the messages through; the others are left out and counted as filtered. `fraction` decides by the ' +
    'message itself, the same at every try and after every restart; `every` counts, and counts anew after a restart.',
  additionalProperties: false,
  'x-one-of': ['fraction', 'every'],
  properties: {
    fraction: {
      type: 'number',
      exclusiveMinimum: 0,
      maximum: 1,
      description: 'The part that passes, 0.01 for one in a hundred, chosen by a hash.',
    },
    by: {
      type: 'string',
      minLength: 1,
      'x-expression': true,
      description:
        'For `fraction`: a CEL expression whose result is hashed, so that all messages of one user pass, or none. The ' +
        'id when absent, and the payload without an id.',
    },
    every: { type: 'integer', minimum: 1, description: 'Every so many-th message passes, beginning with the first.' },
  },
  dependentRequired: { by: ['fraction'] },
  examples: [{ fraction: 0.1, by: 'message.user_id' }, { every: 100 }],
} as const

/** Exactly one of `fraction` and `every`. */
export interface SampleConfig extends FromSchema<Pick<typeof config, 'type' | 'properties' | 'additionalProperties'>> {}

export const sampleStep: StepConnector<SampleConfig> = {
  type: 'sample',
  summary: 'Lets a part of the messages through.',
  config,
  open: ({ fraction, by, every = 1 }) => {
    const expression = by === undefined ? undefined : messageExpression(by)
    let count = 0
    return {
      apply: (batch, now) => {
        const variables = new MessageVariables(batch, now)
        return eachMessage(batch, 'sample', (index) => {
          const passes =
            fraction === undefined
              ? count++ % every === 0
              : fractionOf(identityOf(batch, index, expression, variables)) < fraction
          return passes ? unchanged : leftOut
        })
      },
    }
  },
}
