import { type Key, keyOf } from '../manifest/manifest.ts'
import { countedPattern, nameList } from './name-list.ts'
import type { ResourcePlan } from './plan.ts'
import { fieldOf } from './reason.ts'

const foldAbove = 20
const shownOfFold = 5
const mostRanges = 10

/** Resources that one document declares and that a plan treats alike; mostly a single one. */
export type Alike = readonly [ResourcePlan, ...ResourcePlan[]]

/** What one line of a plan stands for, or how many more resources there are like those that are shown. */
export type Line = { readonly alike: Alike } | { readonly more: number; readonly like: ResourcePlan }

/**
 * The resources of a plan, in its order. Those that one document declares are one line when their actions and steps are
 * of the same kinds. Of more than twenty lines of one kind five are shown, and a count. What has to be approved by itself
 * is always shown by itself.
 */
export function foldedLines(resources: readonly ResourcePlan[]): readonly Line[] {
  const all = [...Map.groupBy(resources, originOf).values()].flatMap(([first, ...others]): Alike[] =>
    first === undefined ? [] : [[first, ...others]],
  )
  const groups = Map.groupBy(all, shapeOfLine)
  const seen = new Map<string, number>()
  return all.flatMap((alike): Line[] => {
    const shape = shapeOfLine(alike)
    const same = groups.get(shape) ?? []
    const index = seen.get(shape) ?? 0
    seen.set(shape, index + 1)
    if (same.length <= foldAbove || index < shownOfFold) return [{ alike }]
    return index === shownOfFold ? [{ more: same.slice(shownOfFold).flat().length, like: alike[0] }] : []
  })
}

/** `… and 95 more SourceDefinition resources to create in the same way`. */
export function describeMore(line: { readonly more: number; readonly like: ResourcePlan }): string {
  const { kind, action } = line.like
  return `… and ${line.more.toLocaleString('en-US')} more ${kind} resources to ${action} in the same way`
}

/** `SourceDefinition/quotes`, or `SourceDefinition/quotes-* (3)` for several. */
export function titleOf(alike: Alike): string {
  const [first] = alike
  return alike.length === 1 ? first.key : `${first.kind}/${countedPattern(alike.map(({ name }) => name))}`
}

/** `quotes-aapl, quotes-msft`; more than ten are counted. */
export function namesOf(alike: Alike): string {
  return nameList(alike.map(({ name }) => name))
}

/** Where the elements of a list are written that they are made for: `symbols.csv:2-300, 302`; empty for others. */
export function elementsAt(alike: Alike): string {
  const files = Map.groupBy(
    alike.flatMap(({ element }) => element?.at ?? []),
    ({ file }) => file,
  )
  return [...files].map(([file, places]) => `${file}:${ranges(places.map(({ line }) => line))}`).join(', ')
}

/** `2-300, 302 and 4 more`. */
function ranges(lines: readonly number[]): string {
  const found: [from: number, to: number][] = []
  for (const line of [...new Set(lines)].toSorted((one, other) => one - other)) {
    const last = found.at(-1)
    if (last !== undefined && line === last[1] + 1) last[1] = line
    else found.push([line, line])
  }
  const shown = found.slice(0, mostRanges).map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`))
  const more = found.length - mostRanges
  return `${shown.join(', ')}${more > 0 ? ` and ${more.toLocaleString('en-US')} more` : ''}`
}

/** Rows that are lost with all of them together. */
export function rowsLost(alike: Alike): number {
  const losses = alike.flatMap(({ steps }) => steps.map(({ destroys }) => destroys?.rows ?? 0))
  return losses.reduce((sum, rows) => sum + rows, 0)
}

/** What they wait for: `Connection/fmp`, `Connection/fmp and 2 others`; undefined when they wait for nothing. */
export function waitsOf(alike: Alike): { readonly key: Key; readonly others: number } | undefined {
  const [key, ...others] = new Set(alike.flatMap(({ waitsFor }) => waitsFor ?? []))
  return key === undefined ? undefined : { key, others: others.length }
}

/** Documents differ in their places, and so do resources that are to be told apart. */
function originOf(plan: ResourcePlan): string {
  const { at, reason, steps, blocked } = plan
  if (blocked?.code === 'approval_needed') return keyOf(plan)
  const causes = [reason, ...steps.map((step) => step.reason)].map(fieldOf)
  return JSON.stringify([at.file, at.line, at.column, shapeOf(plan), causes])
}

function shapeOfLine(alike: Alike): string {
  const [first] = alike
  return first.blocked?.code === 'approval_needed' ? first.key : `${alike.length > 1} ${shapeOf(first)}`
}

function shapeOf({ kind, action, steps, blocked, waitsFor, opensAt }: ResourcePlan): string {
  const shape = steps.map((step) => [step.op, step.code ?? '', step.destroys !== undefined])
  return JSON.stringify([kind, action, shape, blocked !== undefined, waitsFor !== undefined, opensAt])
}
