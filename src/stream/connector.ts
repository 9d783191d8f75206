import type { Clock } from '../clock.ts'
import type { InboundRoutes } from '../inbound-routes.ts'
import type { Position } from './batch.ts'

/** A JSON Schema, 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>

/**
 * One source, sink, step or buffer type: its schema, its documentation and its behaviour in one file.
 * `config` annotates string fields: `x-template: true` allows `${…}`, `x-secret: true` allows `${secrets.NAME}` in it.
 */
export interface Connector<T, Config> {
  readonly type: string
  readonly summary: string
  readonly config: JsonSchema
  /** A source that cannot read again what it gave, or missed: what is not in a durable buffer is lost with the process. */
  readonly volatile?: true | ((config: Config) => boolean)
  /** For a source that makes something outside of Hermes, which would stay there. */
  readonly remains?: Remains<Config>
  /** For a sink that takes several writes at once; absent: one. */
  readonly maxInFlight?: MaxInFlight<Config>
  /** Opens it; `config` is validated, defaults filled in, expressions and secrets resolved. */
  open(config: Config, context: Context): Promise<T>
}

/** How many writes a sink takes at once. Those that are under way together hold no messages of one key. */
export interface MaxInFlight<Config> {
  /** Where the manifest does not say. */
  readonly standard: number
  /** Messages without a key, too: they keep their order as long as no write fails. */
  readonly withoutKey: boolean | ((config: Config) => boolean)
}

/**
 * What a source makes outside of Hermes for a workflow, such as a replication slot: it goes when the workflow is removed,
 * and when a change has no use for it any more. `kept` is what stays in force, if it is of the same type.
 */
export interface Remains<Config> {
  /** What goes, for a plan: `the replication slot hermes_a`; undefined when nothing does. `config` is as written. Pure. */
  readonly describe: (config: Config, kept: Config | undefined) => string | undefined
  /**
   * Removes what `config` made and `kept` does not use. Called again when it was removed already, or only in part. While
   * it throws the removal is not done, and tried again.
   */
  readonly remove: (config: Config, kept: Config | undefined, signal: AbortSignal) => Promise<void>
}

/** What a connector may use; at most six things. */
export interface Context {
  readonly clock: Clock
  readonly log: Log
  readonly secrets: Secrets
  /** The shared HTTP client, bound to the resource's Connection: base URL, auth, limits, TLS, proxy. */
  readonly http: HttpClient
  /** Writers of the store's tables. */
  readonly tables: Tables
  /** A place on the service's HTTP server, for what is sent to a workflow. */
  readonly routes?: InboundRoutes
  /** Greatest value of the incremental column in the table, as text; absent before the first rows and without one. */
  readonly cursor?: string
}

/** Structured logging: the message is constant, what varies stands in `fields`. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  child(fields: object): Log
}

export interface Secrets {
  /** The value of a secret; throws `secret_missing`. */
  get(name: string): string
}

export interface HttpRequest {
  readonly method: string
  /** A path below the Connection's URL, or an absolute URL. */
  readonly url: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** For one try from its start to the end of the body, 0 without limit; that of the Connection when absent. */
  readonly timeoutMs?: number
  /** Of the body as decompressed. */
  readonly maxResponseBytes: number
  /** Tries in all, for network errors, 408 and 5xx. 429 and `Retry-After` end the request at once: they reschedule. */
  readonly attempts: number
  /** The request may reach the server twice though its method does not say so: a POST that only asks. */
  readonly repeatable?: boolean
}

export interface HttpResponse {
  readonly status: number
  /** Where the answer came from, credentials taken out. */
  readonly url: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: Uint8Array
  /**
   * The address of a link that this answer names, without credentials. It stays at the answer's origin: a link to the
   * same host by another scheme or port, as servers behind a proxy write them, is led back to it; one to another host
   * throws `http_client_error`.
   */
  follow(link: string): string
  /** The beginning of the body as one line for a message, secrets taken out. */
  excerpt(length: number): string
}

export interface HttpClient {
  /**
   * Sends one request under the Connection's limits and returns a 2xx answer.
   * Throws `HermesError`: `http_*` codes; `retryAfterMs` is set where the server named a time.
   */
  request(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>
}

/** A writer into one table for one run. */
export interface TableWriter {
  /** Resolves when the records and the position behind them are committed together. */
  write(records: readonly unknown[], position: Position, signal: AbortSignal): Promise<void>
}

export interface Tables {
  writer(): TableWriter
}
