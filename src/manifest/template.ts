import { HermesError } from '../errors.ts'
import { textOf } from './cel-value.ts'
import { type Expression, type Fault, tryCompile, type Variables } from './expression.ts'
import type { Scope } from './scope.ts'

/** A string with `${cel}` parts, compiled. */
export interface Template {
  /** Variables it reads: `params.symbol`, `secrets.TOKEN`. */
  readonly references: readonly string[]
  /** The text; or, when the template is one `${…}` and nothing else, the value itself. Throws `expression_type`. */
  evaluate(variables: Variables): unknown
}

/** A piece of a template: literal text, or an expression and where its text starts. */
export type Piece = string | { readonly source: string; readonly offset: number }

/** Types with no one way to be written inside a longer text. */
const notText = /^(list|map|null_type|null|bytes|\$)/

/** Whether a string holds an expression; `$${` is a literal `${`. */
export function hasExpression(text: string): boolean {
  return text.includes('${') && pieces(text).some((piece) => typeof piece !== 'string')
}

/** Compiles and type-checks a template. Throws `expression_syntax` or `expression_type`. */
export function compileTemplate(text: string, scope: Scope): Template {
  const { template, faults } = tryTemplate(text, scope)
  const [first] = faults
  if (first !== undefined) throw new HermesError(first.code, first.message)
  return template
}

/** As `compileTemplate`, but returns all that is wrong; offsets count from the start of `text`. */
export function tryTemplate(text: string, scope: Scope): { template: Template; faults: readonly Fault[] } {
  const faults: Fault[] = []
  const parts: (string | Expression)[] = []
  const found = pieces(text)
  for (const piece of found) {
    const part = typeof piece === 'string' ? piece : compilePiece(piece, text, scope, found.length === 1)
    if (typeof part === 'object' && 'code' in part) faults.push(part)
    else parts.push(part)
  }
  return { template: templateOf(text, parts), faults }
}

function compilePiece(piece: Exclude<Piece, string>, text: string, scope: Scope, alone: boolean): Expression | Fault {
  const { source, offset } = piece
  const whole = text.slice(offset - 2, offset + source.length + 1)
  if (!whole.endsWith('}'))
    return { code: 'expression_syntax', message: `${whole} has no closing }`, offset: offset - 2 }
  const compiled = tryCompile(source, scope)
  if ('code' in compiled) return { ...compiled, offset: compiled.offset + offset }
  if (alone || !notText.test(compiled.type)) return compiled
  return { code: 'expression_type', message: `${whole} is a ${compiled.type}, which cannot stand inside text`, offset }
}

function templateOf(text: string, parts: readonly (string | Expression)[]): Template {
  const references = [...new Set(parts.flatMap((part) => (typeof part === 'string' ? [] : part.references)))]
  const [first = ''] = parts
  const evaluate = (variables: Variables): unknown => {
    if (parts.length <= 1) return typeof first === 'string' ? first : first.evaluate(variables)
    return parts.map((part) => (typeof part === 'string' ? part : insert(part.evaluate(variables), text))).join('')
  }
  return { references, evaluate }
}

function insert(value: unknown, text: string): string {
  const inserted = textOf(value)
  if (inserted !== undefined) return inserted
  const what = value === null ? 'null' : Array.isArray(value) ? 'a list' : 'not text'
  throw new HermesError('expression_type', `a part of ${text} is ${what}, which cannot stand inside text`)
}

/** Splits at `${…}`; the last piece may lack its closing brace. */
export function pieces(text: string): readonly Piece[] {
  const found: Piece[] = []
  let literal = ''
  let at = 0
  while (at < text.length) {
    const next = text.indexOf('${', at)
    if (next < 0) break
    const escaped = next > at && text[next - 1] === '$'
    literal += text.slice(at, escaped ? next - 1 : next)
    const end = escaped ? next + 1 : endOf(text, next + 2)
    if (escaped) literal += '${'
    else {
      if (literal !== '') found.push(literal)
      literal = ''
      found.push({ source: text.slice(next + 2, end), offset: next + 2 })
    }
    at = end + 1
  }
  literal += text.slice(at)
  if (literal !== '') found.push(literal)
  return found
}

/** A CEL string (raw, triple-quoted or plain), or one character. */
const token =
  /[bB]?[rR][bB]?("""[^]*?"""|'''[^]*?'''|"[^"]*"|'[^']*')|"""(?:\\[^]|[^\\])*?"""|'''(?:\\[^]|[^\\])*?'''|"(?:\\[^]|[^"\\])*"|'(?:\\[^]|[^'\\])*'|[^]/y

/** The position of the brace that closes an expression, or the end of the text. */
function endOf(text: string, from: number): number {
  let depth = 0
  token.lastIndex = from
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    if (match[0] === '{') depth++
    if (match[0] === '}' && depth-- === 0) return match.index
  }
  return text.length
}
