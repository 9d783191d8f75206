import { isBlanked, mayHoldSecret, withoutCredentials } from './blanks.ts'
import type { Subject } from './controller.ts'

/** A field that differs between two specs. */
export interface FieldChange {
  /** `spec.table.columns.volume` */
  readonly path: string
  readonly kind: 'added' | 'removed' | 'changed'
  /** Printable values of a changed field; absent for structures and for fields that may hold a secret. */
  readonly from?: string
  readonly to?: string
}

const longestValue = 60
const mostNamed = 3

/** The fields in which `after` differs from `before`, in the order of their paths. */
export function changedFields(before: unknown, after: unknown, path = 'spec'): readonly FieldChange[] {
  if (Object.is(before, after)) return []
  if (before === undefined) return [{ path, kind: 'added' }]
  if (after === undefined) return [{ path, kind: 'removed' }]
  if (isRecord(before) && isRecord(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted()
    return names.flatMap((name) => changedFields(before[name], after[name], `${path}.${name}`))
  }
  const [from, to] = [JSON.stringify(before), JSON.stringify(after)]
  if (from === to || isBlanked(from, to)) return []
  return [valueChange(path, before, after)]
}

/** `spec.schedule.every changed from 15m to 30m`, `spec.table.columns.volume was added`. */
export function describeChange(change: FieldChange): string {
  if (change.kind !== 'changed') return `${change.path} was ${change.kind}`
  if (change.from === undefined || change.to === undefined) return `${change.path} changed`
  return `${change.path} changed from ${change.from} to ${change.to}`
}

/** What of a spec changed, in one phrase; undefined when nothing did. Changes below `within` only, when given. */
export function changeReason(before: unknown, after: unknown, within?: string): string | undefined {
  const changes = changedFields(before, after).filter((change) => within === undefined || isBelow(change.path, within))
  if (changes.length === 0) return undefined
  const named = changes.slice(0, mostNamed).map(describeChange).join(', ')
  const more = changes.length - mostNamed
  return more > 0 ? `${named} and ${more} more` : named
}

/**
 * Why a subject's step is there: its manifest was removed or changed or is new; otherwise the world drifted, which
 * `drift` says (`the table is missing in the database`).
 */
export function reasonOf(subject: Subject<unknown>, drift: string, within?: string): string {
  if (subject.desired === undefined) return 'the manifest was removed'
  const before = previousSpec(subject)
  const change = before === undefined ? undefined : changeReason(before, subject.desired.spec, within)
  if (change !== undefined) return change
  return subject.settled === undefined ? 'the manifest was added' : drift
}

/** The spec of the last claim that differs from what is desired: what the change starts from. */
export function previousSpec<Spec>(subject: Subject<Spec>): Spec | undefined {
  return subject.claims.findLast((claim) => claim.hash !== subject.desired?.hash)?.spec
}

/** The field that a reason names first: `spec.schedule.every`; undefined for one that names none. */
export function fieldOf(reason: string): string | undefined {
  return /^(spec\.[^\s,]+) (?:was added|was removed|changed)\b/.exec(reason)?.[1]
}

function valueChange(path: string, before: unknown, after: unknown): FieldChange {
  const from = printable(before)
  const to = printable(after)
  if (mayHoldSecret(path) || from === undefined || to === undefined) return { path, kind: 'changed' }
  return from === to ? { path, kind: 'changed' } : { path, kind: 'changed', from, to }
}

function printable(value: unknown): string | undefined {
  if (isRecord(value)) return undefined
  if (Array.isArray(value) && !value.every((each) => typeof each !== 'object')) return undefined
  const text = withoutCredentials(typeof value === 'string' ? value : JSON.stringify(value))
  return text.length > longestValue ? `${text.slice(0, longestValue)}…` : text
}

function isBelow(path: string, within: string): boolean {
  return path === within || path.startsWith(`${within}.`)
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
