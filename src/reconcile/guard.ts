import { HermesError, type Location } from '../errors.ts'
import { type Key, keyOf } from '../manifest/manifest.ts'
import { isPruneApproved, type Offer, pruneOffer } from './approval.ts'
import type { LedgerEntry } from './ledger.ts'

const atLeast = 10
const share = 0.2

/** A removal of so many resources that it waits for approval as a whole. */
export interface Guard extends Offer {
  readonly keys: ReadonlySet<Key>
  readonly message: string
}

/**
 * The guard over removals of declared resources, when they are more than ten and more than a fifth of all `declared`
 * entries. Removals that were approved already and are not finished do not count again.
 */
export function pruneGuard(removals: readonly LedgerEntry[], declared: number): Guard | undefined {
  const keys = removals.filter((entry) => !isPruneApproved(entry.approved)).map(keyOf)
  if (keys.length <= Math.max(atLeast, Math.floor(declared * share))) return undefined
  const message = `${keys.length} of ${declared} resources would be removed at once`
  return { ...pruneOffer(keys), keys: new Set(keys), message }
}

/** Why nothing of a read with gaps is removed, or undefined when a missing manifest means removal (invariant 3). */
export function holdReason(
  entry: LedgerEntry,
  read: { readonly complete: boolean; readonly empty: boolean; readonly brokenFiles: ReadonlySet<string> },
): string | undefined {
  if (read.empty || !read.complete) return 'empty or incomplete read prunes nothing'
  if (read.brokenFiles.has(entry.at.file)) return `${entry.at.file} cannot be read; what it declared stays in force`
  const [broken] = read.brokenFiles
  return broken === undefined ? undefined : `${broken} cannot be read and may declare it now`
}

/** The error of a resource whose removal the guard holds. */
export function guardError(guard: Guard, at: Location): HermesError {
  const fix = `Look at \`hermes plan\`, then \`hermes approve ${guard.approval}\`.`
  return new HermesError('prune_guard', guard.message, { at, fix })
}
