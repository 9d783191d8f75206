import type { Batch, Meta } from '../stream/batch.ts'
import type { Rejection } from '../stream/sink.ts'

/** Values as messages, whatever holds them: a list, a generator, what yields them one after the other. */
export type Messages<M = unknown> = Iterable<M> | AsyncIterable<M>

/** Messages that are handed on together. */
export interface Chunk<M = unknown> {
  readonly messages: readonly M[]
  /** Where the source goes on behind them, as JSON: `read` gets it at the next start. */
  readonly position?: unknown
  /** Tells each message from all others, again after a restart: sinks write once by it. */
  readonly ids?: readonly string[]
  /** Messages with one key keep their order. */
  readonly keys?: readonly string[]
}

/** A source that goes on where it was: it says where it stands, and is asked to begin there. */
export interface OwnSource<M = unknown> {
  /**
   * Gives everything behind `from`, `undefined` for the beginning. It ends by itself soon after `stop` aborts. When
   * `signal` aborts nobody waits for it any more.
   */
  read(from: unknown, stop: AbortSignal, signal: AbortSignal): AsyncIterable<Chunk<M> | Batch>
  /** Told that everything up to this position is durable: for a source that keeps its own place, which is not kept then. */
  ack?(position: unknown): void
  /** Resolves when the source could be read now, without reading it; asked before the pipeline starts. */
  ping?(signal: AbortSignal): Promise<void>
  [Symbol.asyncDispose]?(): PromiseLike<void>
}

/**
 * Gives the messages; a function that takes `stop` ends by itself soon after it aborts, so that no message is taken from
 * somewhere and lost.
 */
export type SourceFunction<M = unknown> = (stop: AbortSignal) => Messages<M>

/** Methods, and not fields, so that own code may say what its messages are: they are JSON that nobody has checked. */
interface Calls {
  step(message: unknown, meta: Meta): unknown
  sink(messages: readonly unknown[], context: SinkContext): void | Verdict | Promise<void | Verdict>
}

/**
 * Gives what becomes of a message: a new one, `undefined` to leave it out, or a list of any number. What it throws rejects
 * the message. It changes nothing of what it is given, and waits for nothing.
 */
export type StepFunction = Calls['step']

/** The messages that were not taken, by their place in the list; the others are durable. */
export type Verdict = readonly Rejection[]

/** What a sink may want to know beside the messages. */
export interface SinkContext {
  /** Ids and keys, `batch.meta(0).id`, and payloads as they came, `batch.bytes(0)`. */
  readonly batch: Batch
  /** Aborts when nobody waits for the write any more. */
  readonly signal: AbortSignal
}

/**
 * Writes messages, in order, one call at a time; they are durable when it resolves. What it throws has them tried again,
 * with pauses, for ever; a message that will never be taken is named in what it returns.
 */
export type SinkFunction = Calls['sink']

/** A sink that reads from the batch what it wants, values or bytes. */
export interface OwnSink {
  write(batch: Batch, signal: AbortSignal): Promise<void | Verdict>
  /** Resolves when the sink could be written to now; asked before the pipeline starts. */
  ping?(signal: AbortSignal): Promise<void>
  [Symbol.asyncDispose]?(): PromiseLike<void>
}
