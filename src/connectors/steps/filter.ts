import type { FromSchema } from 'json-schema-to-ts'
import type { StepConnector } from '../../stream/step.ts'
import { eachMessage, leftOut, unchanged } from './each-message.ts'
import { MessageVariables, messageCondition } from './message-scope.ts'

const config = {
  type: 'string',
  minLength: 1,
  'x-expression': true,
  description:
    'A CEL condition over `message`, `meta` and `now`. Messages for which it is true go on; those for which it is false ' +
    'are left out and counted as filtered. A message for which it cannot be evaluated, because a field is missing or ' +
    'has another type, is no longer delivered but goes to the dead letters: guard optional fields with `has(message.x)`.',
  examples: ['message.channel == "l2_data"', 'has(message.price) && message.price > 100'],
} as const

export type FilterConfig = FromSchema<typeof config>

export const filterStep: StepConnector<FilterConfig> = {
  type: 'filter',
  summary: 'Lets through the messages that a condition holds for.',
  config,
  open: (text) => {
    const condition = messageCondition(text)
    return {
      apply: (batch, now) => {
        const variables = new MessageVariables(batch, now)
        return eachMessage(batch, 'filter', (index) => (condition.test(variables.at(index)) ? unchanged : leftOut))
      },
    }
  },
}
