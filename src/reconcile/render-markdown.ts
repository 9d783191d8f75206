import { opensText } from '../manifest/sync-window.ts'
import { code, html, longestRun, prose } from '../markdown-text.ts'
import { placeOf } from '../place.ts'
import type { Step } from './controller.ts'
import {
  applyCommand,
  approveAllCommand,
  because,
  describeRefetches,
  describeStep,
  isUnread,
  pendingApprovals,
  plain,
  rowsText,
  summaryOf,
  symbolOf,
} from './describe-plan.ts'
import {
  type Alike,
  describeMore,
  elementsAt,
  foldedLines,
  type Line,
  namesOf,
  rowsLost,
  titleOf,
  waitsOf,
} from './fold-plan.ts'
import type { Plan, ResourcePlan } from './plan.ts'
import { shortRevision } from './revision.ts'

/** A plan as a comment for a pull request: what needs a person first, a table of all, steps and SQL folded away. */
export function renderMarkdown(plan: Plan): string {
  const lines = foldedLines(plan.resources)
  const blocks = [
    isUnread(plan) ? '### Hermes plan' : `### Hermes plan for ${code(shortRevision(plan.revision))}`,
    `**${sentence(summaryOf(plan))}**`,
    problems(plan),
    approvals(plan),
    table(lines),
    ...lines.flatMap((line) => ('alike' in line && line.alike[0].steps.length > 0 ? [details(line.alike)] : [])),
    refetches(plan),
    held(plan),
    apply(plan),
  ]
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`
}

function problems({ problems: all }: Plan): string {
  const items = all.map(({ at, message, code: errorCode, fix }) => {
    return `- ${code(placeOf(at, true))} ${prose(message)} (${code(errorCode)}). ${prose(fix)}`
  })
  return items.length === 0 ? '' : ['**Problems**', '', ...items].join('\n')
}

function approvals(plan: Plan): string {
  const items = pendingApprovals(plan).map(({ message, approval }) => {
    return `- ${prose(message)}. Approve with ${code(`hermes approve ${approval}`)} or the annotation ${code(`hermes/approve: ${approval}`)}.`
  })
  const command = approveAllCommand(plan)
  const all = command === undefined ? [] : ['', `Approve all of these with ${code(command)}.`]
  return items.length === 0 ? '' : ['**Blocked until approved**', '', ...items, ...all].join('\n')
}

function table(lines: readonly Line[]): string {
  if (lines.length === 0) return ''
  return ['| | Resource | Declared at | Why |', '|---|---|---|---|', ...lines.map(row)].join('\n')
}

function row(line: Line): string {
  if (!('alike' in line)) return `| | ${prose(describeMore(line))} | | |`
  const [plan] = line.alike
  const isOne = line.alike.every((each) => each.reason === plan.reason)
  const reason = `${isOne ? '' : 'for example '}${prose(because(plan.reason, plan))}`
  const listed = elementsAt(line.alike)
  const places = [placeOf(plan.at), ...(listed === '' ? [] : [listed])].map(code).join(' for ')
  const why = [reason, ...waits(line.alike)].join('; ')
  return `| ${code(symbolOf(plan))} | ${code(titleOf(line.alike))} | ${places} | ${why} |`
}

function waits(alike: Alike): readonly string[] {
  const found = waitsOf(alike)
  const others = found === undefined || found.others === 0 ? '' : ` and ${found.others} others`
  const { opensAt } = alike[0]
  return [
    ...(found === undefined ? [] : [`${alike.length === 1 ? 'waits' : 'wait'} for ${code(found.key)}${others}`]),
    ...(opensAt === undefined ? [] : [`waits for its window, which ${prose(opensText(opensAt))}`]),
  ]
}

function details(alike: Alike): string {
  const [plan] = alike
  const each = alike.length === 1 ? '' : ' each'
  const count = `${plan.steps.length} ${plan.steps.length === 1 ? 'step' : 'steps'}${each}`
  const summary = `<details><summary><code>${html(plain(`${symbolOf(plan)} ${titleOf(alike)}`))}</code>: ${count}</summary>`
  return [summary, ...members(alike), ...plan.steps.map((step) => stepText(step, plan)), '</details>'].join('\n\n')
}

/** All that are meant by a line, what they lose together, and whose steps stand for those of all. */
function members(alike: Alike): readonly string[] {
  if (alike.length === 1) return []
  const rows = rowsLost(alike)
  const loss = rows === 0 ? '' : ` They lose ${rowsText(rows)} together.`
  return [`${prose(namesOf(alike))}.${loss} For example ${prose(alike[0].name)}:`]
}

function stepText(step: Step, plan: ResourcePlan): string {
  const line = `- ${code(step.op)} ${prose(describeStep(step))}, ${prose(because(step.reason, plan, step.at))}`
  if (step.sql === undefined) return line
  const sql = plain(step.sql).trim()
  const fence = '`'.repeat(Math.max(3, longestRun(sql) + 1))
  return `${line}\n\n${fence}sql\n${sql}\n${fence}`
}

function refetches({ resources }: Plan): string {
  const lines = describeRefetches(resources.flatMap(({ refetches: all = [] }) => all))
  const items = lines.map((line) => `- ${prose(line)}`)
  return items.length === 0 ? '' : ['**Fetched from the start**', '', ...items].join('\n')
}

function apply(plan: Plan): string {
  const command = applyCommand(plan)
  return command === undefined ? '' : `Apply this plan with: ${code(command)}`
}

function held({ held: all }: Plan): string {
  const items = all.map(({ key, at, reason }) => `- ${code(key)} ${code(placeOf(at))}: ${prose(reason)}`)
  return items.length === 0 ? '' : ['**Kept though not declared**', '', ...items].join('\n')
}

/** Text that neither starts markup nor ends a table's cell. */
function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
