import type { Api } from './api.ts'

type Schema = Readonly<Record<string, unknown>>

/** A validated request. */
export interface RouteRequest {
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, unknown>>
  readonly body: unknown
}

/** One operation of the API: what it takes and what it gives; what is no GET changes something, unless it only `looks`. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below `/api/v1`, parameters as `:name`. */
  readonly path: string
  readonly id: string
  readonly summary: string
  readonly params?: Schema
  readonly query?: Schema
  readonly body?: Schema
  /** What the body is sent as; JSON when absent. */
  readonly bodyType?: 'application/yaml'
  /** The size of the largest body, in bytes; `BODY_LIMIT` when absent. */
  readonly bodyLimit?: number
  /** Set for what is asked by POST only because it has a body. */
  readonly looks?: true
  /** Name of the answer's schema in `answers.ts`. */
  readonly answer: string
  /** Answers with JSON. */
  readonly handle?: (api: Api, request: RouteRequest) => Promise<unknown>
  /** Answers with a line of JSON for each; the signal aborts when the caller goes away or the service stops. */
  readonly stream?: (api: Api, request: RouteRequest, signal: AbortSignal) => Promise<AsyncIterable<object>>
}
