/** A request as it came to a route, whole. */
export interface InboundRequest {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Every byte of it, undecoded. */
  readonly body: Uint8Array
}

/** What answers the POST requests to one path. */
export interface InboundRoute {
  /** The size of the largest body, in bytes; a larger one is refused before it is read. */
  readonly maxBytes: number
  /** It finds out itself who asks. Without that the service asks for its token, as for any change. */
  readonly guardsItself: boolean
  /**
   * The body of a 200. What it throws becomes the answer: the status by the error's code, its `retryAfterMs` as
   * Retry-After.
   */
  answer(request: InboundRequest): Promise<object>
}

/** A place on the service's HTTP server. */
export interface InboundRoutes {
  /**
   * Has a route answer at the path, until it is disposed: `""` is the place itself, `a/b` is below it.
   * Throws `connector_refused` when something else answers there.
   */
  add(path: string, route: InboundRoute): Disposable
}
