import type { Environment } from '@marcbachmann/cel-js'
import { addDecimals, compareDecimals, Decimal, decimalOf, multiplyDecimals } from './expression-decimal.ts'

type Numeric = bigint | number | Decimal

/** Two decimals, or undefined when one of them is NaN or infinite. */
function decimals(a: Numeric, b: Numeric): readonly [Decimal, Decimal] | undefined {
  const left = a instanceof Decimal ? a : decimalOf(a)
  const right = b instanceof Decimal ? b : decimalOf(b)
  return left === undefined || right === undefined ? undefined : [left, right]
}

function equal(a: Numeric, b: Numeric): boolean {
  const both = decimals(a, b)
  return both !== undefined && compareDecimals(...both) === 0
}

const inDoubles: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
}

const inDecimals: Readonly<Record<string, (a: Decimal, b: Decimal) => Decimal>> = {
  '+': addDecimals,
  '-': (a, b) => addDecimals(a, new Decimal(-b.units, b.scale)),
  '*': multiplyDecimals,
}

const comparisons: Readonly<Record<string, (order: number) => boolean>> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
}

/**
 * Lets CEL calculate with all numbers that JSON has: int and double mixed, which gives a double, and `decimal`, the type
 * of numbers with more digits than a double holds, exact in `+`, `-`, `*` and comparisons.
 */
export function registerNumbers(environment: Environment): Environment {
  environment.registerType('decimal', Decimal)
  for (const op of ['+', '-', '*', '/']) {
    for (const types of [
      ['int', 'double'],
      ['double', 'int'],
    ] as const)
      register(environment, op, types, 'double')
    for (const types of withDecimal) register(environment, op, types, op === '/' ? 'double' : 'decimal')
  }
  for (const [op, holds] of Object.entries(comparisons)) {
    for (const [left, right] of withDecimal) {
      environment.registerOperator(`${left} ${op} ${right}: bool`, (a: Numeric, b: Numeric) => {
        const both = decimals(a, b)
        return both !== undefined && holds(compareDecimals(...both))
      })
    }
  }
  for (const right of ['decimal', 'int', 'double']) environment.registerOperator(`decimal == ${right}: bool`, equal)
  return environment
    .registerOperator('-decimal: decimal', (a: Decimal) => new Decimal(-a.units, a.scale))
    .registerFunction('string(decimal): string', (a: Decimal) => a.toString())
    .registerFunction('double(decimal): double', (a: Decimal) => a.valueOf())
    .registerFunction('int(decimal): int', (a: Decimal) => a.units / 10n ** BigInt(a.scale))
}

const withDecimal = [
  ['decimal', 'decimal'],
  ['decimal', 'int'],
  ['int', 'decimal'],
  ['decimal', 'double'],
  ['double', 'decimal'],
] as const

function register(environment: Environment, op: string, types: readonly [string, string], result: string): void {
  const [left, right] = types
  const exact = result === 'decimal' ? inDecimals[op] : undefined
  const rough = inDoubles[op]
  environment.registerOperator(`${left} ${op} ${right}: ${result}`, (a: Numeric, b: Numeric) => {
    const both = exact === undefined ? undefined : decimals(a, b)
    return exact === undefined || both === undefined ? rough?.(Number(a), Number(b)) : exact(...both)
  })
}
