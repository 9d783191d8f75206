/** What is looked at. */
export interface TapOptions {
  /** A node: `source`, `validate`, `steps[2].set`, `sinks.cold`; `source` when left out. */
  readonly at?: string
  /** So many messages, and then it ends; without end when left out. */
  readonly count?: number
  /** So many messages a second at most. */
  readonly perSecond?: number
}

/** A message as it passed a node. */
export interface TapSample {
  /** ISO 8601. */
  readonly at: string
  readonly node: string
  readonly id?: string
  readonly key?: string
  readonly route?: string
  /** Size of the payload. */
  readonly bytes: number
  /** Its beginning as text, with the values of secrets and of fields that are called like one taken out. */
  readonly payload: string
  /** Only the beginning is shown. */
  readonly isCut: boolean
  /** Messages since the sample before that are not shown. */
  readonly skipped: number
}

/** Messages a second unless somebody says otherwise, and at most. */
export const TAP_RATE = { standard: 10, most: 1_000 } as const

/** Looks at the messages of a workflow on their way. */
export interface TapApi {
  /**
   * Samples of what passes from now on, until the signal aborts or there were as many as asked for. Throws `not_found`
   * for a node that the workflow has not, `not_in_force` for one that does not run, `service_absent` where none runs.
   */
  tap(workflow: string, options: TapOptions, signal: AbortSignal): Promise<AsyncIterable<TapSample>>
}
