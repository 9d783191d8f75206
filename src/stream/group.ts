import type { Batch } from './batch.ts'
import { joined } from './batches.ts'
import type { Delivery } from './buffer.ts'

/** One delivery of a group: where its messages begin, and how many of them are not settled. */
interface Part {
  readonly delivery: Delivery
  readonly start: number
  left: number
}

/** Why a group was written when it was: it had so many messages or bytes, its time had come, the sink was free, nothing more came. */
export type Trigger = 'messages' | 'bytes' | 'time' | 'free' | 'end'

/** Deliveries that are written together; each is acknowledged when the last of its messages is settled. */
export class Group {
  readonly batch: Batch
  readonly trigger: Trigger
  /** Bytes of a payload, on average. */
  readonly meanBytes: number
  readonly #parts: readonly Part[]

  constructor(deliveries: readonly Delivery[], trigger: Trigger) {
    this.trigger = trigger
    let start = 0
    this.#parts = deliveries.map((delivery) => {
      const part = { delivery, start, left: delivery.batch.size }
      start += delivery.batch.size
      return part
    })
    this.batch = joined(deliveries.map(({ batch }) => batch))
    this.meanBytes = this.batch.byteLength / Math.max(1, this.batch.size)
  }

  /** Settles all messages but these; indexes ascend. */
  settleAllBut(indexes: readonly number[]): void {
    let next = 0
    for (const part of this.#parts) {
      const end = part.start + part.delivery.batch.size
      const first = next
      while (next < indexes.length && (indexes[next] ?? end) < end) next += 1
      part.left = next - first
      if (part.left === 0) part.delivery.ack()
    }
  }

  /** Settles one of those that were left. */
  settle(index: number): void {
    const part = this.#parts.findLast(({ start }) => start <= index)
    if (part === undefined) return
    part.left -= 1
    if (part.left === 0) part.delivery.ack()
  }
}
