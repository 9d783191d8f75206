import { HermesError } from '../errors.ts'
import type { Batch, Position } from './batch.ts'
import type { Buffer, Delivery } from './buffer.ts'
import type { Rejection, Sink } from './sink.ts'
import type { Source } from './source.ts'

/** A source, the buffer it fills and the sink that drains it. The caller opens and disposes all three. */
export interface Pipeline {
  readonly source: Source
  /** Where the source goes on; `undefined` is its beginning. */
  readonly from?: Position
  readonly buffer: Buffer
  readonly sink: Sink
  /** Drains: the source ends after the batch in hand, and what was read reaches the sink. */
  readonly stop: AbortSignal
  /** Gives up: what is not written stays unwritten. */
  readonly signal: AbortSignal
  /** Called in the source's order, once a batch is durable. */
  onAck?(batch: Batch): void
  /** Takes what the sink refused for good; the batch is acknowledged when it resolves. Without it a refusal fails the pipeline. */
  onReject?(batch: Batch, rejections: readonly Rejection[], signal: AbortSignal): Promise<void>
}

/** What was made durable. */
export interface Moved {
  readonly messages: number
  readonly batches: number
}

/**
 * Moves every batch from the source to the sink; the source reads ahead as far as the buffer has room.
 *
 * The first failure is thrown as it is, once both sides have ended: nothing is left running. A failing sink cancels the
 * source. A failing source lets what it read before reach the sink, so that a fetch that is refused on every page but
 * one still advances. An abort throws the signal's reason. Invariant 5: a batch is acknowledged only behind the sink's
 * write, or behind somebody who took what it refused. Invariant 7: batches are written one after the other, as they came.
 */
export async function runPipeline(pipeline: Pipeline): Promise<Moved> {
  const moved = { messages: 0, batches: 0 }
  const cancel = new AbortController()
  const onAbort = (): void => cancel.abort(pipeline.signal.reason)
  let failure: { readonly error: unknown } | undefined
  const fail = (error: unknown): void => {
    failure ??= { error: pipeline.signal.aborted ? pipeline.signal.reason : error }
  }
  const onAck = (batch: Batch): void => {
    moved.messages += batch.size
    moved.batches += 1
    pipeline.onAck?.(batch)
  }
  if (pipeline.signal.aborted) onAbort()
  pipeline.signal.addEventListener('abort', onAbort, { once: true })
  try {
    const filled = fill(pipeline, onAck, cancel.signal).catch(fail)
    const drained = drain(pipeline, cancel.signal).catch((error: unknown) => {
      fail(error)
      cancel.abort(error)
    })
    await Promise.all([filled, drained])
  } finally {
    pipeline.signal.removeEventListener('abort', onAbort)
  }
  if (failure !== undefined) throw failure.error
  return moved
}

async function fill(pipeline: Pipeline, onAck: (batch: Batch) => void, signal: AbortSignal): Promise<void> {
  const { source, from, buffer, stop } = pipeline
  try {
    signal.throwIfAborted()
    for await (const batch of source.read(from, stop, signal)) {
      await buffer.push(batch, () => onAck(batch), signal)
      if (stop.aborted) break
    }
  } finally {
    buffer.end()
  }
}

async function drain(pipeline: Pipeline, signal: AbortSignal): Promise<void> {
  for await (const delivery of pipeline.buffer.pull(signal)) await deliver(pipeline, delivery, signal)
}

async function deliver(pipeline: Pipeline, delivery: Delivery, signal: AbortSignal): Promise<void> {
  const rejections = await pipeline.sink.write(delivery.batch, signal)
  const [first] = rejections
  if (first !== undefined) {
    if (pipeline.onReject === undefined) {
      const count = `${rejections.length} of ${delivery.batch.size} messages`
      throw new HermesError('message_rejected', `the sink refused ${count}; the first: ${first.reason}`)
    }
    await pipeline.onReject(delivery.batch, rejections, signal)
  }
  delivery.ack()
}
