import { HermesError, toHermesError } from '../errors.ts'
import { textOf } from './cel-value.ts'
import { compileExpression, type Expression, withElement } from './expression.ts'
import type { JsonSchema } from './kind.ts'
import type { Element } from './list.ts'
import { mapStrings, type TextRule } from './schema-walk.ts'
import { elementVariable, type Scope } from './scope.ts'
import { pieces } from './template.ts'

/** A copy of a spec in which an element's fields stand in the place of `each.…`; `expression_type` when that fails. */
export type BindElement = (spec: unknown, element: Element) => { readonly value: unknown } | HermesError

/**
 * Binds the elements of a list to a spec that passed `checkTemplates`. What reads nothing but `each` is evaluated, in
 * texts that are no templates too; in other expressions the fields become literals. No value is ever taken for an
 * expression itself.
 */
export function elementBinder(schema: JsonSchema, scope: Scope): BindElement {
  const compiled = new Map<string, BindText>()
  const bind = (text: string, rule: TextRule, element: Element): unknown => {
    if (!readsElement(text, rule.expression)) return text
    const key = `${rule.expression ? 'e' : rule.template ? 't' : 'p'}${text}`
    const bindOne = compiled.get(key) ?? bindText(text, rule, scope)
    compiled.set(key, bindOne)
    return bindOne(element)
  }
  return (spec, element) => {
    try {
      return { value: mapStrings(spec, schema, (text, rule) => bind(text, rule, element)) }
    } catch (error) {
      return toHermesError(error)
    }
  }
}

/** Whether a text is another one for each element; at a guess, but never a no that should be a yes. */
export function readsElement(text: string, isExpression: boolean): boolean {
  return (isExpression || text.includes('${')) && /\beach\b/.test(text)
}

type BindText = (element: Element) => unknown

/** What becomes of a piece: text, a value, or an expression that is left. */
type Bound = { readonly value: unknown } | { readonly source: string }

function bindText(text: string, rule: TextRule, scope: Scope): BindText {
  if (rule.expression) return (element) => withElement(text, element)
  const found = pieces(text).map((piece) => {
    if (typeof piece === 'string') return (): Bound => ({ value: piece })
    return bindPiece(piece.source, compileExpression(piece.source, scope))
  })
  const join = rule.template ? templateText : plainText
  return (element) => {
    const bound = found.map((bind) => bind(element))
    const [only] = bound
    const isValue = bound.length === 1 && only !== undefined && 'value' in only && typeof only.value !== 'string'
    return isValue ? only.value : join(bound, text)
  }
}

function bindPiece(source: string, expression: Expression): (element: Element) => Bound {
  const isElement = expression.references.map((each) => each.startsWith(`${elementVariable}.`))
  if (!isElement.includes(true)) return () => ({ source })
  if (isElement.includes(false)) return (element) => ({ source: withElement(source, element) })
  return (element) => ({ value: expression.evaluate({ [elementVariable]: element }) })
}

function plainText(bound: readonly Bound[], text: string): string {
  return bound.map((part) => ('value' in part ? inserted(part.value, text) : `\${${part.source}}`)).join('')
}

/** The same as a template: a dollar sign before an expression would make a text of it. */
function templateText(bound: readonly Bound[], text: string): string {
  let done = ''
  let literal = ''
  for (const part of bound) {
    if ('value' in part) literal += inserted(part.value, text)
    else {
      done += `${escaped(literal).replace(/\$+$/, (signs) => `\${"${signs}"}`)}\${${part.source}}`
      literal = ''
    }
  }
  return done + escaped(literal)
}

function escaped(literal: string): string {
  return literal.replaceAll('${', () => '$${')
}

function inserted(value: unknown, text: string): string {
  const found = textOf(value)
  if (found === undefined) throw new HermesError('expression_type', `a part of ${text} is no text or number`)
  return found
}
