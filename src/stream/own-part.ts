import type { Batch } from './batch.ts'
import { pick } from './batches.ts'
import type { Delivery } from './buffer.ts'

/** What one sink is given of everything. */
export interface Share {
  /** Which messages are for it, by the route a step gave them; all when absent. */
  readonly takes?: (route: string | undefined) => boolean
  /** Never holds the others: messages count as acknowledged before they are written, and are dropped when it fails. */
  readonly isBestEffort?: boolean
}

/** What is for this sink of a delivery, if anything is; what is not counts as delivered. */
export function ownPart(delivery: Delivery, { takes, isBestEffort = false }: Share): Delivery | undefined {
  const batch = takes === undefined ? delivery.batch : chosen(delivery.batch, takes)
  if (batch.size === 0 || isBestEffort) delivery.ack()
  if (batch.size === 0) return undefined
  if (isBestEffort) return { batch, ack: () => undefined }
  return batch === delivery.batch ? delivery : { batch, ack: () => delivery.ack() }
}

/** Nothing is made where all are taken, as they mostly are. */
function chosen(batch: Batch, takes: (route: string | undefined) => boolean): Batch {
  const isTaken = (index: number): boolean => takes(batch.meta(index).route)
  let first = 0
  while (first < batch.size && isTaken(first)) first += 1
  if (first === batch.size) return batch
  const indexes = Array.from({ length: batch.size }, (_, index) => index)
  return pick(
    batch,
    indexes.filter((index) => index < first || (index > first && isTaken(index))),
  )
}
