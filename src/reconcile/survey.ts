import { HermesError, toHermesError } from '../errors.ts'
import type { Key } from '../manifest/manifest.ts'
import type { Controller, Step, Subject } from './controller.ts'
import { paced, yieldNow } from './pace.ts'

/** One resource under survey; `steps` or `error` are filled in. */
export interface Item {
  readonly key: Key
  readonly controller: Controller
  readonly subject: Subject<unknown>
  steps: readonly Step[]
  error: HermesError | undefined
  /** The error kept the whole kind from being observed: it says nothing about this resource. */
  unseen: boolean
}

/** Looks taken at most in search of the one resource that makes a whole kind unobservable. */
const searchLooks = 64

/**
 * Looks at the world, in bulk by kind, and plans each item: the same for a lap and for a preview. Never rejects and
 * changes nothing but the items.
 */
export async function survey(items: readonly Item[], signal: AbortSignal): Promise<void> {
  const kinds = Map.groupBy(items, (item) => item.controller)
  await Promise.all([...kinds.values()].map((group) => surveyKind(group, signal, { left: searchLooks })))
}

/** What fails unexpectedly is looked at again in halves, so that one bad resource does not hide all others. */
async function surveyKind(items: readonly Item[], signal: AbortSignal, looks: { left: number }): Promise<void> {
  const [first] = items
  if (first === undefined) return
  try {
    const subjects = items.map((item) => item.subject)
    const world = await first.controller.observe(subjects, signal)
    await yieldNow()
    await paced(items, (item) => planItem(item, world.get(item.subject.name)))
  } catch (error) {
    const search = items.length > 1 && looks.left > 0 && !(error instanceof HermesError) && !signal.aborted
    if (!search) return markUnseen(items, error)
    looks.left -= 2
    const middle = Math.ceil(items.length / 2)
    await surveyKind(items.slice(0, middle), signal, looks)
    await surveyKind(items.slice(middle), signal, looks)
  }
}

/** An error of one resource alone is its own, unless it says that the world will be back by itself. */
function markUnseen(items: readonly Item[], thrown: unknown): void {
  const error = toHermesError(thrown)
  const passing = thrown instanceof HermesError && error.next === 'retry'
  for (const item of items) {
    item.error = error
    item.unseen = items.length > 1 || passing
  }
}

function planItem(item: Item, actual: unknown): void {
  try {
    item.steps = item.controller.plan(item.subject, actual)
  } catch (error) {
    item.error = toHermesError(error)
  }
}
