import { toHermesError } from '../errors.ts'
import type { Batch } from '../stream/batch.ts'
import { pick } from '../stream/batches.ts'
import type { Rejection, Sink } from '../stream/sink.ts'
import type { SinkCode } from './options.ts'
import type { OwnSink, SinkFunction } from './own-code.ts'
import { orAbort } from './until.ts'

export function isSinkCode(code: unknown): code is SinkCode {
  if (typeof code === 'function') return true
  return typeof code === 'object' && code !== null && 'write' in code && typeof code.write === 'function'
}

/** A sink over own code; nobody waits for it any more once it is given up. */
export function ownSink(code: SinkCode): Sink {
  const own: OwnSink = typeof code === 'function' ? { write: (batch, signal) => call(code, batch, signal) } : code
  return {
    write: async (batch, signal) => verdictOf(await orAbort(own.write(batch, signal), signal), batch.size),
    ping: (signal) => orAbort((async () => await own.ping?.(signal))(), signal),
    [Symbol.asyncDispose]: async () => await own[Symbol.asyncDispose]?.(),
  }
}

/** Hands over the values; a payload that is no JSON has none, and is rejected. */
async function call(code: SinkFunction, batch: Batch, signal: AbortSignal): Promise<readonly Rejection[]> {
  const unreadable = unreadableIn(batch)
  if (unreadable.length === 0) return verdictOf(await code(batch.values(), { batch, signal }), batch.size)
  const left = new Set(unreadable.map(({ index }) => index))
  const indexes = Array.from({ length: batch.size }, (_, index) => index).filter((index) => !left.has(index))
  if (indexes.length === 0) return unreadable
  const readable = pick(batch, indexes)
  const verdict = verdictOf(await code(readable.values(), { batch: readable, signal }), readable.size)
  return [...unreadable, ...verdict.map((each) => ({ ...each, index: indexes[each.index] ?? each.index }))]
}

function unreadableIn(batch: Batch): readonly Rejection[] {
  const found: Rejection[] = []
  for (let index = 0; index < batch.size; index += 1) {
    try {
      batch.value(index)
    } catch (error) {
      found.push({ index, reason: toHermesError(error).message })
    }
  }
  return found
}

/** What is neither nothing nor rejections says that the code is wrong: nothing counts as delivered then. */
function verdictOf(verdict: unknown, size: number): readonly Rejection[] {
  if (verdict === undefined) return []
  if (Array.isArray(verdict) && verdict.every((each) => isRejection(each, size))) {
    // A message is rejected once.
    return [...new Map(verdict.map((each) => [each.index, each])).values()]
  }
  throw new TypeError('a sink returns nothing, or a list of the rejected: { index, reason }')
}

function isRejection(value: unknown, size: number): value is Rejection {
  if (typeof value !== 'object' || value === null || !('index' in value) || !('reason' in value)) return false
  const { index, reason } = value
  return Number.isInteger(index) && Number(index) >= 0 && Number(index) < size && typeof reason === 'string'
}
