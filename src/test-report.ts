import type { Location } from './errors.ts'
import type { JsonDifference } from './json-compare.ts'

/** What came of one case of a workflow's test. */
export interface CaseReport {
  /** Name of the WorkflowTest. */
  readonly test: string
  readonly workflow: string
  readonly name: string
  /** Where it is written. */
  readonly at: Location
  readonly passed: boolean
  readonly ms: number
  /** What was expected and is not so; none when it passed. */
  readonly failures: readonly TestFailure[]
}

/** One expectation that does not hold. */
export interface TestFailure {
  /** `sinks.cold`, `deadLetters`, `filtered`. */
  readonly expectation: string
  /** Where it is written; where there is none, the case. */
  readonly at: Location
  readonly message: string
  /** Message by message, in order; those that are as expected are left out. */
  readonly differences: readonly MessageDifference[]
}

/** A message that is missing (no `actual`), was not expected (no `expected`), or is another one. */
export interface MessageDifference {
  readonly expected?: ExpectedMessage
  readonly actual?: ActualMessage
  /** What another one differs in. */
  readonly fields?: readonly JsonDifference[]
}

/** Counted from 1 in what is expected. */
export interface ExpectedMessage {
  readonly number: number
  readonly at: Location
  readonly value: unknown
}

/** Counted from 1 in what came. */
export interface ActualMessage {
  readonly number: number
  readonly value: unknown
}
