import { code, prose, table } from '../markdown-text.ts'
import { compareNaturally } from '../natural-order.ts'
import { placeOf } from '../place.ts'
import type { ResourceState, ResourceStatus, StatusProblem, StatusReport } from './status.ts'
import { statusPath } from './status-file.ts'

/** The beginning of every page that Hermes made. */
export const README_HEADER = '<!-- Written by Hermes; changes are overwritten. -->'

/** Hosts show half a megabyte of a page at most. */
const MOST_OPEN = 300
const MOST_PROBLEMS = 100
const MOST_DONE = 1_000
/** More of what is ready than so many is folded away. */
const FOLD_ABOVE = 20
const LONGEST_MESSAGE = 300

/** What needs a look first. */
const order: readonly ResourceState[] = [
  'blocked',
  'stalled',
  'retrying',
  'waiting',
  'progressing',
  'suspended',
  'ready',
]

/** The report as a page for a Git host: what is not ready first, then problems, the rest folded. Links lead to `dir`. */
export function statusReadme(report: StatusReport, dir: string): string {
  const sorted = report.resources.toSorted(bySeverity)
  const done = sorted.filter(isDone)
  const open = sorted.slice(0, sorted.length - done.length)
  const blocks = [
    `${README_HEADER}\n# Status`,
    `**${verdict(report, open.length)}**`,
    about(report),
    section('## Not ready', resourceTable(open, MOST_OPEN, dir)),
    section('## Problems in the manifests', problemTable(report.problems)),
    folded(countsText(done), resourceTable(done, MOST_DONE, dir), done.length),
  ]
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`
}

/** `2 stalled, 1,201 ready`, what needs a look first. */
export function countsText(resources: readonly ResourceStatus[]): string {
  const counts = Map.groupBy(resources, ({ state }) => state)
  return order
    .flatMap((state) => (counts.has(state) ? [`${count(counts.get(state)?.length ?? 0)} ${state}`] : []))
    .join(', ')
}

export function bySeverity(left: ResourceStatus, right: ResourceStatus): number {
  return (
    order.indexOf(left.state) - order.indexOf(right.state) ||
    compareNaturally(left.kind, right.kind) ||
    compareNaturally(left.name, right.name)
  )
}

function isDone({ state }: ResourceStatus): boolean {
  return state === 'ready' || state === 'suspended'
}

function verdict({ resources, problems }: StatusReport, open: number): string {
  const wrong = problems.length === 0 ? '' : `; ${noun(problems.length, 'problem')} in the manifests`
  if (resources.length === 0) return `No resources${wrong}.`
  if (open === 0) return `All well: ${countsText(resources)}${wrong}.`
  return `${count(open)} of ${noun(resources.length, 'resource')} not ready: ${countsText(resources)}${wrong}.`
}

function about({ revision, time, version }: StatusReport): string {
  return `Revision ${code(revision)}, written ${timeText(time)} by Hermes ${prose(version)}. Figures are of that time; times are UTC.`
}

function section(title: string, content: string): string {
  return content === '' ? '' : `${title}\n\n${content}`
}

function folded(summary: string, content: string, size: number): string {
  if (content === '') return ''
  const open = size > FOLD_ABOVE ? '' : ' open'
  return `<details${open}><summary>${summary}</summary>\n\n${content}\n\n</details>`
}

function resourceTable(resources: readonly ResourceStatus[], most: number, dir: string): string {
  if (resources.length === 0) return ''
  const titles = ['State', 'Resource', 'Table', ':Rows', 'Last run', 'Message']
  const rows = resources.slice(0, most).map((each) => resourceRow(each, dir))
  return `${table(titles, rows)}${more(resources.length - most)}`
}

function resourceRow(resource: ResourceStatus, dir: string): readonly string[] {
  const { kind, name, state, reason, message, table: tableName, rows, lastRunAt } = resource
  const says = state === 'ready' && reason !== 'Held' ? '' : `${code(reason)} ${prose(shortened(message))}`
  return [
    isDone(resource) ? state : `**${state}**`,
    `[${prose(`${kind}/${name}`)}](${encodeURI(statusPath(dir, resource).replaceAll('\\', '/'))})`,
    tableName === undefined ? '' : code(tableName),
    rows === undefined ? '' : count(rows),
    timeText(lastRunAt),
    says,
  ]
}

function problemTable(problems: readonly StatusProblem[]): string {
  if (problems.length === 0) return ''
  const rows = problems
    .slice(0, MOST_PROBLEMS)
    .map(({ at, path, code: errorCode, message, fix }) => [
      code(placeOf(at, true)),
      `${path === undefined ? '' : `${code(path)}: `}${prose(shortened(message))} (${code(errorCode)}) ${prose(fix)}`,
    ])
  return `${table(['Place', 'Problem'], rows)}${more(problems.length - MOST_PROBLEMS)}`
}

function more(left: number): string {
  return left > 0 ? `\n\n… and ${count(left)} more.` : ''
}

/** `2026-01-02 09:30`. */
function timeText(time: string | undefined): string {
  return time === undefined ? '' : time.slice(0, 16).replace('T', ' ')
}

function shortened(text: string): string {
  const characters = Array.from(text)
  return characters.length <= LONGEST_MESSAGE ? text : `${characters.slice(0, LONGEST_MESSAGE - 1).join('')}…`
}

function noun(number: number, word: string): string {
  return `${count(number)} ${word}${number === 1 ? '' : 's'}`
}

function count(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ',')
}
