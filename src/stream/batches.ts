import type { Batch, Meta, Position } from './batch.ts'
import { BytesBatch } from './bytes-batch.ts'
import { LabelledBatch, PickedBatch, RevaluedBatch } from './derived-batches.ts'
import { JoinedBatch } from './joined-batch.ts'
import { parseJson } from './json-payload.ts'
import type { Metas } from './metas.ts'
import { ValueBatch } from './value-batch.ts'

/** What may be said of a batch beside its payloads. */
export interface BatchOptions {
  readonly position?: Position
  readonly metas?: Metas
}

/** A batch of parsed values, as fetches make them. Bytes are made of them when somebody asks. */
export function valueBatch(values: readonly unknown[], position?: Position, metas?: Metas): Batch {
  return new ValueBatch(values, position, metas)
}

/** A batch of payloads as they came, JSON unless `parse` says what they are. Values are made of them when somebody asks. */
export function bytesBatch(
  payloads: readonly Uint8Array[],
  { position, metas }: BatchOptions = {},
  parse: (bytes: Uint8Array) => unknown = parseJson,
): Batch {
  return new BytesBatch(payloads, position, metas, parse)
}

/** The messages of a batch at these places, in this order; nothing of them is copied. */
export function pick(batch: Batch, indexes: readonly number[]): Batch {
  return new PickedBatch(batch, indexes)
}

/** A batch with other values in the place of its own: what is known of each message stays. */
export function withValues(batch: Batch, values: readonly unknown[]): Batch {
  return new RevaluedBatch(batch, values)
}

/** A batch of which something else is known: `metas` holds one for each message. */
export function withMetas(batch: Batch, metas: readonly Meta[]): Batch {
  return new LabelledBatch(batch, metas, batch.position)
}

/** A batch that leaves its workflow for another: its position meant something to the source it came from, and no other. */
export function handedOver(batch: Batch, metas: Metas): Batch {
  return new LabelledBatch(batch, metas, undefined)
}

/** Several batches as one, in order; its position is the last one's. */
export function joined(batches: readonly Batch[]): Batch {
  const [only] = batches
  return batches.length === 1 && only !== undefined ? only : new JoinedBatch(batches)
}
