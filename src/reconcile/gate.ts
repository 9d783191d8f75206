import { HermesError } from '../errors.ts'
import type { Key } from '../manifest/manifest.ts'
import type { Board, Resource } from './board.ts'
import type { Outcome } from './controller.ts'
import { type References, reaches } from './graph.ts'
import { guardError } from './guard.ts'
import { claimsOf, type LedgerEntry } from './ledger.ts'
import type { Wanted } from './subject.ts'
import { type Entries, isSettled, type Kinds } from './subject.ts'

/** What keeps a resource from its lap. */
export type Obstacle = Extract<Outcome, { state: 'waiting' | 'stalled' | 'blocked' }>

/** What a resource waits for: `firmly`, or only if there is something to do. */
export interface Wait {
  readonly on: Key
  readonly firmly: boolean
}

/**
 * The first reference of a desired resource that is not ready. One that is settled itself does not wait for a
 * reference that exists and is merely being changed, retried, blocked or put off: it works on as before, and only a step of its
 * own would have to wait.
 */
export function referenceWait(resource: Resource, board: Board, entries: Entries): Wait | undefined {
  const { wanted } = resource
  for (const on of wanted.references) {
    const reference = board.resources.get(on)
    if (reference?.outcome.state === 'ready' && reference.wanted.desired !== undefined) continue
    const works = reference !== undefined && isWorking(reference, entries.get(on))
    return { on, firmly: !works || !isSettled(wanted, entries.get(wanted.key)) }
  }
  return undefined
}

/** The outcome of waiting for a reference; a circle of references would wait for ever and is an error instead. */
export function waitOutcome(wanted: Wanted, on: Key, board: Board): Obstacle {
  const references: References = (key) => board.resources.get(key)?.wanted.references ?? []
  if (!reaches(on, wanted.key, references)) return { state: 'waiting', on }
  const at = wanted.desired?.at
  const message = `${wanted.key} refers to ${on}, which leads back to ${wanted.key}`
  return { state: 'stalled', error: new HermesError('reference_cycle', message, at === undefined ? {} : { at }) }
}

/** What keeps a removal from starting: the prune guard, who takes its data over, or who still has to let go of it. */
export function removalObstacle(
  resource: Resource,
  board: Board,
  entries: Entries,
  holders: Holders,
): Obstacle | undefined {
  const { key, wanted } = resource
  const guard = board.target?.guard
  const entry = entries.get(key)
  if (guard?.keys.has(key) === true && entry !== undefined && entry.approved !== guard.token) {
    return { state: 'blocked', approval: guard.approval, error: guardError(guard, entry.at) }
  }
  if (wanted.takenBy !== undefined && board.resources.get(wanted.takenBy)?.outcome.state !== 'ready') {
    return { state: 'waiting', on: wanted.takenBy }
  }
  const [holder] = holders.get(key) ?? []
  return holder === undefined ? undefined : { state: 'waiting', on: holder }
}

/** Who holds on to keys that are to be removed. */
export type Holders = ReadonlyMap<Key, ReadonlySet<Key>>

/**
 * For each of `removals` the entries that may still use it in the world: a claim refers to it, and what is desired does
 * not. (What is desired and refers to something undeclared waits for that instead.) Removals that hold each other go in
 * the order of their keys.
 */
export function holdersOf(
  removals: ReadonlySet<Key>,
  wantedOf: (key: Key) => Wanted | undefined,
  entries: Entries,
  kinds: Kinds,
): Holders {
  const holders = new Map<Key, Set<Key>>()
  if (removals.size === 0) return holders
  for (const [key, entry] of entries) {
    const wanted = wantedOf(key)
    if (wanted === undefined || (wanted.desired !== undefined && isSettled(wanted, entry))) continue
    for (const held of claimedReferences(entry, kinds)) {
      if (!removals.has(held) || held === key || wanted.references.includes(held)) continue
      const known = holders.get(held)
      if (known === undefined) holders.set(held, new Set([key]))
      else known.add(key)
    }
  }
  return withoutCircles(holders)
}

/**
 * Everything that any claim of an entry refers to. A claim that its controller cannot read refers to nothing: planning
 * it says what is wrong, and nobody else is held up.
 */
export function claimedReferences(entry: LedgerEntry, kinds: Kinds): ReadonlySet<Key> {
  const controller = kinds.get(entry.kind)
  if (controller === undefined) return new Set()
  try {
    return new Set(claimsOf(entry).flatMap((claim) => controller.references(entry.name, claim.spec)))
  } catch {
    return new Set()
  }
}

/** Whether the world still has the resource, though it is not quite as wanted. */
function isWorking(reference: Resource, entry: LedgerEntry | undefined): boolean {
  const { outcome } = reference
  if (reference.wanted.desired === undefined || entry?.settled === undefined) return false
  if (outcome.state === 'waiting') return outcome.until !== undefined
  return outcome.state === 'progressing' || outcome.state === 'retry' || outcome.state === 'blocked'
}

function withoutCircles(holders: Map<Key, Set<Key>>): Holders {
  const references: References = (key) => [...(holders.get(key) ?? [])]
  for (const [held, keys] of holders) {
    for (const key of keys) if (held < key && reaches(key, held, references)) keys.delete(key)
  }
  return holders
}
