import type { Location } from '../errors.ts'
import { placeOf } from '../place.ts'
import { describeLoss } from './approval.ts'
import type { Op, Step } from './controller.ts'
import type { Plan, Refetch, ResourcePlan } from './plan.ts'
import { shortRevision } from './revision.ts'

const foldAbove = 20
const shownOfFold = 5

/** The symbol of a whole resource. */
export function symbolOf(plan: ResourcePlan): Op {
  if (plan.blocked !== undefined) return '!'
  if (plan.steps.length > 0 && plan.steps.every((step) => step.op === '.')) return '.'
  return plan.action === 'create' ? '+' : plan.action === 'change' ? '~' : '-'
}

/** `because spec.table.columns.volume was added in 3f2c1a9`, and at which place where that is known. */
export function because(reason: string, plan: ResourcePlan, at?: Location): string {
  const fromManifest = /^(?:spec\.|the manifest|the element|its element)/.test(reason)
  const where = at === undefined ? '' : ` at ${placeOf(at)}`
  if (!fromManifest || plan.revision === undefined) return `because ${reason}${where}`
  return `because ${reason} in ${shortRevision(plan.revision)}${where}`
}

/** `drop column volume; loses column volume (1,200 rows) [column_dropped]`. */
export function describeStep(step: Step): string {
  const loss = step.destroys === undefined ? '' : `; loses ${describeLoss(step.destroys)}`
  return `${step.summary}${loss}${step.code === undefined ? '' : ` [${step.code}]`}`
}

/**
 * `fetches 1,200 rows of quotes again, from the start`, those with the most rows first; without a count where there are
 * no rows to be counted. More than twenty show five and a count.
 */
export function describeRefetches(refetches: readonly Refetch[]): readonly string[] {
  const sorted = refetches.toSorted((one, other) => (other.rows ?? 0) - (one.rows ?? 0))
  const shown = sorted.length > foldAbove ? sorted.slice(0, shownOfFold) : sorted
  const rest = sorted.slice(shown.length)
  const rows = rowsOf(rest)
  const more = `… and ${countText(rest.length)} more sources from the start${rows === 0 ? '' : `, ${rowsText(rows)} of them again`}`
  return [...shown.map(describeRefetch), ...(rest.length === 0 ? [] : [more])]
}

function describeRefetch({ source, rows }: Refetch): string {
  if (rows === undefined) return `fetches ${source} from the start`
  return `fetches ${rowsText(rows)} of ${source} again, from the start`
}

/** `hermes apply --plan 0123456789abcdef`; undefined when there is nothing to apply. */
export function applyCommand({ hash, resources }: Plan): string | undefined {
  return resources.length === 0 ? undefined : `hermes apply --plan ${hash}`
}

/** Approvals that the plan waits for: one line for each hash, however many resources it covers. */
export function pendingApprovals(plan: Plan): readonly { approval: string; message: string; code: string }[] {
  const blocked = plan.resources.flatMap((resource) => resource.blocked ?? [])
  return [...new Map(blocked.map((each) => [each.approval, each])).values()]
}

/** `hermes approve 0123456789abcdef`; undefined unless several changes wait for approval. */
export function approveAllCommand(plan: Plan): string | undefined {
  return pendingApprovals(plan).length > 1 ? `hermes approve ${plan.hash}` : undefined
}

/** Whether there is no revision to plan: its problems say why. */
export function isUnread({ revision, problems }: Plan): boolean {
  return revision === '' && problems.length > 0
}

/** `3 to create, 1 to change, 2 to remove, 1 blocked, 120 unchanged, 1,200 rows to fetch again`. */
export function summaryOf(plan: Plan): string {
  if (isUnread(plan)) return 'unknown, nothing could be read'
  const { summary, resources } = plan
  const { create, change, remove, blocked, unchanged } = summary
  if (create + change + remove + blocked === 0) return `nothing to do, ${countText(unchanged)} unchanged`
  const counts = [`${countText(create)} to create`, `${countText(change)} to change`, `${countText(remove)} to remove`]
  if (blocked > 0) counts.push(`${countText(blocked)} blocked`)
  counts.push(`${countText(unchanged)} unchanged`)
  const again = rowsOf(resources.flatMap(({ refetches = [] }) => refetches))
  if (again > 0) counts.push(`${rowsText(again)} to fetch again`)
  return counts.join(', ')
}

/** Text without control characters: what a manifest or a database says must not steer a terminal. */
export function plain(text: string): string {
  return text.replace(/(?![\n\t])\p{Cc}/gu, '')
}

function rowsOf(refetches: readonly Refetch[]): number {
  return refetches.reduce((sum, { rows = 0 }) => sum + rows, 0)
}

/** `1,200`. */
export function countText(count: number): string {
  return count.toLocaleString('en-US')
}

/** `1,200 rows`. */
export function rowsText(rows: number): string {
  return `${countText(rows)} ${rows === 1 ? 'row' : 'rows'}`
}
