import { createHash } from 'node:crypto'
import { HermesError, type Location } from '../errors.ts'
import type { Key } from '../manifest/manifest.ts'
import type { Step } from './controller.ts'

/** Annotation that approves pending changes by their hashes, on any manifest. */
export const approveAnnotation = 'hermes/approve'

const prunePrefix = 'prune:'

/** A change that needs a person's approval. */
export interface Offer {
  /** The hash a person approves: twelve hex digits. */
  readonly approval: string
  /** What the ledger keeps of the approval. */
  readonly token: string
}

/**
 * The offer for steps on a live resource, or undefined when none of them destroys anything. Row counts are not part of
 * the hash: they change while a person reads. The token knows each step, so that what is left after a crash between
 * two approved steps is still approved.
 */
export function offerFor(key: Key, steps: readonly Step[]): Offer | undefined {
  if (!steps.some((step) => step.destroys !== undefined)) return undefined
  const approval = shortHash([key, ...steps.map(essence)])
  return { approval, token: `${approval}:${steps.map((step) => shortHash([key, essence(step)])).join(',')}` }
}

/** Whether a ledger's token or an annotation covers all that is offered. */
export function isApproved(offer: Offer, token: string | undefined, annotated: ReadonlySet<string>): boolean {
  if (annotated.has(offer.approval)) return true
  return token === offer.approval || isKept(offer, token)
}

/** Whether a ledger's token covers each step by itself, so that the approval outlives a crash between two of them. */
export function isKept(offer: Offer, token: string | undefined): boolean {
  const approved = new Set(stepHashes(token ?? ''))
  return stepHashes(offer.token).every((hash) => approved.has(hash))
}

/** The offer for removing many resources at once. */
export function pruneOffer(keys: readonly Key[]): Offer {
  const approval = shortHash(['prune', ...keys.toSorted()])
  return { approval, token: `${prunePrefix}${approval}` }
}

/** What the ledger keeps when `approval` is given to a blocked part of a plan. */
export function tokenFor(blocked: {
  readonly approval: string
  readonly code: 'approval_needed' | 'prune_guard'
}): string {
  return blocked.code === 'prune_guard' ? `${prunePrefix}${blocked.approval}` : blocked.approval
}

/** Whether the removal of a resource was approved together with others, of which some may be gone already. */
export function isPruneApproved(token: string | undefined): boolean {
  return token?.startsWith(prunePrefix) === true
}

/** The error of a resource that waits for its offer to be approved. */
export function approvalNeeded(offer: Offer, key: Key, steps: readonly Step[], at: Location): HermesError {
  const losses = steps.flatMap((step) => (step.destroys === undefined ? [] : [describeLoss(step.destroys)]))
  const fix = `Look at \`hermes plan\`, then \`hermes approve ${offer.approval}\`.`
  return new HermesError('approval_needed', `${key} would lose ${losses.join(', ')}`, { at, fix })
}

/** `column volume (1,200 rows)`. */
export function describeLoss(loss: { readonly what: string; readonly rows?: number }): string {
  if (loss.rows === undefined) return loss.what
  return `${loss.what} (${loss.rows.toLocaleString('en-US')} ${loss.rows === 1 ? 'row' : 'rows'})`
}

/** Hashes in an annotation's value, apart by commas or blanks. */
export function annotatedHashes(value: string): readonly string[] {
  return value.split(/[\s,]+/).filter((hash) => hash !== '')
}

/** What a step is known by. The SQL says exactly what happens; only a step without any is known by its summary. */
export function essence(step: Step): string {
  return JSON.stringify([step.op, step.sql ?? step.summary, step.destroys?.what ?? null])
}

function stepHashes(token: string): readonly string[] {
  return token.includes(':') ? token.slice(token.indexOf(':') + 1).split(',') : []
}

function shortHash(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12)
}
