import type { JsonDifference } from '../json-compare.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { pathText } from '../manifest/path.ts'
import type { MessageDifference, TestFailure } from '../test-report.ts'
import { align } from './workflow-test-align.ts'
import { differencesOf, letterDifferences, type PlacedLetter } from './workflow-test-differences.ts'
import { messagesOf, readMessage, shownMessage, type TestMessage, type Writing } from './workflow-test-messages.ts'
import type { Delivered, Outcome } from './workflow-test-run.ts'
import type { LetterPattern, SinkExpectation, WorkflowTestSpec } from './workflow-test-spec.ts'

/** One case of a test, and where it is written. */
export interface JudgedCase {
  readonly test: Manifest<WorkflowTestSpec>
  readonly index: number
  /** The file of the test, absolute. */
  readonly file: string
}

/** Places of so many messages that differ are looked up for an expectation. */
const MOST_DIFFERENCES = 100

/** What of a case's expectations does not hold. Throws `invalid_value` for a file of messages that cannot be read. */
export async function judge(judged: JudgedCase, outcome: Outcome): Promise<readonly TestFailure[]> {
  const { sinks = {}, deadLetters, filtered } = clauseOf(judged).expect
  const failures: TestFailure[] = []
  for (const [name, expectation] of Object.entries(sinks)) {
    failures.push(...(await judgeSink(judged, name, expectation, outcome.sinks.get(name) ?? [])))
  }
  failures.push(...(await judgeLetters(judged, deadLetters, outcome)))
  if (filtered !== undefined && filtered !== outcome.filtered) {
    failures.push(countFailure(judged, 'filtered', ['filtered'], filtered, outcome.filtered))
  }
  return failures
}

/** The clause of the case. */
export function clauseOf({ test, index }: JudgedCase): WorkflowTestSpec['cases'][number] {
  const clause = test.spec.cases[index]
  if (clause === undefined) throw new RangeError(`${test.name} has no case ${index}`)
  return clause
}

function writingAt({ test, file }: JudgedCase, path: string): Writing {
  return { path, file, locate: (each) => test.locate(each) }
}

function pathOf({ index }: JudgedCase, ...below: readonly (string | number)[]): string {
  return pathText(['spec', 'cases', index, 'expect', ...below])
}

async function judgeSink(
  judged: JudgedCase,
  name: string,
  expectation: SinkExpectation,
  delivered: readonly Delivered[],
): Promise<readonly TestFailure[]> {
  const actual = delivered.map(({ payload, meta }): TestMessage => ({ ...readMessage(payload, meta), path: '' }))
  const about = { expectation: `sinks.${name}`, actual: actual.map(shownOf) }
  if (isList(expectation)) {
    const path = pathOf(judged, 'sinks', name)
    const expected = await messagesOf(expectation, writingAt(judged, path))
    const fieldsOf = (one: number, other: number) => differencesOf(expected[one], actual[other], false)
    return listFailure(judged, { ...about, path, expected: expected.map(entryOf), fieldsOf })
  }
  const { count, contains } = expectation
  const failures: TestFailure[] = []
  if (count !== undefined && count !== actual.length)
    failures.push(countFailure(judged, about.expectation, ['sinks', name, 'count'], count, actual.length))
  if (contains !== undefined) {
    const path = pathOf(judged, 'sinks', name, 'contains')
    const expected = await messagesOf(contains, writingAt(judged, path))
    failures.push(...containsFailure(judged, { ...about, path, expected }, actual))
  }
  return failures
}

async function judgeLetters(
  judged: JudgedCase,
  expectation: readonly LetterPattern[] | { readonly count: number } | undefined,
  { letters }: Outcome,
): Promise<readonly TestFailure[]> {
  const about = 'deadLetters'
  const patterns = expectation ?? []
  if (!isList(patterns)) {
    const { count } = patterns
    return count === letters.length ? [] : [countFailure(judged, about, [about, 'count'], count, letters.length)]
  }
  const path = pathOf(judged, ...(expectation === undefined ? [] : [about]))
  const expected: PlacedLetter[] = []
  for (const [index, pattern] of patterns.entries())
    expected.push(await placedLetter(judged, pattern, `${path}[${index}]`))
  const actual = letters.map(({ stage, reason, payload, meta }) => ({ stage, reason, ...readMessage(payload, meta) }))
  return listFailure(judged, {
    expectation: about,
    path,
    expected: expected.map(({ pattern, path: at }) => ({ shown: pattern, path: at })),
    actual: actual.map((letter) => ({ stage: letter.stage, reason: letter.reason, message: shownMessage(letter) })),
    fieldsOf: (one, other) => letterDifferences(expected[one], actual[other]),
  })
}

async function placedLetter(judged: JudgedCase, pattern: LetterPattern, path: string): Promise<PlacedLetter> {
  if (!Object.hasOwn(pattern, 'message')) return { pattern, path }
  const [message] = await messagesOf([pattern.message], writingAt(judged, `${path}.message`))
  return message === undefined ? { pattern, path } : { pattern, path, message }
}

/** A list that is expected as it stands, with what came instead. */
interface ListFacts {
  readonly expectation: string
  readonly path: string
  readonly expected: readonly { readonly shown: unknown; readonly path: string }[]
  readonly actual: readonly unknown[]
  readonly fieldsOf: (expected: number, actual: number) => readonly JsonDifference[]
}

function listFailure(judged: JudgedCase, facts: ListFacts): readonly TestFailure[] {
  const { expected, actual, fieldsOf, expectation, path } = facts
  const aligned = align({
    expected: expected.length,
    actual: actual.length,
    isSame: (one, other) => fieldsOf(one, other).length === 0,
  })
  const wrong = aligned.filter(({ isSame }) => !isSame)
  if (wrong.length === 0) return []
  const differences = wrong.slice(0, MOST_DIFFERENCES).map((each) => differenceOf(judged, facts, each))
  const missing = wrong.filter((each) => each.actual === undefined).length
  const extra = wrong.filter((each) => each.expected === undefined).length
  const parts = [
    part(wrong.length - missing - extra, 'differs', 'differ'),
    part(missing, 'is missing', 'are missing'),
    part(extra, 'was not expected', 'were not expected'),
  ].filter((each) => each !== '')
  const noun = `${expectation === 'deadLetters' ? 'dead letter' : 'message'}${expected.length === 1 ? '' : 's'}`
  const message = `${expected.length} ${noun} expected, ${actual.length} came: ${parts.join(', ')}`
  return [{ expectation, at: judged.test.locate(path), message, differences }]
}

function part(count: number, one: string, many: string): string {
  return count === 0 ? '' : `${count} ${count === 1 ? one : many}`
}

function differenceOf(
  { test }: JudgedCase,
  { expected, actual, fieldsOf }: ListFacts,
  { expected: one, actual: other }: { readonly expected: number | undefined; readonly actual: number | undefined },
): MessageDifference {
  const wanted = one === undefined ? undefined : expected[one]
  return {
    ...(one === undefined || wanted === undefined
      ? {}
      : { expected: { number: one + 1, at: test.locate(wanted.path), value: wanted.shown } }),
    ...(other === undefined ? {} : { actual: { number: other + 1, value: actual[other] } }),
    ...(one === undefined || other === undefined ? {} : { fields: fieldsOf(one, other) }),
  }
}

interface ContainsFacts {
  readonly expectation: string
  readonly path: string
  readonly expected: readonly TestMessage[]
}

/** Each stands behind the one before; the first that is not there ends it, since nothing is known of what follows. */
function containsFailure(
  { test }: JudgedCase,
  { expectation, path, expected }: ContainsFacts,
  actual: readonly TestMessage[],
): readonly TestFailure[] {
  let from = 0
  for (const [index, wanted] of expected.entries()) {
    const found = actual.findIndex((each, place) => place >= from && differencesOf(wanted, each, true).length === 0)
    if (found < 0) {
      const behind = from === 0 ? '' : ` behind message ${from}`
      const nearest = nearestTo(wanted, actual, from)
      const difference = {
        expected: { number: index + 1, at: test.locate(wanted.path), value: entryOf(wanted).shown },
        ...(nearest === undefined ? {} : nearest),
      }
      const message = `no message of ${actual.length} has what message ${index + 1} asks for${behind}`
      return [{ expectation, at: test.locate(path), message, differences: [difference] }]
    }
    from = found + 1
  }
  return []
}

/** The message that differs in the fewest fields. */
function nearestTo(
  wanted: TestMessage,
  actual: readonly TestMessage[],
  from: number,
): Pick<MessageDifference, 'actual' | 'fields'> | undefined {
  let best: { readonly number: number; readonly fields: readonly JsonDifference[] } | undefined
  for (const [index, each] of actual.entries()) {
    const fields = index < from ? undefined : differencesOf(wanted, each, true)
    if (fields !== undefined && fields.length < (best?.fields.length ?? Number.POSITIVE_INFINITY))
      best = { number: index + 1, fields }
  }
  const message = best === undefined ? undefined : actual[best.number - 1]
  if (best === undefined || message === undefined) return undefined
  return { actual: { number: best.number, value: shownOf(message) }, fields: best.fields }
}

function countFailure(
  judged: JudgedCase,
  expectation: string,
  path: readonly string[],
  expected: number,
  actual: number,
): TestFailure {
  const at = judged.test.locate(pathOf(judged, ...path))
  const differences: readonly MessageDifference[] = []
  return { expectation, at, message: `${expected} expected, ${actual} came`, differences }
}

function entryOf(message: TestMessage): { readonly shown: unknown; readonly path: string } {
  const isKnown = Object.keys(message.meta).length > 0
  const payload = shownMessage(message)
  return { shown: isKnown ? withMeta(payload, message.meta) : payload, path: message.path }
}

function shownOf(message: TestMessage): unknown {
  return shownMessage(message)
}

function withMeta(payload: unknown, $meta: unknown): unknown {
  const isWritten = typeof payload === 'object' && payload !== null && ('$text' in payload || '$base64' in payload)
  return { ...(isWritten ? payload : { $json: payload }), $meta }
}

function isList<T>(value: readonly T[] | object): value is readonly T[] {
  return Array.isArray(value)
}
