import type { BreakerState } from '../stream/breaker.ts'
import type { DeadLetter } from '../stream/dead-letter.ts'
import type {
  Buffers,
  Delivery,
  HttpConnection,
  OneOf,
  SinkFields,
  Sinks,
  Sources,
  Steps,
  Validators,
} from './connector-types.ts'
import type { Messages, OwnSink, OwnSource, SinkFunction, SourceFunction, StepFunction } from './own-code.ts'

/** Code in the place of a connector. */
export type SourceCode = Messages | SourceFunction | OwnSource
export type SinkCode = SinkFunction | OwnSink

/** Where messages come from: a connector by its name, `{ file: { path } }`, or code. */
export type SourceOption = OneOf<Sources & { code: SourceCode }> | SourceCode
/** One step: `{ filter: 'message.amount > 100' }`, or a function. */
export type StepOption = OneOf<Steps & { code: StepFunction }> | StepFunction
/** One sink: `{ name: 'large', file: { path } }`, or code; `{ name: 'own', code }` where something is to be said of it. */
export type SinkOption = (SinkFields & OneOf<Sinks & { code: SinkCode }>) | SinkCode

/** A message that could not be delivered, and why. */
export interface RejectedMessage extends DeadLetter {
  /** The payload as JSON; absent where it is none. */
  readonly message?: unknown
}

/** Keeps where the source goes on after a restart. */
export interface PositionStore {
  /** What was saved last; `undefined` before that. */
  load(): unknown
  /** Everything up to here is durable; `position` is JSON. */
  save(position: unknown): void | Promise<void>
}

/** Structured logging, as by pino; `console` will do. */
export interface PipelineLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** A pipeline: what a Workflow's `spec` says, and what the service would see to. */
export interface PipelineOptions {
  /** Its name in logs, in rows and in buffers. `pipeline` when left out; with a database it is needed. */
  readonly name?: string
  readonly source: SourceOption
  /** What messages must be; those that are not are rejected. */
  readonly validate?: OneOf<Validators>
  readonly steps?: readonly StepOption[]
  /** What stands between source and sinks: memory when left out. */
  readonly buffer?: OneOf<Buffers>
  readonly sinks: readonly SinkOption[]
  readonly delivery?: Delivery
  /** What speaks HTTP: address, authentication, limits. */
  readonly connection?: { readonly http: HttpConnection }

  /** A file that the position is kept in: a restart goes on there. Its directory is there already. */
  readonly state?: string
  /** Keeps the position elsewhere. Left out, and without `state`: a restart begins anew. */
  readonly positions?: PositionStore
  /**
   * `sqlite:PATH` or `postgres://…`: where the sink `table` has its tables. The position is kept there, too, and committed
   * with the rows where a table is the only sink.
   */
  readonly database?: string
  /** The directory of `buffer: { file: {} }` or `{ overflow: {} }`. */
  readonly dir?: string
  /** What relative paths start from; the working directory when left out. */
  readonly root?: string
  /** The values of `${secrets.NAME}`; what is not among them comes from the environment, `HERMES_SECRET_NAME`. */
  readonly secrets?: Readonly<Record<string, string>>
  /**
   * Takes the messages that a step or a sink rejects; they count as delivered once it resolves. What it throws ends the
   * pipeline. Without it the first rejected message does, and the position stays before it.
   */
  readonly deadLetters?: (letters: readonly RejectedMessage[]) => void | Promise<void>
  /** Gives up at once when it aborts: `finished` rejects with its reason. */
  readonly signal?: AbortSignal
  /** `false` for none. Left out: warnings and errors go to the console. */
  readonly log?: PipelineLog | false
}

/** `starting` before the first message may come, `failed` while it waits to start again, too. */
export type PipelinePhase = 'starting' | 'running' | 'stopping' | 'finished' | 'stopped' | 'failed'

/** What a pipeline did since it was opened; numbers are messages. */
export interface PipelineStats {
  readonly phase: PipelinePhase
  readonly read: number
  /** Left out by a step. */
  readonly filtered: number
  /** Rejected, and taken by `deadLetters`. */
  readonly deadLetters: number
  /** Dropped by a buffer that was told to drop. */
  readonly dropped: number
  /** Between source and sinks at the moment. */
  readonly buffered: number
  /** Where the source would go on now. */
  readonly position?: unknown
  readonly sinks: Readonly<Record<string, SinkStats>>
  /** What the pipeline failed of, or waits to try again after. */
  readonly error?: Error
}

export interface SinkStats {
  readonly written: number
  readonly rejected: number
  /** Writes that threw, and were tried again. */
  readonly failures: number
  /** `open` while the sink counts as away. */
  readonly breaker: BreakerState
  /** What it threw last; absent when its last write succeeded. */
  readonly error?: Error
}

/** A pipeline that runs. */
export interface Flow extends AsyncDisposable {
  /**
   * Resolves when the source ended and every message is durable, or after a stop; rejects with what it failed of. Somebody
   * has to wait for it, as for every promise.
   */
  readonly finished: Promise<void>
  /** How it does at the moment. */
  readonly stats: PipelineStats
  /**
   * Ends the source; what was read reaches the sinks, within `delivery.drain`. Resolves when nothing runs any more, and
   * rejects when something could not be written (`not_drained`). Stopping twice is stopping once. Leaving the scope of
   * `await using` does the same.
   */
  stop(): Promise<void>
}
