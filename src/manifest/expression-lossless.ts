import type { ParseResult } from '@marcbachmann/cel-js'
import { HermesError } from '../errors.ts'
import { openEnvironment } from './environment.ts'
import { compileExpression } from './expression.ts'
import { type Chain, chainOf, chainsOf, childOf } from './expression-chain.ts'
import { fastOf, unsure } from './expression-fast.ts'
import { jsonOf, projection, type Wanted } from './expression-projection.ts'
import type { Scope } from './scope.ts'

/**
 * A compiled CEL expression over JSON as `parseLossless` gives it, for many evaluations: of each variable only the
 * parts that the expression names are converted, most expressions convert nothing, and no digit of a number is lost.
 */
export interface LosslessExpression {
  readonly text: string
  /** CEL's name of its type, `dyn` when it shows only at run time. */
  readonly type: string
  /**
   * A JSON value, `RawNumber` where a double would lose digits; timestamps as RFC 3339 text, durations as milliseconds,
   * bytes as base64. It may share parts with the variables. Throws `expression_type`.
   */
  evaluate(variables: object): unknown
  /** For conditions. Throws `expression_type`, for a result that is neither true nor false as well. */
  test(variables: object): boolean
}

const maxShown = 200

/**
 * Compiles bare CEL against `scope`. Whole numbers are CEL's int, all others double or, with more digits than a double
 * has, decimal; unlike in CEL they may be mixed in arithmetic, since JSON has but one type of number.
 * Throws `expression_syntax` or `expression_type`.
 */
export function compileLossless(text: string, scope: Scope): LosslessExpression {
  const { type } = compileExpression(text, scope)
  const run = openEnvironment().parse(text)
  const roots = new Set(Object.keys(scope))
  const fast = fastOf(run.ast, roots) ?? ((): unknown => unsure)
  const chain = chainOf(run.ast)
  const slow = chain === undefined ? evaluator(run, chainsOf(run.ast, roots)) : missing(chain)
  const evaluate = (variables: object): unknown => {
    const value = fast(variables)
    if (value === unsure) return guarded(text, variables, (each) => jsonOf(slow(each)))
    return value instanceof Date ? value.toISOString() : value
  }
  const test = (variables: object): boolean => {
    const quick = fast(variables)
    const answer = quick === unsure ? guarded(text, variables, slow) : quick
    if (typeof answer === 'boolean') return answer
    throw new HermesError('expression_type', `${shown(text)} is neither true nor false`)
  }
  return { text, type, evaluate, test }
}

function guarded(text: string, variables: object, work: (variables: object) => unknown): unknown {
  try {
    return work(variables)
  } catch (error) {
    throw new HermesError('expression_type', `${shown(text)} cannot be evaluated${reasonOf(error)}`)
  }
}

function shown(text: string): string {
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  if (error instanceof RangeError && /call stack/.test(error.message)) return ': it is nested too deep'
  const summary = 'summary' in error && typeof error.summary === 'string' ? error.summary : error.message
  return summary === '' ? '' : `: ${shown(`${summary.charAt(0).toLowerCase()}${summary.slice(1)}`)}`
}

/** Says which step of a chain finds nothing. */
function missing([root = '', ...steps]: Chain): (variables: object) => unknown {
  return (variables) => {
    let value: unknown = Reflect.get(variables, root)
    for (const step of steps) {
      const below = childOf(value, step)
      if (below === undefined) throw new Error(missingStep(value, step))
      value = below
    }
    return value
  }
}

function missingStep(value: unknown, step: string | number): string {
  return Array.isArray(value) && typeof step === 'number'
    ? `index out of bounds, index ${step} >= size ${value.length}`
    : `no such key: ${step}`
}

/** Evaluates by CEL; only what the chains name is converted. */
function evaluator(run: ParseResult, chains: readonly Chain[]): (variables: object) => unknown {
  const wanted: Wanted = { all: false, fields: new Map() }
  for (const chain of chains) want(wanted, chain)
  const parts = [...wanted.fields].map(([root, each]) => [String(root), projection(each)] as const)
  return (variables) => {
    const context: Record<string, unknown> = {}
    for (const [name, part] of parts) context[name] = part(Reflect.get(variables, name))
    return run(context)
  }
}

function want(wanted: Wanted, chain: Chain): void {
  let at = wanted
  for (const step of chain) {
    const below = at.fields.get(step) ?? { all: false, fields: new Map() }
    at.fields.set(step, below)
    at = below
  }
  at.all = true
}
