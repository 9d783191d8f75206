import type { FromSchema } from 'json-schema-to-ts'
import { HermesError } from '../../errors.ts'
import type { LosslessExpression } from '../../manifest/expression-lossless.ts'
import type { StepConnector } from '../../stream/step.ts'
import { isObject, type JsonPath, jsonPathPattern, parseJsonPath } from '../json-path.ts'
import { put, withField } from './copy-on-write.ts'
import { eachMessage } from './each-message.ts'
import { MessageVariables, messageExpression } from './message-scope.ts'

const config = {
  type: 'object',
  description:
    'Fields to set, each by a CEL expression over `message`, `meta` and `now`. All expressions see the message as it ' +
    'came. A field is a path (`data.price`, `rows[0].id`, `["a.b"]`); objects that are missing on the way are made, and ' +
    '`$` replaces the whole message. Numbers keep all their digits; whole numbers divide as CEL divides them (5 / 2 is ' +
    '2, write `double(message.n) / 2.0`). Times become RFC 3339 text, durations milliseconds. A message for which an ' +
    'expression fails goes to the dead letters unchanged.',
  minProperties: 1,
  propertyNames: { pattern: jsonPathPattern, 'x-pattern-hint': 'a path like data.items, or $ for the whole message' },
  additionalProperties: {
    type: 'string',
    minLength: 1,
    'x-expression': true,
    description: 'A CEL expression; text stands in quotes of its own.',
  },
  examples: [{ product: 'message.events[0].product_id', source: '"exchange"' }],
} as const

export type SetConfig = FromSchema<typeof config>

interface Assignment {
  readonly field: string
  readonly path: JsonPath
  readonly expression: LosslessExpression
}

export const setStep: StepConnector<SetConfig> = {
  type: 'set',
  summary: 'Sets fields of a message to the results of expressions.',
  config,
  open: (fields) => {
    const assignments = Object.entries(fields).map(
      ([field, text]): Assignment => ({ field, path: parseJsonPath(field), expression: messageExpression(text) }),
    )
    const change = assignments.every(({ path }) => path.length === 1 && typeof path[0] === 'string') ? flat : deep
    return {
      apply: (batch, now) => {
        const variables = new MessageVariables(batch, now)
        return eachMessage(batch, 'set', (index) => change(variables.at(index), assignments))
      },
    }
  },
}

/** Fields of the message itself, the usual case: one copy for all. */
function flat(variables: MessageVariables, assignments: readonly Assignment[]): unknown {
  const { message } = variables
  if (!isObject(message)) return deep(variables, assignments)
  const copy = { ...message }
  for (const assignment of assignments) put(copy, assignment.path[0] as string, valueOf(assignment, variables))
  return copy
}

function deep(variables: MessageVariables, assignments: readonly Assignment[]): unknown {
  let changed = variables.message
  for (const assignment of assignments) {
    const value = valueOf(assignment, variables)
    try {
      changed = withField(changed, assignment.path, value)
    } catch (error) {
      throw named(assignment, error)
    }
  }
  return changed
}

function valueOf(assignment: Assignment, variables: MessageVariables): unknown {
  try {
    return assignment.expression.evaluate(variables)
  } catch (error) {
    throw named(assignment, error)
  }
}

function named({ field }: Assignment, error: unknown): HermesError {
  const reason = error instanceof Error ? error.message : String(error)
  return new HermesError('message_invalid', `${field}: ${reason}`, { cause: error })
}
