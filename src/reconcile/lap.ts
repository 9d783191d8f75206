import { toHermesError } from '../errors.ts'
import type { Key } from '../manifest/manifest.ts'
import { approvalNeeded, isApproved, type Offer, offerFor } from './approval.ts'
import type { Resource } from './board.ts'
import { carryOut } from './carry-out.ts'
import type { Outcome } from './controller.ts'
import { finish } from './finish.ts'
import { type Holders, holdersOf, type Obstacle, referenceWait, removalObstacle, waitOutcome } from './gate.ts'
import { paced, yieldNow } from './pace.ts'
import { subjectOf, type Wanted } from './subject.ts'
import { survey } from './survey.ts'
import { stepsOpenAt } from './window.ts'
import { close, closeFailed, closeTogether, priorityOf, type Work, type Workshop } from './work.ts'

/** So many resources with steps are verified and settled together; a slow one holds up no more than its own chunk. */
const chunkSize = 64

/**
 * One lap over keys that the caller took from the queue: look, plan, carry out, look again. Each key's lap ends as soon
 * as it can; all have ended when this resolves. Never rejects.
 */
export async function lap(keys: readonly Key[], shop: Workshop): Promise<void> {
  const works: Work[] = []
  try {
    await admit(keys, works, shop)
    const admitted = works.filter((work) => work.open)
    await yieldNow()
    await survey(admitted, shop.abort)
    await act(admitted, shop)
  } catch (error) {
    const open = works.filter((work) => work.open)
    closeTogether(open, toHermesError(error), shop)
  }
}

/** Makes work of the keys; those that may not start yet end here. */
async function admit(keys: readonly Key[], works: Work[], shop: Workshop): Promise<void> {
  await yieldNow()
  const { board, mirror } = shop
  await paced(keys, (key) => {
    const resource = board.resources.get(key)
    if (resource === undefined) board.queue.done(key)
    else works.push(workOn(resource, shop))
  })
  const going = works.some((work) => work.subject.desired === undefined)
  const wantedOf = (key: Key): Wanted | undefined => board.resources.get(key)?.wanted
  const holders: Holders = going ? holdersOf(board.removals(), wantedOf, mirror.entries, shop.kinds) : new Map()
  const obstacles = new Map<Work, Obstacle>()
  await paced(works, (work) => {
    const obstacle = obstacleOf(work, holders, shop)
    if (obstacle !== undefined) obstacles.set(work, obstacle)
  })
  if (obstacles.size > 0) close([...obstacles.keys()], (work) => obstacles.get(work), shop)
}

function workOn(resource: Resource, shop: Workshop): Work {
  const { key, wanted, version } = resource
  const controller = shop.kinds.get(wanted.kind)
  if (controller === undefined) throw new Error(`no controller for ${key}`)
  const wait = referenceWait(resource, shop.board, shop.mirror.entries)
  const subject = subjectOf(wanted, shop.mirror.entries)
  return { key, controller, subject, steps: [], error: undefined, unseen: false, resource, version, wait, open: true }
}

function obstacleOf(work: Work, holders: Holders, shop: Workshop): Obstacle | undefined {
  const { resource, wait } = work
  if (resource.wanted.desired === undefined) return removalObstacle(resource, shop.board, shop.mirror.entries, holders)
  return wait?.firmly === true ? waitOutcome(resource.wanted, wait.on, shop.board) : undefined
}

/** Ends what is as it should be, what failed and what is blocked; carries out the rest, chunk by chunk. */
async function act(works: readonly Work[], shop: Workshop): Promise<void> {
  if (shop.abort.aborted) return close(works, () => undefined, shop)
  const sorted = Map.groupBy(works, (work) => fateOf(work, shop))
  const unseen = Map.groupBy(sorted.get('unseen') ?? [], (work) => work.error)
  for (const [error, group] of unseen) if (error !== undefined) closeTogether(group, error, shop)
  if (sorted.has('failed')) closeFailed(sorted.get('failed') ?? [], shop)
  const held = (['waiting', 'blocked', 'closed'] as const).flatMap((fate) => sorted.get(fate) ?? [])
  if (held.length > 0) close(held, (work) => heldOutcome(work, shop), shop)
  const todo = (sorted.get('todo') ?? []).toSorted((one, other) => priorityOf(other) - priorityOf(one))
  await Promise.all([finish(sorted.get('done') ?? [], shop), ...chunks(todo).map((chunk) => carryOut(chunk, shop))])
}

type Fate = 'unseen' | 'failed' | 'done' | 'waiting' | 'blocked' | 'closed' | 'todo'

function fateOf(work: Work, shop: Workshop): Fate {
  if (work.error !== undefined) return work.unseen ? 'unseen' : 'failed'
  if (work.steps.length === 0) return 'done'
  if (work.wait !== undefined) return 'waiting'
  if (pendingOffer(work, shop) !== undefined) return 'blocked'
  const now = shop.clock.now()
  return stepsOpenAt(work, now) > now ? 'closed' : 'todo'
}

/** What a person has to approve before the steps may run. Removals lose data by intention and ask nobody. */
function pendingOffer(work: Work, shop: Workshop): Offer | undefined {
  const offer = work.subject.desired === undefined ? undefined : offerFor(work.key, work.steps)
  if (offer === undefined) return undefined
  const token = shop.mirror.entries.get(work.key)?.approved
  return isApproved(offer, token, shop.board.target?.approvals ?? new Set()) ? undefined : offer
}

function heldOutcome(work: Work, shop: Workshop): Outcome | undefined {
  const { desired } = work.subject
  const offer = pendingOffer(work, shop)
  if (work.wait !== undefined) return waitOutcome(work.resource.wanted, work.wait.on, shop.board)
  if (offer === undefined || desired === undefined) {
    return { state: 'waiting', until: stepsOpenAt(work, shop.clock.now()) }
  }
  work.resource.offer = offer
  const error = approvalNeeded(offer, work.key, work.steps, desired.at)
  return { state: 'blocked', approval: offer.approval, error }
}

function chunks(works: readonly Work[]): readonly (readonly Work[])[] {
  const count = Math.ceil(works.length / chunkSize)
  return Array.from({ length: count }, (_, index) => works.slice(index * chunkSize, (index + 1) * chunkSize))
}
