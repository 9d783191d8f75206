import type { ResourceStatus, StatusReport } from '../service/api.ts'
import { formatCount, relativeTime } from './display.ts'
import type { Output } from './environment.ts'
import { flowText } from './flow-text.ts'
import { painter } from './paint.ts'
import { problemText } from './problem-text.ts'
import { stateStyle } from './state-style.ts'
import { type Cell, formatTable, type TableColumn } from './table.ts'

const columns: readonly TableColumn[] = [
  { title: 'KIND' },
  { title: 'NAME', shrinks: true },
  { title: 'STATE' },
  { title: 'ROWS', align: 'right' },
  { title: 'LAST RUN' },
  { title: 'NEXT RUN' },
  { title: 'MESSAGE', shrinks: true },
]

export interface StatusTextOptions {
  readonly output: Output
  readonly now: number
  /** The manifests directory as the user would write it, or the one in the repository. */
  readonly root: string
}

/** The report as a table; what is ready says nothing more, the rest says why. Problems stand below. */
export function statusText(report: StatusReport, { output, now, root }: StatusTextOptions): string {
  const { resources, problems, unread } = report
  const none = unread === undefined ? 'no resources\n' : ''
  const table = resources.length === 0 ? none : formatTable(columns, resources.map(rowOf), output)
  const found = problems.map((problem) => problemText(problem, output, root)).join('')
  const first = unread === undefined ? '' : `${unread}\n`
  return `${first}${table}${found === '' ? '' : `\n${found}`}${output.isTerminal ? `\n${summary(report, output)}` : ''}`

  function rowOf(status: ResourceStatus): readonly Cell[] {
    const { kind, name, state, flow, rows, lastRunAt, nextRunAt, reason, message } = status
    const flows = flow === undefined || flow.phase === 'failed' ? undefined : flowText(flow)
    return [
      kind,
      name,
      { text: state, style: stateStyle[state] },
      rows === undefined ? undefined : formatCount(rows, output.isTerminal),
      relativeTime(lastRunAt, now),
      relativeTime(nextRunAt, now),
      state === 'ready' && reason !== 'Held' ? flows : `${reason}: ${message}`,
    ]
  }
}

function summary({ resources, revision }: StatusReport, output: Output): string {
  const states = new Map<ResourceStatus['state'], number>()
  for (const { state } of resources) states.set(state, (states.get(state) ?? 0) + 1)
  const paint = painter(output)
  const counts = [...states].map(([state, count]) => paint(stateStyle[state], `${formatCount(count, true)} ${state}`))
  return `${counts.join(', ') || 'nothing'}${paint('dim', revision === '' ? '' : ` at ${revision.slice(0, 19)}`)}\n`
}
