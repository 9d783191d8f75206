import type { ASTNode } from '@marcbachmann/cel-js'

/** A place in a variable, from its root: `message.events[0]["id"]` as its steps. */
export type Chain = readonly (string | number)[]

/** Indexes beyond this are left to CEL. */
const maxIndex = 1_000_000n

/** The chain that a node is, or undefined for anything else. */
export function chainOf(node: ASTNode): Chain | undefined {
  if (node.op === 'id') return [node.args]
  if (node.op !== '.' && node.op !== '[]') return undefined
  const parent = chainOf(node.args[0])
  const step = stepOf(node.args[1])
  return parent === undefined || step === undefined ? undefined : [...parent, step]
}

function stepOf(step: string | ASTNode): string | number | undefined {
  if (typeof step === 'string') return step
  if (step.op !== 'value') return undefined
  if (typeof step.args === 'string') return step.args
  return typeof step.args === 'bigint' && step.args >= 0n && step.args < maxIndex ? Number(step.args) : undefined
}

/** Every chain in an expression that starts at one of `roots`; of nested ones the longest. */
export function chainsOf(ast: ASTNode, roots: ReadonlySet<string>): readonly Chain[] {
  const found: Chain[] = []
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(visit)
    if (!isNode(node)) return
    const chain = chainOf(node)
    if (chain === undefined) visit(node.args)
    else if (roots.has(String(chain[0]))) found.push(chain)
  }
  visit(ast)
  return found
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value
}

/** What stands at a step of a JSON value; undefined when nothing does. */
export function childOf(value: unknown, step: string | number): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  if (Array.isArray(value)) return typeof step === 'number' ? value[step] : undefined
  return Object.hasOwn(value, step) ? (value as Readonly<Record<string | number, unknown>>)[step] : undefined
}
