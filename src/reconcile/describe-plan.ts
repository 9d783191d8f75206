import type { Location } from '../errors.ts'
import { describeLoss } from './approval.ts'
import type { Op, Step } from './controller.ts'
import type { Plan, ResourcePlan } from './plan.ts'
import { shortRevision } from './revision.ts'

const foldAbove = 20
const shownOfFold = 5

/** A resource of a plan, or how many more there are like one that is shown. */
export type Line = { readonly plan: ResourcePlan } | { readonly more: number; readonly like: ResourcePlan }

/**
 * The resources of a plan with long runs of like ones folded: more than twenty with the same action and the same steps
 * show five and a count. What has to be approved by itself is always shown.
 */
export function foldedLines(resources: readonly ResourcePlan[]): readonly Line[] {
  const groups = Map.groupBy(resources, shapeOf)
  const seen = new Map<string, number>()
  return resources.flatMap((plan): Line[] => {
    const shape = shapeOf(plan)
    const total = groups.get(shape)?.length ?? 0
    const index = seen.get(shape) ?? 0
    seen.set(shape, index + 1)
    if (total <= foldAbove || index < shownOfFold) return [{ plan }]
    return index === shownOfFold ? [{ more: total - shownOfFold, like: plan }] : []
  })
}

/** `… and 95 more to create like SourceDefinition/a`. */
export function describeMore(line: { readonly more: number; readonly like: ResourcePlan }): string {
  const { kind, action } = line.like
  return `… and ${line.more} more ${kind} resources to ${action} in the same way`
}

/** The symbol of a whole resource. */
export function symbolOf(plan: ResourcePlan): Op {
  if (plan.blocked !== undefined) return '!'
  if (plan.steps.length > 0 && plan.steps.every((step) => step.op === '.')) return '.'
  return plan.action === 'create' ? '+' : plan.action === 'change' ? '~' : '-'
}

/** `because spec.table.columns.volume was added in 3f2c1a9`. */
export function because(reason: string, plan: ResourcePlan): string {
  const fromManifest = reason.startsWith('spec.') || reason.startsWith('the manifest')
  if (!fromManifest || plan.revision === undefined) return `because ${reason}`
  return `because ${reason} in ${shortRevision(plan.revision)}`
}

/** `drop column volume; loses column volume (1,200 rows) [column_dropped]`. */
export function describeStep(step: Step): string {
  const loss = step.destroys === undefined ? '' : `; loses ${describeLoss(step.destroys)}`
  return `${step.summary}${loss}${step.code === undefined ? '' : ` [${step.code}]`}`
}

/** Approvals that the plan waits for: one line for each hash, however many resources it covers. */
export function pendingApprovals(plan: Plan): readonly { approval: string; message: string; code: string }[] {
  const blocked = plan.resources.flatMap((resource) => resource.blocked ?? [])
  return [...new Map(blocked.map((each) => [each.approval, each])).values()]
}

/** `3 to create, 1 to change, 2 to remove, 1 blocked, 120 unchanged`. */
export function summaryOf({ summary }: Plan): string {
  const { create, change, remove, blocked, unchanged } = summary
  if (create + change + remove + blocked === 0) return `nothing to do, ${unchanged} unchanged`
  const counts = [`${create} to create`, `${change} to change`, `${remove} to remove`]
  if (blocked > 0) counts.push(`${blocked} blocked`)
  return [...counts, `${unchanged} unchanged`].join(', ')
}

/** `prices.yaml:12`, with the column when it matters. */
export function placeOf(at: Location, withColumn = false): string {
  return withColumn ? `${at.file}:${at.line}:${at.column}` : `${at.file}:${at.line}`
}

/** Text without control characters: what a manifest or a database says must not steer a terminal. */
export function plain(text: string): string {
  return text.replace(/(?![\n\t])\p{Cc}/gu, '')
}

function shapeOf({ key, kind, action, steps, blocked, waitsFor }: ResourcePlan): string {
  if (blocked?.code === 'approval_needed') return key
  const shape = steps.map((step) => [step.op, step.code ?? '', step.destroys !== undefined])
  return JSON.stringify([kind, action, shape, blocked !== undefined, waitsFor !== undefined])
}
