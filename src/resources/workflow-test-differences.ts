import { type JsonDifference, jsonDifferences } from '../json-compare.ts'
import { shownMessage, type TestMessage } from './workflow-test-messages.ts'
import type { LetterPattern } from './workflow-test-spec.ts'

/** A dead letter that is expected, and where. */
export interface PlacedLetter {
  readonly pattern: LetterPattern
  readonly message?: TestMessage
  readonly path: string
}

/** A dead letter that came. */
export type Letter = Omit<TestMessage, 'path'> & { readonly stage: string; readonly reason: string }

/** What a letter differs in from what is expected of it. */
export function letterDifferences(
  expected: PlacedLetter | undefined,
  actual: Letter | undefined,
): readonly JsonDifference[] {
  if (expected === undefined || actual === undefined) return []
  const { stage = actual.stage, reason = '' } = expected.pattern
  return [
    ...(stage === actual.stage ? [] : [{ path: ['stage'], expected: stage, actual: actual.stage }]),
    ...(actual.reason.includes(reason) ? [] : [{ path: ['reason'], expected: reason, actual: actual.reason }]),
    ...(expected.message === undefined
      ? []
      : differencesOf(expected.message, { ...actual, path: '' }, false).map((each) => ({
          ...each,
          path: ['message', ...each.path],
        }))),
  ]
}

/** What a message differs in from one that is expected; what is known of it counts as fields of `$meta`. */
export function differencesOf(
  expected: TestMessage | undefined,
  actual: TestMessage | undefined,
  partial: boolean,
): readonly JsonDifference[] {
  if (expected === undefined || actual === undefined) return []
  const known = Object.entries(expected.meta).flatMap(([name, value]): JsonDifference[] => {
    const is: unknown = Reflect.get(actual.meta, name)
    if (is === value) return []
    return [{ path: ['$meta', name], expected: value, ...(is === undefined ? {} : { actual: is }) }]
  })
  return [...payloadDifferences(expected, actual, partial), ...known]
}

function payloadDifferences(expected: TestMessage, actual: TestMessage, partial: boolean): readonly JsonDifference[] {
  if (expected.json !== undefined && actual.json !== undefined) {
    return jsonDifferences(expected.json.value, actual.json.value, { partial })
  }
  if (Buffer.compare(expected.payload, actual.payload) === 0) return []
  const isRaw = expected.json === undefined
  return [
    { path: [], expected: shownMessage(expected), actual: shownMessage(isRaw ? { payload: actual.payload } : actual) },
  ]
}
