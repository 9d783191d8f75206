import { HermesError } from '../errors.ts'
import { parseLossless } from '../lossless-json.ts'
import { compileExpression, type Expression } from '../manifest/expression.ts'
import type { Scope } from '../manifest/scope.ts'
import type { DeadLetter } from '../stream/dead-letter.ts'

type Letter = Omit<DeadLetter, 'position'>

const scope: Scope = {
  reason: 'string',
  stage: 'string',
  attempts: 'int',
  at: 'timestamp',
  id: 'string',
  key: 'string',
  route: 'string',
  message: 'dyn',
}

/**
 * Which letters a CEL expression means: over `reason`, `stage`, `attempts`, `at`, `id`, `key` and `route` of the message,
 * and `message`, its value. A letter for which it cannot be evaluated is not meant. Throws `expression_syntax`,
 * `expression_type` and `expression_not_allowed`.
 */
export function letterFilter(where: string): (letter: Letter) => boolean {
  const expression = compileExpression(where, scope)
  const { type, references } = expression
  if (references.some((each) => each.startsWith('secrets'))) {
    throw new HermesError('expression_not_allowed', `${where} may not look at secrets`)
  }
  if (type !== 'bool' && type !== 'dyn') {
    throw new HermesError('expression_type', `${where} is ${type}; it must be true or false`)
  }
  const parses = references.some((each) => /^message\b/.test(each))
  return (letter) => holdsFor(expression, letter, parses)
}

function holdsFor(expression: Expression, letter: Letter, parses: boolean): boolean {
  const { reason, stage, attempts, at, meta, payload } = letter
  try {
    const message = parses ? parseLossless(payload) : null
    const known = { id: meta.id ?? '', key: meta.key ?? '', route: meta.route ?? '' }
    return expression.evaluate({ reason, stage, attempts, at: new Date(at), ...known, message }) === true
  } catch {
    return false
  }
}
