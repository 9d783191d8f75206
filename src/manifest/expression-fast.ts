import type { ASTNode } from '@marcbachmann/cel-js'
import { type Chain, chainOf, childOf } from './expression-chain.ts'

/** The answer of a fast evaluation that leaves the question to CEL: types that it does not know, and all errors. */
export const unsure = Symbol('unsure')

/** Evaluates straight on JSON values; gives what CEL would give, or `unsure`. Throws nothing but what a variable's getter does. */
export type Fast = (variables: object) => unknown

/**
 * An evaluation without conversions for the expressions that most are: fields, literals, comparisons, `&&`, `||`, `!`,
 * `?:`, `+`, `-`, `*`, `has`, `in` a list of literals, and tests of text. Undefined for all others.
 *
 * JSON's whole numbers are CEL's int, and a result that is whole may be an int or a double: `/` and `%`, which tell them
 * apart, are left to CEL, but for a division by or of a double literal, and where both sides are sure to be ints.
 */
export function fastOf(node: ASTNode, roots: ReadonlySet<string>): Fast | undefined {
  const chain = chainOf(node)
  if (chain !== undefined) return roots.has(String(chain[0])) ? read(chain) : undefined
  if (node.op === 'value') return literal(node.args)
  if (node.op === '!_')
    return unary(fastOf(node.args, roots), (value) => (typeof value === 'boolean' ? !value : unsure))
  if (node.op === '-_') return unary(fastOf(node.args, roots), (value) => (isExact(value) ? -value : unsure))
  if (node.op === '?:') return ternary(node.args.map((each) => fastOf(each, roots)))
  if (node.op === 'call') return has(node.args, roots)
  if (node.op === 'rcall') return textTest(node.args, roots)
  if (node.op === 'in') return among(node.args, roots)
  return binary(node, roots)
}

function read(chain: Chain): Fast {
  const [root = '', field, ...deeper] = chain
  if (field === undefined) return (variables) => found((variables as Variables)[root])
  if (deeper.length === 0) return (variables) => found(childOf((variables as Variables)[root], field))
  return (variables) => {
    let value = childOf((variables as Variables)[root], field)
    for (const step of deeper) value = childOf(value, step)
    return found(value)
  }
}

type Variables = Readonly<Record<string | number, unknown>>

function found(value: unknown): unknown {
  return value === undefined ? unsure : value
}

function literal(value: unknown): Fast | undefined {
  const plain = plainOf(value)
  const isKnown = typeof plain === 'string' || typeof plain === 'boolean' || plain === null || isExact(plain)
  return isKnown ? () => plain : undefined
}

function plainOf(value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value
}

/** A number for which a double and CEL's int calculate alike. */
function isExact(value: unknown): value is number {
  return (
    typeof value === 'number' && (Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value)))
  )
}

function unary(operand: Fast | undefined, work: (value: unknown) => unknown): Fast | undefined {
  return operand === undefined ? undefined : (variables) => work(operand(variables))
}

function ternary([condition, yes, no]: readonly (Fast | undefined)[]): Fast | undefined {
  if (condition === undefined || yes === undefined || no === undefined) return undefined
  return (variables) => {
    const answer = condition(variables)
    if (answer === true) return yes(variables)
    return answer === false ? no(variables) : unsure
  }
}

function has(args: readonly unknown[], roots: ReadonlySet<string>): Fast | undefined {
  const [name, [asked]] = args as [string, ASTNode[]]
  const chain = name === 'has' && asked !== undefined && asked.op === '.' ? chainOf(asked) : undefined
  const field = chain?.at(-1)
  if (chain === undefined || field === undefined || !roots.has(String(chain[0]))) return undefined
  const parent = read(chain.slice(0, -1))
  return (variables) => {
    const object = parent(variables)
    if (typeof object !== 'object' || object === null || Array.isArray(object)) return unsure
    return childOf(object, field) !== undefined
  }
}

const textTests: Readonly<Record<string, (text: string, part: string) => boolean>> = {
  startsWith: (text, part) => text.startsWith(part),
  endsWith: (text, part) => text.endsWith(part),
  contains: (text, part) => text.includes(part),
}

function textTest(args: readonly unknown[], roots: ReadonlySet<string>): Fast | undefined {
  const [name, receiver, [argument]] = args as [string, ASTNode, ASTNode[]]
  const test = Object.hasOwn(textTests, name) ? textTests[name] : undefined
  const text = test === undefined ? undefined : fastOf(receiver, roots)
  const part = argument === undefined ? undefined : fastOf(argument, roots)
  if (test === undefined || text === undefined || part === undefined) return undefined
  return (variables) => {
    const left = text(variables)
    const right = part(variables)
    return typeof left === 'string' && typeof right === 'string' ? test(left, right) : unsure
  }
}

/** In a list of texts, or of numbers, for a value of the same type. */
function among([value, list]: readonly [ASTNode, ASTNode], roots: ReadonlySet<string>): Fast | undefined {
  const items =
    list.op === 'list' ? list.args.map((each) => (each.op === 'value' ? plainOf(each.args) : undefined)) : []
  const areTexts = items.every((each) => typeof each === 'string')
  const asked = items.length > 0 && (areTexts || items.every(isExact)) ? fastOf(value, roots) : undefined
  if (asked === undefined) return undefined
  const known = new Set<unknown>(items)
  return (variables) => {
    const each = asked(variables)
    return (areTexts ? typeof each === 'string' : isExact(each)) ? known.has(each) : unsure
  }
}

type Operator = (left: unknown, right: unknown) => unknown

function binary(node: ASTNode, roots: ReadonlySet<string>): Fast | undefined {
  const work = operatorOf(node)
  if (work === undefined && node.op !== '&&' && node.op !== '||') return undefined
  const [leftNode, rightNode] = node.args as [ASTNode, ASTNode]
  const left = fastOf(leftNode, roots)
  const right = fastOf(rightNode, roots)
  if (left === undefined || right === undefined) return undefined
  if (work === undefined) return logical(node.op === '||', left, right)
  return (variables) => work(left(variables), right(variables))
}

function operatorOf(node: ASTNode): Operator | undefined {
  if (node.op !== '/' && node.op !== '%') return operators[node.op]
  if (node.args.every(isIntWhenWhole)) return intOperators[node.op]
  return node.op === '/' && isDivisionOfDoubles(node.args) ? operators[node.op] : undefined
}

/** What is read or written as a whole number is CEL's int, and so is what comes of dividing ints. */
function isIntWhenWhole(node: ASTNode): boolean {
  if (chainOf(node) !== undefined) return true
  if (node.op === 'value') return typeof node.args === 'bigint'
  return (node.op === '/' || node.op === '%') && node.args.every(isIntWhenWhole)
}

function isDivisionOfDoubles(operands: readonly [ASTNode, ASTNode]): boolean {
  return operands.some(({ op, args }) => op === 'value' && typeof args === 'number')
}

/** `decides` is the value of one side with which the other is not asked. */
function logical(decides: boolean, left: Fast, right: Fast): Fast {
  return (variables) => {
    const first = left(variables)
    if (first === decides) return decides
    if (typeof first !== 'boolean') return unsure
    const second = right(variables)
    return typeof second === 'boolean' ? second : unsure
  }
}

const operators: Readonly<Record<string, Operator>> = {
  '==': (left, right) => (areComparable(left, right) ? left === right : unsure),
  '!=': (left, right) => (areComparable(left, right) ? left !== right : unsure),
  '<': ordered((a, b) => a < b),
  '<=': ordered((a, b) => a <= b),
  '>': ordered((a, b) => a > b),
  '>=': ordered((a, b) => a >= b),
  '+': (left, right) =>
    typeof left === 'string' && typeof right === 'string' ? left + right : calculated(left, right, (a, b) => a + b),
  '-': (left, right) => calculated(left, right, (a, b) => a - b),
  '*': (left, right) => calculated(left, right, (a, b) => a * b),
  '/': (left, right) => calculated(left, right, (a, b) => a / b),
}

/** Towards zero; adding 0 makes 0 of -0. */
const intOperators: Readonly<Record<'/' | '%', Operator>> = {
  '/': divided((a, b) => (a - (a % b)) / b + 0),
  '%': divided((a, b) => (a % b) + 0),
}

function divided(work: (a: number, b: number) => number): Operator {
  return (left, right) => (isInt(left) && isInt(right) && right !== 0 ? work(left, right) : unsure)
}

function isInt(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function areComparable(left: unknown, right: unknown): boolean {
  if (typeof left === 'number') return isExact(left) && isExact(right)
  return (typeof left === 'string' || typeof left === 'boolean') && typeof left === typeof right
}

function ordered(holds: (a: string | number, b: string | number) => boolean): Operator {
  return (left, right) => {
    if (typeof left === 'string' && typeof right === 'string') return holds(left, right)
    return isExact(left) && isExact(right) ? holds(left, right) : unsure
  }
}

function calculated(left: unknown, right: unknown, work: (a: number, b: number) => number): unknown {
  if (!isExact(left) || !isExact(right)) return unsure
  const result = work(left, right)
  return isExact(result) ? result : unsure
}
