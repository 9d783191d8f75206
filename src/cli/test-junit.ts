import type { Location } from '../errors.ts'
import type { TestReport } from '../service/api.ts'
import type { CaseReport } from '../test-report.ts'
import { failuresText } from './test-text.ts'

/** The report as JUnit XML, which CI systems read: a suite for each test, a case with its place, problems as errors. */
export function junitText({ cases, problems }: TestReport): string {
  const tests = Map.groupBy(cases, ({ test, at }) => `${at.file}\0${test}`)
  const suites = [...tests.values()].map(suite)
  const errors = problems.map(({ code, message, at, fix }) =>
    element('testcase', { classname: at.file, name: code, ...place(at) }, [
      element('error', { message: `${at.line}:${at.column} ${message}`, type: code }, [escaped(fix)]),
    ]),
  )
  const broken =
    errors.length === 0
      ? []
      : [element('testsuite', { name: 'problems', ...counts(errors.length, 0), errors: errors.length }, errors)]
  const failed = cases.filter(({ passed }) => !passed).length
  const all = { ...counts(cases.length + errors.length, failed), errors: errors.length }
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element('testsuites', all, [...suites, ...broken])}\n`
}

function suite(cases: readonly [CaseReport, ...CaseReport[]] | readonly CaseReport[]): string {
  const failed = cases.filter(({ passed }) => !passed).length
  const ms = cases.reduce((total, each) => total + each.ms, 0)
  const about = { name: cases[0]?.test ?? '', ...counts(cases.length, failed), errors: 0, time: ms / 1_000 }
  return element('testsuite', about, cases.map(testcase))
}

function testcase(report: CaseReport): string {
  const { test, name, at, ms, passed, failures } = report
  const message = failures.map(({ expectation, message: what }) => `${expectation}: ${what}`).join('; ')
  const text = escaped(failuresText(report, (_style, each) => each))
  const failure = passed ? [] : [element('failure', { message, type: 'expectation' }, [text])]
  return element('testcase', { classname: test, name, ...place(at), time: ms / 1_000 }, failure)
}

function counts(tests: number, failures: number): Readonly<Record<string, number>> {
  return { tests, failures }
}

function place({ file, line }: Location): Readonly<Record<string, string | number>> {
  return { file, line }
}

function element(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  inside: readonly string[],
): string {
  const given = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(String(value))}"`)
  return `<${name}${given.join('')}>${inside.join('')}</${name}>`
}

/** What XML may hold: other characters stand for nothing there, escaped or not. */
function escaped(text: string): string {
  const allowed = text.toWellFormed().replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
  return allowed.replaceAll(/[&<>"\n]/g, (each) => `&#${each.codePointAt(0)};`)
}
