import type { Location } from '../errors.ts'
import type { Key, Problem } from '../manifest/manifest.ts'
import { approvalNeeded, isApproved, offerFor } from './approval.ts'
import { claimedReferences } from './gate.ts'
import { referenceOrder, removalOrder } from './graph.ts'
import type { Plan, ResourcePlan } from './plan.ts'
import { withElements } from './plan-elements.ts'
import { planHash } from './plan-hash.ts'
import { placed } from './plan-places.ts'
import { type PreviewInput, withWaits } from './plan-waits.ts'
import { changeReason, previousSpec } from './reason.ts'
import { isSettled, subjectOf, type Wanted } from './subject.ts'
import { type Item, survey } from './survey.ts'
import { stepsOpenAt } from './window.ts'

interface Look extends Item {
  readonly wanted: Wanted
  readonly at: Location
}

/**
 * Everything a lap would do, by the same look at the world and the same steps, without doing it. Rejects when the world
 * cannot be observed; a resource that cannot be planned is a problem of the plan.
 */
export async function preview(input: PreviewInput, signal: AbortSignal): Promise<Plan> {
  const { target } = input
  const looks = looksOf(input)
  await survey(looks, signal)
  const unseen = looks.find((look) => look.unseen)?.error
  if (unseen !== undefined) throw unseen
  const planned = new Map<Key, ResourcePlan>()
  for (const look of looks) {
    const plan = look.error === undefined ? resourcePlan(look, input) : undefined
    if (plan !== undefined) planned.set(look.key, plan)
  }
  const failed = looks.filter((look) => look.error !== undefined)
  const waiting = withWaits(inOrder(planned, input), new Set(failed.map((look) => look.key)), input)
  const resources = withElements(await placed(waiting, target), target, input.entries)
  const problems = [...target.problems, ...failed.flatMap(problemOf)]
  const unchanged = looks.length - failed.length - resources.length
  const hash = planHash(target, input.entries, resources)
  const { revision, held } = target
  return { revision, hash, resources, held, problems, summary: summarize(resources, unchanged) }
}

function looksOf({ target, entries, kinds }: PreviewInput): readonly Look[] {
  return [...target.wanted.values()].flatMap((wanted) => {
    const controller = kinds.get(wanted.kind)
    const at = wanted.desired?.at ?? entries.get(wanted.key)?.at
    if (controller === undefined || at === undefined) return []
    const subject = subjectOf(wanted, entries)
    return [{ key: wanted.key, wanted, at, controller, subject, steps: [], error: undefined, unseen: false }]
  })
}

function resourcePlan(look: Look, input: PreviewInput): ResourcePlan | undefined {
  const { key, wanted, steps, at } = look
  const entry = input.entries.get(key)
  const settled = isSettled(wanted, entry)
  // What follows from manifests and needs no step is bookkeeping that nobody has to read.
  const silent = look.controller.derived === true || (wanted.desired !== undefined && settled)
  if (steps.length === 0 && silent) return undefined
  const action = wanted.desired === undefined ? 'remove' : entry?.settled === undefined ? 'create' : 'change'
  const isTakenIn = wanted.desired !== undefined && entry?.intents.at(-1)?.hash === wanted.desired.hash
  const revision = isTakenIn ? entry?.revision : input.target.revision
  const blocked = blockOf(look, input)
  return {
    key,
    kind: wanted.kind,
    name: wanted.name,
    at,
    action,
    reason: reasonFor(look, settled),
    steps,
    ...(settled || revision === undefined ? {} : { revision }),
    ...(blocked === undefined ? {} : { blocked }),
    ...opening(look, input.now),
  }
}

function opening(look: Look, now: number): Pick<ResourcePlan, 'opensAt'> {
  const at = look.steps.length === 0 ? now : stepsOpenAt(look, now)
  return at > now ? { opensAt: new Date(at).toISOString() } : {}
}

function reasonFor({ wanted, controller, subject, steps }: Look, settled: boolean): string {
  if (wanted.takenBy !== undefined) return `its data moved to ${wanted.takenBy}`
  if (wanted.desired === undefined) {
    return controller.derived === true ? 'no manifest asks for it any more' : 'the manifest was removed'
  }
  // Of what follows from manifests only the steps can name the field that somebody wrote.
  if (settled || controller.derived === true) {
    return steps[0]?.reason ?? (settled ? 'the world differs from the manifest' : 'manifests ask for it')
  }
  const before = previousSpec(subject)
  if (before === undefined) return 'the manifest was added'
  return changeReason(before, wanted.desired.spec) ?? 'the manifest changed'
}

function blockOf(look: Look, { target, entries }: PreviewInput): ResourcePlan['blocked'] {
  const token = entries.get(look.key)?.approved
  const { guard, approvals } = target
  if (look.wanted.desired === undefined) {
    if (guard?.keys.has(look.key) !== true || token === guard.token || approvals.has(guard.approval)) return undefined
    return { approval: guard.approval, code: 'prune_guard', message: guard.message }
  }
  const offer = offerFor(look.key, look.steps)
  if (offer === undefined || isApproved(offer, token, approvals)) return undefined
  const { message } = approvalNeeded(offer, look.key, look.steps, look.at)
  return { approval: offer.approval, code: 'approval_needed', message }
}

function inOrder(planned: ReadonlyMap<Key, ResourcePlan>, { target, entries, kinds }: PreviewInput): ResourcePlan[] {
  const [going, staying] = [true, false].map((goes) =>
    [...planned.values()].filter((plan) => (plan.action === 'remove') === goes).map((plan) => plan.key),
  )
  const claimed = (key: Key): readonly Key[] => {
    const entry = entries.get(key)
    return entry === undefined ? [] : [...claimedReferences(entry, kinds)]
  }
  const first = referenceOrder(staying ?? [], (key) => target.wanted.get(key)?.references ?? [])
  return [...first, ...removalOrder(going ?? [], claimed)].flatMap((key) => planned.get(key) ?? [])
}

function problemOf({ error, at }: Look): readonly Problem[] {
  if (error === undefined) return []
  return [{ code: error.code, message: error.message, at: error.at ?? at, fix: error.fix }]
}

function summarize(plans: readonly ResourcePlan[], unchanged: number): Plan['summary'] {
  const count = (action: ResourcePlan['action']): number =>
    plans.filter((plan) => plan.action === action && plan.blocked === undefined).length
  const blocked = plans.filter((plan) => plan.blocked !== undefined).length
  return { create: count('create'), change: count('change'), remove: count('remove'), blocked, unchanged }
}
