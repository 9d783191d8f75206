import { systemClock } from '../../src/clock.ts'
import type { Batch } from '../../src/stream/batch.ts'
import { valueBatch } from '../../src/stream/batches.ts'
import type { Buffer, BufferPlace, Delivery } from '../../src/stream/buffer.ts'
import type { Log } from '../../src/stream/connector.ts'

/** A signal that never aborts. */
export const never = new AbortController().signal

/** A batch of so many messages of a kilobyte each, which say who they are. */
export function kilobytes(count: number, first = 0): Batch {
  const values = Array.from({ length: count }, (_, index) => ({ id: first + index, text: 'x'.repeat(980) }))
  return valueBatch(values, first + count)
}

/** Who is in a batch of those. */
export const idsOf = (batch: Batch): unknown[] => batch.values().map((value) => (value as { id: number }).id)

/** Everything there is for a consumer of a buffer that has ended; acknowledged. */
export async function drain(buffer: Buffer, consumer = 0): Promise<unknown[]> {
  const ids: unknown[] = []
  for await (const delivery of buffer.pull(never, consumer)) {
    ids.push(...idsOf(delivery.batch))
    delivery.ack()
  }
  return ids
}

/** So many deliveries, not acknowledged. */
export async function takeSome(pulled: AsyncIterable<Delivery>, count: number): Promise<Delivery[]> {
  const taken: Delivery[] = []
  const iterator = pulled[Symbol.asyncIterator]()
  while (taken.length < count) {
    const { done, value } = await iterator.next()
    if (done === true) break
    taken.push(value)
  }
  return taken
}

/** Of all, one after the other. */
export function acknowledge(deliveries: Iterable<Delivery>): void {
  for (const delivery of deliveries) delivery.ack()
}

/** 0 and up. */
export const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

/** What was logged as a warning. */
export interface Warning {
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** Where a buffer stands, with so many consumers or those of these names; warnings are collected. */
export function placeOf(
  dir: string,
  consumers: number | readonly string[] = 1,
  warnings: Warning[] = [],
): BufferPlace & { readonly warnings: Warning[] } {
  const logOf = (bound: object): Log => ({
    debug: () => {},
    info: () => {},
    warn: (fields, message) => void warnings.push({ message, fields: { ...bound, ...fields } }),
    error: () => {},
    child: (fields) => logOf({ ...bound, ...fields }),
  })
  const names = typeof consumers === 'number' ? Array.from({ length: consumers }, (_, index) => `c${index}`) : consumers
  return { dir, consumers: names, clock: systemClock, log: logOf({}), warnings }
}
