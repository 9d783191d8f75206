import type { Step } from './controller.ts'
import {
  because,
  describeMore,
  describeStep,
  foldedLines,
  type Line,
  pendingApprovals,
  placeOf,
  plain,
  summaryOf,
  symbolOf,
} from './describe-plan.ts'
import type { Plan, ResourcePlan } from './plan.ts'
import { shortRevision } from './revision.ts'

/** A plan as a comment for a pull request: what needs a person first, a table of all, steps and SQL folded away. */
export function renderMarkdown(plan: Plan): string {
  const lines = foldedLines(plan.resources)
  const blocks = [
    `### Hermes plan for ${code(shortRevision(plan.revision))}`,
    `**${sentence(summaryOf(plan))}**`,
    problems(plan),
    approvals(plan),
    table(lines),
    ...lines.flatMap((line) => ('plan' in line && line.plan.steps.length > 0 ? [details(line.plan)] : [])),
    held(plan),
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
  return items.length === 0 ? '' : ['**Blocked until approved**', '', ...items].join('\n')
}

function table(lines: readonly Line[]): string {
  if (lines.length === 0) return ''
  return ['| | Resource | Declared at | Why |', '|---|---|---|---|', ...lines.map(row)].join('\n')
}

function row(line: Line): string {
  if (!('plan' in line)) return `| | ${prose(describeMore(line))} | | |`
  const { plan } = line
  const wait = plan.waitsFor === undefined ? '' : `; waits for ${code(plan.waitsFor)}`
  return `| ${code(symbolOf(plan))} | ${code(plan.key)} | ${code(placeOf(plan.at))} | ${prose(because(plan.reason, plan))}${wait} |`
}

function details(plan: ResourcePlan): string {
  const count = `${plan.steps.length} ${plan.steps.length === 1 ? 'step' : 'steps'}`
  const summary = `<details><summary><code>${html(`${symbolOf(plan)} ${plan.key}`)}</code>: ${count}</summary>`
  return [summary, ...plan.steps.map((step) => stepText(step, plan)), '</details>'].join('\n\n')
}

function stepText(step: Step, plan: ResourcePlan): string {
  const line = `- ${code(step.op)} ${prose(describeStep(step))}, ${prose(because(step.reason, plan))}`
  if (step.sql === undefined) return line
  const sql = plain(step.sql).trim()
  const fence = '`'.repeat(Math.max(3, longestRun(sql) + 1))
  return `${line}\n\n${fence}sql\n${sql}\n${fence}`
}

function held({ held: all }: Plan): string {
  const items = all.map(({ key, at, reason }) => `- ${code(key)} ${code(placeOf(at))}: ${prose(reason)}`)
  return items.length === 0 ? '' : ['**Kept though not declared**', '', ...items].join('\n')
}

/** Text that neither starts markup nor ends a table's cell. */
function prose(text: string): string {
  return html(plain(text).replace(/\s+/g, ' ')).replace(/([\\`*_[\]|~#@])/g, '\\$1')
}

function code(text: string): string {
  const one = plain(text).replace(/\s+/g, ' ').replaceAll('|', '\\|')
  const fence = '`'.repeat(longestRun(one) + 1)
  return fence.length === 1 ? `\`${one}\`` : `${fence} ${one} ${fence}`
}

function html(text: string): string {
  return plain(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
