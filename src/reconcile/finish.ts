import { toHermesError } from '../errors.ts'
import type { Key } from '../manifest/manifest.ts'
import type { Outcome } from './controller.ts'
import { claimedReferences } from './gate.ts'
import type { LedgerEntry } from './ledger.ts'
import { yieldNow } from './pace.ts'
import { close, closeFailed, closeTogether, type Work, type Workshop } from './work.ts'

const checksAtOnce = 256
const ready: Outcome = { state: 'ready' }

/**
 * Ends the laps of resources that are as they should be: settles or erases their claims, checks whether they can work,
 * reports them. Erasing comes after the last step (invariant 1). Never rejects.
 */
export async function finish(works: readonly Work[], shop: Workshop): Promise<void> {
  try {
    const unsettled = works.filter((work) => isUnsettled(work, shop.mirror.entries.get(work.key)))
    if (unsettled.length > 0) await settle(unsettled, shop)
    await check(works, shop)
  } catch (error) {
    const open = works.filter((work) => work.open)
    return closeTogether(open, toHermesError(error), shop)
  }
  if (works.length === 0) return
  shop.board.trouble = undefined
  const failed = works.filter((work) => work.error !== undefined)
  if (failed.length > 0) closeFailed(failed, shop)
  close(works, () => ready, shop)
}

function isUnsettled(work: Work, entry: LedgerEntry | undefined): boolean {
  if (work.subject.desired === undefined) return true
  return entry !== undefined && (entry.intents.length > 0 || entry.approved !== undefined)
}

/** Within one turn, so that no new claim can come between the look at what is current and the write. */
async function settle(works: readonly Work[], shop: Workshop): Promise<void> {
  const { board, mirror } = shop
  await mirror.turn(async (ledger) => {
    const current = works.filter((work) => board.isCurrent(work.resource, work.version))
    const gone = current.filter((work) => work.subject.desired === undefined)
    const settled = current.filter((work) => work.subject.desired !== undefined)
    const released = referencesOf(current, shop)
    await ledger.settle(settled.map((work) => work.key))
    await ledger.delete(gone.map((work) => work.key))
    for (const work of gone) board.remove(work.resource)
    board.release(released)
  })
}

function referencesOf(works: readonly Work[], shop: Workshop): ReadonlySet<Key> {
  const released = new Set<Key>()
  for (const work of works) {
    const entry = shop.mirror.entries.get(work.key)
    if (entry === undefined) continue
    for (const key of claimedReferences(entry, shop.kinds)) released.add(key)
  }
  return released
}

async function check(works: readonly Work[], shop: Workshop): Promise<void> {
  const checkable = works.filter((work) => work.controller.check !== undefined && work.subject.desired !== undefined)
  for (let start = 0; start < checkable.length; start += checksAtOnce) {
    await Promise.all(checkable.slice(start, start + checksAtOnce).map((work) => checkOne(work, shop)))
    await yieldNow()
  }
}

async function checkOne(work: Work, shop: Workshop): Promise<void> {
  const { desired } = work.subject
  if (desired === undefined) return
  try {
    await work.controller.check?.(desired, shop.abort)
  } catch (error) {
    if (!shop.abort.aborted) work.error = toHermesError(error)
  }
}
