import { type ASTNode, ParseError, type ParseResult, type TypeCheckResult } from '@marcbachmann/cel-js'
import { type ErrorCode, HermesError } from '../errors.ts'
import { plainOf, toCel } from './cel-value.ts'
import { environmentOf, openEnvironment } from './environment.ts'
import { elementVariable, type Scope, type VariableType } from './scope.ts'
import { didYouMean } from './suggest.ts'

/** Values for an evaluation: plain data, Date for a timestamp; a secret is asked for only when it is needed. */
export interface Variables {
  readonly secrets?: { get(name: string): string }
  readonly [name: string]: unknown
}

/** What is wrong with an expression; `offset` counts characters from the start of its text. */
export interface Fault {
  readonly code: ErrorCode
  readonly message: string
  readonly offset: number
}

/** A compiled CEL expression. */
export interface Expression {
  /** CEL's name of its type, `dyn` when it shows only at run time. */
  readonly type: string
  /** Variables it reads, as written: `params.symbol`, `secrets.TOKEN`, `cursor`. */
  readonly references: readonly string[]
  /** Plain data: integers as numbers (as decimal text beyond 2^53), timestamps as RFC 3339 text. Throws `expression_type`. */
  evaluate(variables: Variables): unknown
}

const secretName = /^[A-Z][A-Z0-9_]*$/

/** Compiles and type-checks bare CEL. Throws `expression_syntax` or `expression_type`. */
export function compileExpression(text: string, scope: Scope): Expression {
  const compiled = tryCompile(text, scope)
  if ('code' in compiled) throw new HermesError(compiled.code, compiled.message)
  return compiled
}

/** As `compileExpression`, but returns what is wrong. */
export function tryCompile(text: string, scope: Scope): Expression | Fault {
  let parsed: ParseResult
  try {
    parsed = environmentOf(scope).parse(text)
  } catch (error) {
    return syntaxFault(text, error)
  }
  const references = referencesOf(parsed.ast, [...Object.keys(scope), 'secrets'])
  const wrongSecret = references.find(({ path }) => path[0] === 'secrets' && !secretName.test(path[1] ?? ''))
  if (wrongSecret !== undefined) return secretFault(wrongSecret)
  const wholeElement = references.find(({ path }) => path[0] === elementVariable && path.length === 1)
  if (wholeElement !== undefined && elementVariable in scope) return elementFault(wholeElement)
  const checked = parsed.check()
  if (!checked.valid) return typeFault(text, checked, scope)
  return expressionOf(text, checked.type ?? 'dyn', [...new Set(references.map(({ path }) => path.join('.')))])
}

/** A valid expression with the fields of `element` in the place of `each.…`, as literals. */
export function withElement(text: string, element: Readonly<Record<string, string>>): string {
  const references = referencesOf(openEnvironment().parse(text).ast, [elementVariable])
  const lastFirst = references.toSorted((a, b) => b.start - a.start)
  return lastFirst.reduce((bound, { path, start, end }) => {
    const value = element[path[1] ?? '']
    return value === undefined ? bound : bound.slice(0, start) + JSON.stringify(value) + bound.slice(end)
  }, text)
}

function expressionOf(text: string, type: string, references: readonly string[]): Expression {
  let run: ParseResult | undefined
  const roots = new Set(references.map((each) => each.split('.')[0] ?? each))
  const secrets = references.filter((each) => each.startsWith('secrets.')).map((each) => each.slice(8))
  const evaluate = (variables: Variables): unknown => {
    const context: Record<string, unknown> = {}
    for (const root of roots) if (root !== 'secrets') context[root] = toCel(variables[root])
    if (secrets.length > 0) context['secrets'] = secretsOf(secrets, variables)
    try {
      run ??= openEnvironment().parse(text)
      return plainOf(run(context))
    } catch (error) {
      throw new HermesError(
        'expression_type',
        `${text} cannot be evaluated${secrets.length > 0 ? '' : reasonOf(error)}`,
      )
    }
  }
  return { type, references, evaluate }
}

function secretsOf(names: readonly string[], variables: Variables): Record<string, string> {
  const { secrets } = variables
  if (secrets === undefined) throw new HermesError('expression_not_allowed', 'secrets are not available here')
  return Object.fromEntries(names.map((name) => [name, secrets.get(name)]))
}

interface Reference {
  readonly path: readonly string[]
  readonly start: number
  readonly end: number
}

/** Every chain of field names that starts at one of `roots`. */
function referencesOf(ast: ASTNode, roots: readonly string[]): readonly Reference[] {
  const found: Reference[] = []
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(visit)
    if (!isNode(node)) return
    const path = pathOf(node)
    if (path === undefined || !roots.includes(path[0] ?? '')) visit(node.args)
    else found.push({ path, start: node.start, end: node.end })
  }
  visit(ast)
  return found
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value
}

/** `params.symbol` and `params["symbol"]` as names, or undefined for anything but such a chain. */
function pathOf(node: ASTNode): readonly string[] | undefined {
  if (node.op === 'id') return [node.args]
  if (node.op !== '.' && node.op !== '[]') return undefined
  const parent = pathOf(node.args[0])
  const field =
    typeof node.args[1] === 'string' ? node.args[1] : node.args[1].op === 'value' ? node.args[1].args : undefined
  return parent === undefined || typeof field !== 'string' ? undefined : [...parent, field]
}

function syntaxFault(text: string, error: unknown): Fault {
  const known = error instanceof ParseError
  const offset = known ? (error.range?.start ?? 0) : 0
  return { code: 'expression_syntax', message: `${text} is not a CEL expression${reasonOf(error)}`, offset }
}

function secretFault({ path, start }: Reference): Fault {
  const what = path.length < 2 ? 'secrets' : `secrets.${path[1]}`
  const message = `${what} is not the name of a secret; write secrets.NAME with capital letters, digits and _`
  return { code: 'expression_type', message, offset: start }
}

function elementFault({ start }: Reference): Fault {
  const message = `${elementVariable} is no value; name a field of it, such as ${elementVariable}.symbol`
  return { code: 'expression_type', message, offset: start }
}

function typeFault(text: string, { error }: TypeCheckResult, scope: Scope): Fault {
  const offset = error?.range?.start ?? 0
  const node = isNode(error?.node) ? error.node : undefined
  const path = node === undefined ? undefined : pathOf(node)
  const isUnknown = error?.code === 'unknown_variable' || error?.code === 'no_such_key'
  if (isUnknown && path !== undefined) return { code: 'expression_type', message: unknownName(path, scope), offset }
  return { code: 'expression_type', message: `${text} does not type-check${reasonOf(error)}`, offset }
}

function unknownName(path: readonly string[], scope: Scope): string {
  let known: VariableType | undefined = scope
  const parents = path.slice(0, -1)
  for (const name of parents) known = typeof known === 'object' ? known[name] : undefined
  const names = typeof known === 'object' ? Object.keys(known).map((name) => [...parents, name].join('.')) : []
  return `${path.join('.')} is not known here${didYouMean(path.join('.'), names)}`
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  const summary = 'summary' in error && typeof error.summary === 'string' ? error.summary : error.message
  return summary === '' ? '' : `: ${summary.charAt(0).toLowerCase()}${summary.slice(1)}`
}
