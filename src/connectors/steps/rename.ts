import type { FromSchema } from 'json-schema-to-ts'
import { HermesError } from '../../errors.ts'
import type { StepConnector } from '../../stream/step.ts'
import { type JsonPath, lookUp, parseJsonPath } from '../json-path.ts'
import { fieldHint, fieldPattern, withField, withoutField } from './copy-on-write.ts'
import { eachMessage, unchanged } from './each-message.ts'

const config = {
  type: 'object',
  description:
    'Fields to move: the old path, and the new one. All move at once, so that two fields can change places. A field ' +
    'that is not there is left out of it. Where another field stands at the new path already, the message goes to the ' +
    'dead letters: nothing is overwritten.',
  minProperties: 1,
  propertyNames: { pattern: fieldPattern, 'x-pattern-hint': fieldHint },
  additionalProperties: {
    type: 'string',
    pattern: fieldPattern,
    'x-pattern-hint': fieldHint,
    description: 'The new path; objects that are missing on the way are made.',
  },
  examples: [{ ts: 'time', 'data.px': 'price' }],
} as const

export type RenameConfig = FromSchema<typeof config>

interface Move {
  readonly to: string
  readonly from: JsonPath
  readonly path: JsonPath
}

export const renameStep: StepConnector<RenameConfig> = {
  type: 'rename',
  summary: 'Moves fields of a message to other names.',
  config,
  open: (fields) => {
    const moves = Object.entries(fields).map(
      ([from, to]): Move => ({ to, from: parseJsonPath(from), path: parseJsonPath(to) }),
    )
    return { apply: (batch) => eachMessage(batch, 'rename', (index) => moved(batch.value(index), moves)) }
  },
}

function moved(message: unknown, moves: readonly Move[]): unknown {
  const there = moves.flatMap((move) => {
    const value = lookUp(message, move.from)
    return value === undefined ? [] : { move, value }
  })
  if (there.length === 0) return unchanged
  let changed = message
  for (const { move } of there) changed = withoutField(changed, move.from)
  for (const { move, value } of there) {
    if (lookUp(changed, move.path) !== undefined) throw invalid(move, 'is there already')
    try {
      changed = withField(changed, move.path, value)
    } catch (error) {
      throw invalid(move, error instanceof Error ? error.message : 'cannot be set')
    }
  }
  return changed
}

function invalid({ to }: Move, what: string): HermesError {
  return new HermesError('message_invalid', `${to}: ${what}`)
}
