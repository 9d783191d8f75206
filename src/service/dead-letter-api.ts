/** Which letters of a workflow are meant: those of the ids, those that a CEL expression holds for, or all of them. */
export interface LetterSelection {
  readonly ids?: readonly string[]
  /**
   * CEL over one letter: `reason`, `stage`, `attempts`, `at`, `id`, `key` and `route` of the message, and `message`, its
   * value. A letter for which it cannot be evaluated is not meant.
   */
  readonly where?: string
  /** So many at most, the oldest first. */
  readonly limit?: number
}

/** A letter in a list. */
export interface LetterSummary {
  readonly id: string
  /** When it was written, ISO 8601. */
  readonly at: string
  /** Where the message failed: `validate`, `steps[2].set`, `sinks.cold`. */
  readonly stage: string
  readonly reason: string
  readonly attempts: number
  readonly messageId?: string
  readonly key?: string
  readonly route?: string
  /** Size of the payload. */
  readonly bytes: number
  /** The beginning of the payload as text. */
  readonly excerpt: string
}

/** A letter with all there is of it. */
export interface LetterView extends LetterSummary {
  /** JSON. */
  readonly position?: unknown
  readonly payload: string
  /** What the payload is written in: bytes that are no UTF-8 come as base64. */
  readonly encoding: 'utf-8' | 'base64'
}

/** The messages that workflows could not deliver. */
export interface DeadLetterApi {
  /** Letters of a workflow, the oldest first; 50 when no limit is given, and 1000 at most. */
  list(workflow: string, selection: LetterSelection): Promise<readonly LetterSummary[]>
  /** Throws `not_found`. */
  show(workflow: string, id: string): Promise<LetterView>
  /** Deletes letters for good; those that come meanwhile stay. The answer is how many. */
  drop(workflow: string, selection: LetterSelection): Promise<{ readonly letters: number }>
  /**
   * Sends letters through their workflow again, which a service does that runs it: `service_absent` without one. A
   * message that fails again is a dead letter again, with one attempt more.
   */
  retry(workflow: string, selection: LetterSelection): Promise<{ readonly letters: number }>
}
