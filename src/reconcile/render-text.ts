import { opensText } from '../manifest/sync-window.ts'
import { placeOf } from '../place.ts'
import type { Op, Step } from './controller.ts'
import {
  applyCommand,
  approveAllCommand,
  because,
  describeRefetches,
  describeStep,
  pendingApprovals,
  plain,
  rowsText,
  summaryOf,
  symbolOf,
} from './describe-plan.ts'
import { type Alike, describeMore, elementsAt, foldedLines, namesOf, rowsLost, titleOf, waitsOf } from './fold-plan.ts'
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
      'alike' in line ? resourceLines(line.alike, paint) : [paint('dim', `  ${describeMore(line)}`)],
    ),
    plan.held.map(({ key, at, reason }) => `${paint('yellow', '!')} ${key} ${place(at, paint)} kept: ${plain(reason)}`),
    approvalLines(plan, paint),
    [`Plan: ${summaryOf(plan)}.`],
    applyLines(plan),
  ]
  return `${blocks.flatMap((lines) => (lines.length === 0 ? [] : [lines.join('\n')])).join('\n\n')}\n`
}

function problemLines(plan: Plan, paint: PaintText): readonly string[] {
  return plan.problems.flatMap(({ at, code, message, fix }) => [
    `${paint('red', '!')} ${paint('bold', placeOf(at, true))} ${plain(message)} ${paint('dim', `[${code}]`)}`,
    `    ${plain(fix)}`,
  ])
}

function resourceLines(alike: Alike, paint: PaintText): readonly string[] {
  const [plan] = alike
  const symbol = symbolOf(plan)
  const listed = elementsAt(alike)
  const elements = listed === '' ? '' : ` ${paint('dim', `for ${listed}`)}`
  const head = `${paint(styles[symbol], symbol)} ${paint('bold', titleOf(alike))} ${place(plan.at, paint)}${elements}`
  const why = plan.steps.length === 0 ? [`    ${paint('dim', plain(because(plan.reason, plan)))}`] : []
  const steps = plan.steps.flatMap((_, index) => stepLines(plan, index, paint))
  return [head, ...membersLines(alike), ...why, ...steps, ...refetchLines(alike), ...waitLines(alike)]
}

/** All that are meant by a line, what they lose together, and whose steps stand for those of all. */
function membersLines(alike: Alike): readonly string[] {
  if (alike.length === 1) return []
  const rows = rowsLost(alike)
  const loss = rows === 0 ? [] : [`    lose ${rowsText(rows)} together`]
  return [`    ${namesOf(alike)}`, ...loss, `    for example ${alike[0].name}:`]
}

/** Of many sources that have no rows yet, none is named. */
function refetchLines(alike: Alike): readonly string[] {
  const all = alike.flatMap(({ refetches = [] }) => refetches)
  const named = alike.length === 1 ? all : all.filter(({ rows }) => rows !== undefined)
  const lines = describeRefetches(named)
  return [...lines, ...(named.length < all.length ? ['fetch from the start'] : [])].map((line) => `    ${plain(line)}`)
}

function waitLines(alike: Alike): readonly string[] {
  const waits = waitsOf(alike)
  const others = waits === undefined || waits.others === 0 ? '' : ` and ${waits.others} others`
  const { opensAt } = alike[0]
  return [
    ...(waits === undefined ? [] : [`    ${alike.length === 1 ? 'waits' : 'wait'} for ${waits.key}${others}`]),
    ...(opensAt === undefined ? [] : [`    waits for its window, which ${opensText(opensAt)}`]),
  ]
}

/** A reason that several steps in a row share is told with the first of them. */
function stepLines(plan: ResourcePlan, index: number, paint: PaintText): readonly string[] {
  const step = plan.steps[index]
  if (step === undefined) return []
  const told = plan.steps[index - 1]?.reason === step.reason
  const why = told ? [] : [`      ${paint('dim', plain(because(step.reason, plan, step.at)))}`]
  return [`    ${paint(styleOf(step), step.op)} ${plain(describeStep(step))}`, ...why, ...sqlLines(step, paint)]
}

function sqlLines(step: Step, paint: PaintText): readonly string[] {
  if (step.sql === undefined) return []
  const lines = plain(step.sql).trim().split('\n')
  return lines.map((line) => `        ${paint('cyan', line)}`)
}

function approvalLines(plan: Plan, paint: PaintText): readonly string[] {
  const pending = pendingApprovals(plan).flatMap(({ approval, message, code }) => [
    `${paint('red', '!')} blocked: ${plain(message)} ${paint('dim', `[${code}]`)}`,
    `    hermes approve ${approval}`,
  ])
  const command = approveAllCommand(plan)
  return command === undefined ? pending : [...pending, `Approve all of these with: ${command}`]
}

/** Last, so that a script finds it there. */
function applyLines(plan: Plan): readonly string[] {
  const command = applyCommand(plan)
  return command === undefined ? [] : [`Apply this plan with: ${command}`]
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
