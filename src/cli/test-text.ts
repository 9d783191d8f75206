import type { JsonDifference } from '../json-compare.ts'
import { pathText } from '../manifest/path.ts'
import type { TestReport } from '../service/api.ts'
import type { CaseReport, MessageDifference, TestFailure } from '../test-report.ts'
import { counted, printable, roughDuration } from './display.ts'
import type { Output } from './environment.ts'
import { type Paint, painter } from './paint.ts'
import { placeText } from './place-text.ts'
import { problemText } from './problem-text.ts'

/** Longer values are cut. */
const MOST_CHARACTERS = 1_000
const MOST_MESSAGES = 20
const MOST_FIELDS = 20

/** A line for each case, below it what is not as expected: `-` before what should be there, `+` before what is. */
export function testText({ files, cases, problems }: TestReport, output: Output): string {
  const paint = painter(output)
  const failed = cases.filter(({ passed }) => !passed).length
  const ms = cases.reduce((total, each) => total + each.ms, 0)
  const { isTerminal } = output
  const counts = [
    `${counted(files, 'file', isTerminal)}, ${counted(cases.length, 'case', isTerminal)}: ${cases.length - failed} passed`,
    ...(failed === 0 ? [] : [paint('red', `${failed} failed`)]),
    ...(problems.length === 0 ? [] : [paint('red', counted(problems.length, 'problem', isTerminal))]),
  ]
  const lines = cases.map((each) => caseText(each, paint))
  const wrong = problems.map((each) => problemText(each, output, ''))
  return `${lines.join('')}${wrong.join('')}${counts.join(', ')} in ${ms < 1_000 ? `${ms}ms` : roughDuration(ms)}\n`
}

/** What is not as expected, in lines; for programs that show text alone as well. */
export function failuresText({ failures }: Pick<CaseReport, 'failures'>, paint: Paint): string {
  return failures.map((each) => failureText(each, paint)).join('')
}

function caseText(report: CaseReport, paint: Paint): string {
  const { test, name, passed } = report
  const mark = passed ? paint('green', '✔') : paint('red', '✘')
  return `${mark} ${printable(test)}: ${printable(name)}\n${failuresText(report, paint)}`
}

function failureText({ expectation, at, message, differences }: TestFailure, paint: Paint): string {
  const place = paint('bold', placeText(at, undefined))
  const shown = differences.slice(0, MOST_MESSAGES).map((each) => messageText(each, paint))
  const more = differences.length > MOST_MESSAGES ? `      and ${differences.length - MOST_MESSAGES} more\n` : ''
  return `    ${place}: ${expectation}: ${message}\n${shown.join('')}${more}`
}

function messageText({ expected, actual, fields = [] }: MessageDifference, paint: Paint): string {
  const place = expected === undefined ? '' : paint('dim', ` (${placeText(expected.at, undefined)})`)
  if (expected === undefined) {
    return `      ${actual?.number ?? ''} was not expected\n${plus([], actual?.value, paint)}`
  }
  if (actual === undefined) return `      ${expected.number} is missing${place}\n${minus([], expected.value, paint)}`
  const shown = fields.slice(0, MOST_FIELDS).map((each) => fieldText(each, paint))
  const more = fields.length > MOST_FIELDS ? `        and ${fields.length - MOST_FIELDS} more fields\n` : ''
  const other = actual.number === expected.number ? '' : `, which came as ${actual.number}`
  return `      ${expected.number}${other} differs${place}\n${shown.join('')}${more}`
}

function fieldText({ path, ...sides }: JsonDifference, paint: Paint): string {
  const should = 'expected' in sides ? minus(path, sides.expected, paint) : ''
  const does = 'actual' in sides ? plus(path, sides.actual, paint) : ''
  return should + does
}

function minus(path: JsonDifference['path'], value: unknown, paint: Paint): string {
  return `${paint('red', `        - ${valueText(path, value)}`)}\n`
}

function plus(path: JsonDifference['path'], value: unknown, paint: Paint): string {
  return `${paint('green', `        + ${valueText(path, value)}`)}\n`
}

/** `events[0].price: 12.5`. */
function valueText(path: JsonDifference['path'], value: unknown): string {
  const json = JSON.stringify(value) ?? 'nothing'
  const text = json.length > MOST_CHARACTERS ? `${json.slice(0, MOST_CHARACTERS)}…` : json
  return printable(path.length === 0 ? text : `${pathText(path)}: ${text}`)
}
