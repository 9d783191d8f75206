import type { Op, Step } from './controller.ts'
import {
  because,
  describeMore,
  describeStep,
  foldedLines,
  pendingApprovals,
  placeOf,
  plain,
  summaryOf,
  symbolOf,
} from './describe-plan.ts'
import type { Plan, ResourcePlan } from './plan.ts'

/** `text` in a style of a terminal. */
export type PaintText = (style: 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold', text: string) => string

const styles = { '+': 'green', '~': 'yellow', '-': 'red', '!': 'red', '.': 'dim' } as const satisfies Record<Op, string>

/**
 * A plan as text for a terminal or a file: problems first, then each resource with its steps, their reasons, their SQL
 * and what they lose, then what has to be approved, then the summary. Ends with a line feed.
 */
export function renderText(plan: Plan, { paint = unpainted }: { readonly paint?: PaintText } = {}): string {
  const blocks = [
    problemLines(plan, paint),
    foldedLines(plan.resources).flatMap((line) =>
      'plan' in line ? resourceLines(line.plan, paint) : [paint('dim', `  ${describeMore(line)}`)],
    ),
    plan.held.map(({ key, at, reason }) => `${paint('yellow', '!')} ${key} ${place(at, paint)} kept: ${plain(reason)}`),
    approvalLines(plan, paint),
    [`Plan: ${summaryOf(plan)}.`],
  ]
  return `${blocks.flatMap((lines) => (lines.length === 0 ? [] : [lines.join('\n')])).join('\n\n')}\n`
}

function problemLines(plan: Plan, paint: PaintText): readonly string[] {
  return plan.problems.flatMap(({ at, code, message, fix }) => [
    `${paint('red', '!')} ${paint('bold', placeOf(at, true))} ${plain(message)} ${paint('dim', `[${code}]`)}`,
    `    ${plain(fix)}`,
  ])
}

function resourceLines(plan: ResourcePlan, paint: PaintText): readonly string[] {
  const symbol = symbolOf(plan)
  const head = `${paint(styles[symbol], symbol)} ${paint('bold', plan.key)} ${place(plan.at, paint)}`
  const waits = plan.waitsFor === undefined ? [] : [`    waits for ${plan.waitsFor}`]
  const why = plan.steps.length === 0 ? [`    ${paint('dim', plain(because(plan.reason, plan)))}`] : []
  return [head, ...why, ...plan.steps.flatMap((_, index) => stepLines(plan, index, paint)), ...waits]
}

/** A reason that several steps in a row share is told with the first of them. */
function stepLines(plan: ResourcePlan, index: number, paint: PaintText): readonly string[] {
  const step = plan.steps[index]
  if (step === undefined) return []
  const told = plan.steps[index - 1]?.reason === step.reason
  const why = told ? [] : [`      ${paint('dim', plain(because(step.reason, plan)))}`]
  return [`    ${paint(styleOf(step), step.op)} ${plain(describeStep(step))}`, ...why, ...sqlLines(step, paint)]
}

function sqlLines(step: Step, paint: PaintText): readonly string[] {
  if (step.sql === undefined) return []
  const lines = plain(step.sql).trim().split('\n')
  return lines.map((line) => `        ${paint('cyan', line)}`)
}

function approvalLines(plan: Plan, paint: PaintText): readonly string[] {
  return pendingApprovals(plan).flatMap(({ approval, message, code }) => [
    `${paint('red', '!')} blocked: ${plain(message)} ${paint('dim', `[${code}]`)}`,
    `    hermes approve ${approval}`,
  ])
}

function styleOf(step: Step): (typeof styles)[Op] {
  return step.destroys === undefined ? styles[step.op] : 'red'
}

function place(at: ResourcePlan['at'], paint: PaintText): string {
  return paint('dim', placeOf(at))
}

function unpainted(_style: string, text: string): string {
  return text
}
