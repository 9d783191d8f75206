import type { FromSchema } from 'json-schema-to-ts'
import type { StepConnector } from '../../stream/step.ts'
import { parseJsonPath } from '../json-path.ts'
import { fieldHint, fieldPattern, withoutField } from './copy-on-write.ts'
import { eachMessage, unchanged } from './each-message.ts'

const config = {
  type: 'array',
  description:
    'Fields to take out, one after the other. A field that is not there is no error: the message stays as it is. An ' +
    'item of a list moves those behind it up.',
  minItems: 1,
  items: {
    type: 'string',
    pattern: fieldPattern,
    'x-pattern-hint': fieldHint,
    description: 'A path: `debug`, `user.email`, `rows[-1]`, `["a.b"]`.',
  },
  examples: [['user.email', 'debug']],
} as const

export type RemoveConfig = FromSchema<typeof config>

export const removeStep: StepConnector<RemoveConfig> = {
  type: 'remove',
  summary: 'Takes fields out of a message.',
  config,
  open: (fields) => {
    const paths = fields.map((field) => parseJsonPath(field))
    return {
      apply: (batch) =>
        eachMessage(batch, 'remove', (index) => {
          const message = batch.value(index)
          let changed = message
          for (const path of paths) changed = withoutField(changed, path)
          return changed === message ? unchanged : changed
        }),
    }
  },
}
