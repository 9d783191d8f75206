import type { FromSchema } from 'json-schema-to-ts'
import { HermesError } from '../../errors.ts'
import type { StepConnector } from '../../stream/step.ts'
import { isObject } from '../json-path.ts'
import { put } from './copy-on-write.ts'
import { eachMessage, unchanged } from './each-message.ts'

const config = {
  type: 'object',
  description:
    'Brings nested fields to the top: `{"a": {"b": 1}}` becomes `{"a.b": 1}`. Empty objects and lists stay as they ' +
    'are. Where two fields would get one name, the message goes to the dead letters, as does one that is no object.',
  additionalProperties: false,
  properties: {
    separator: { type: 'string', minLength: 1, default: '.', description: 'Stands between the names.' },
    depth: { type: 'integer', minimum: 1, description: 'Levels to resolve at most; all when absent.' },
    lists: {
      type: 'boolean',
      default: false,
      description: 'Whether items of lists become fields too, named by their index: `rows.0.id`.',
    },
  },
} as const

export type FlattenConfig = FromSchema<typeof config>

export const flattenStep: StepConnector<FlattenConfig> = {
  type: 'flatten',
  summary: 'Brings nested fields to the top, under joined names.',
  config,
  open: (rules) => ({
    apply: (batch) => eachMessage(batch, 'flatten', (index) => flattened(batch.value(index), rules)),
  }),
}

function flattened(message: unknown, rules: FlattenConfig): unknown {
  if (!isObject(message)) throw new HermesError('message_invalid', 'the message is no object')
  if (!Object.values(message).some((value) => opens(value, rules))) return unchanged
  const flat: Record<string, unknown> = {}
  spread(message, '', 1, rules, flat)
  return flat
}

function spread(
  value: Readonly<Record<string, unknown>> | readonly unknown[],
  prefix: string,
  level: number,
  rules: FlattenConfig,
  flat: Record<string, unknown>,
): void {
  for (const [key, each] of Object.entries(value)) {
    const name = `${prefix}${key}`
    const isOpen = level <= (rules.depth ?? Number.POSITIVE_INFINITY)
    if (isOpen && opens(each, rules)) spread(each, `${name}${rules.separator}`, level + 1, rules, flat)
    else if (Object.hasOwn(flat, name))
      throw new HermesError('message_invalid', `two fields would be named ${shown(name)}`)
    else put(flat, name, each)
  }
}

function opens(value: unknown, { lists }: FlattenConfig): value is Record<string, unknown> | unknown[] {
  if (Array.isArray(value)) return lists && value.length > 0
  return isObject(value) && Object.keys(value).length > 0
}

function shown(name: string): string {
  return name.length > 100 ? `${name.slice(0, 100)}…` : name
}
