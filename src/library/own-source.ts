import { setImmediate as turn } from 'node:timers/promises'
import { HermesError } from '../errors.ts'
import type { Batch, Meta } from '../stream/batch.ts'
import { valueBatch } from '../stream/batches.ts'
import type { Source } from '../stream/source.ts'
import { jsonFault } from './json-fault.ts'
import type { SourceCode } from './options.ts'
import type { Chunk, Messages, OwnSource, SourceFunction } from './own-code.ts'
import { Pull } from './pull.ts'
import { orAbort } from './until.ts'

/** So many values are handed on together. */
const MOST = 1_000

/** What own code threw; the pipeline ends with it, and does not start again. */
export type Failed = (error: unknown) => void

export function isMessages(code: unknown): code is Messages {
  return typeof code === 'object' && code !== null && (Symbol.iterator in code || Symbol.asyncIterator in code)
}

export function isSourceCode(code: unknown): code is SourceCode {
  if (typeof code === 'function' || isMessages(code)) return true
  return typeof code === 'object' && code !== null && 'read' in code && typeof code.read === 'function'
}

/** A source over own code. What the code throws, and what it gives that is no message, is told to `failed` too. */
export function ownSource(code: SourceCode, failed: Failed): Source {
  const source = typeof code === 'function' || isMessages(code) ? new Values(code) : new Resumable(code)
  const read = async function* (from: unknown, stop: AbortSignal, signal: AbortSignal): AsyncGenerator<Batch> {
    try {
      yield* source.read(from, stop, signal)
    } catch (error) {
      if (!signal.aborted) failed(error)
      throw error
    }
  }
  return {
    read,
    ping: (signal) => source.ping(signal),
    ...(source.drains === undefined ? {} : { drains: source.drains }),
    ...(source.ack === undefined ? {} : { ack: (position) => source.ack?.(position) }),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  }
}

/** Messages without a place: what was taken cannot be asked for again. */
class Values implements Source {
  readonly drains = true
  readonly ack?: never
  readonly #code: Messages | SourceFunction

  constructor(code: Messages | SourceFunction) {
    this.#code = code
  }

  async *read(_from: unknown, stop: AbortSignal, signal: AbortSignal): AsyncGenerator<Batch> {
    const code = this.#code
    const messages = messagesOf(typeof code === 'function' ? code(stop) : code)
    // One that is told of the stop gives what it has taken already; for any other the wait ends with the stop.
    const isTold = typeof code === 'function' && code.length > 0
    const waits = isTold ? signal : AbortSignal.any([stop, signal])
    if (Symbol.asyncIterator in messages) yield* oneByOne(messages, waits, signal)
    else yield* together(messages, waits)
    signal.throwIfAborted()
  }

  async ping(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

async function* oneByOne(
  messages: AsyncIterable<unknown>,
  waits: AbortSignal,
  signal: AbortSignal,
): AsyncGenerator<Batch> {
  const pull = new Pull(messages)
  try {
    for (;;) {
      const next = await pull.next(waits)
      if (next === undefined) return
      // After the stop nothing more is asked for, unless the code itself says when it ends.
      const more = waits.aborted ? [] : await pull.ready(MOST - 1)
      yield valueBatch([next.value, ...more].map(checked))
    }
  } finally {
    await pull.close(signal)
  }
}

/** A turn of the event loop after each batch: timers and sockets go on, too. */
async function* together(messages: Iterable<unknown>, waits: AbortSignal): AsyncGenerator<Batch> {
  let values: unknown[] = []
  for (const each of messages) {
    values.push(checked(each))
    if (values.length < MOST) continue
    yield valueBatch(values)
    values = []
    await turn()
    if (waits.aborted) return
  }
  if (values.length > 0) yield valueBatch(values)
}

function messagesOf(values: unknown): Messages {
  if (isMessages(values)) return values
  throw new TypeError('the function of the source returned nothing that can be iterated over')
}

/** An own source with a place. */
class Resumable implements Source {
  readonly drains?: never
  readonly ack?: (position: unknown) => void
  readonly #code: OwnSource

  constructor(code: OwnSource) {
    this.#code = code
    if (code.ack !== undefined) this.ack = (position) => code.ack?.(position)
  }

  async *read(from: unknown, stop: AbortSignal, signal: AbortSignal): AsyncGenerator<Batch> {
    const pull = new Pull(this.#code.read(from, stop, signal))
    try {
      for (;;) {
        const next = await pull.next(signal)
        signal.throwIfAborted()
        if (next === undefined) return
        yield 'messages' in next.value ? batchOf(next.value) : next.value
      }
    } finally {
      await pull.close(signal)
    }
  }

  async ping(signal: AbortSignal): Promise<void> {
    await orAbort((async () => await this.#code.ping?.(signal))(), signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#code[Symbol.asyncDispose]?.()
  }
}

function batchOf({ messages, position, ids, keys }: Chunk): Batch {
  const fault = position === undefined ? undefined : jsonFault(position)
  if (fault !== undefined) throw invalid(`a position that JSON cannot hold: ${fault}`)
  for (const each of messages) checked(each)
  for (const each of [ids, keys])
    if (each !== undefined && each.length !== messages.length) throw invalid('ids or keys that are not one a message')
  if (ids === undefined && keys === undefined) return valueBatch(messages, position)
  const metas = messages.map((_, index) => metaOf(ids?.[index], keys?.[index]))
  return valueBatch(messages, position, metas)
}

function metaOf(id: string | undefined, key: string | undefined): Meta {
  return { ...(id === undefined ? {} : { id }), ...(key === undefined ? {} : { key }) }
}

function checked(message: unknown): unknown {
  const fault = jsonFault(message)
  if (fault !== undefined) throw invalid(`a message that JSON cannot hold: ${fault}`)
  return message
}

function invalid(what: string): HermesError {
  return new HermesError('message_invalid', `the source gave ${what}`)
}
