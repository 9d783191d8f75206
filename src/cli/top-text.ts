import type { FlowStatus, ResourceStatus, StatusReport } from '../service/api.ts'
import { formatCount } from './display.ts'
import type { Output } from './environment.ts'
import { behindText, formatRate } from './flow-text.ts'
import { stateStyle } from './state-style.ts'
import { type Cell, formatTable, type TableColumn } from './table.ts'

const columns: readonly TableColumn[] = [
  { title: 'WORKFLOW', shrinks: true },
  { title: 'STATE' },
  { title: 'RATE', align: 'right' },
  { title: 'MESSAGES', align: 'right' },
  { title: 'BUFFERED', align: 'right' },
  { title: 'BEHIND', align: 'right' },
  { title: 'DEAD', align: 'right' },
  { title: 'BREAKER' },
  { title: 'BATCH', align: 'right' },
]

/** Every workflow with its sinks below it, the busiest first. */
export function topText({ resources }: StatusReport, output: Output): string {
  const running = resources
    .filter(({ kind }) => kind === 'Workflow')
    .toSorted((one, other) => (other.flow?.readPerSecond ?? 0) - (one.flow?.readPerSecond ?? 0))
  if (running.length === 0) return 'no workflows\n'
  return formatTable(
    columns,
    running.flatMap((workflow) => [
      workflowRow(workflow),
      ...(workflow.flow?.sinks ?? []).map((sink) => sinkRow(sink)),
    ]),
    output,
  )
}

function workflowRow({ name, state, flow }: ResourceStatus): readonly Cell[] {
  const shown: Cell = { text: flow === undefined || state !== 'ready' ? state : flow.phase, style: stateStyle[state] }
  if (flow === undefined) return [name, shown]
  const { readPerSecond, read, buffered, deadLetters } = flow
  return [
    name,
    shown,
    formatRate(readPerSecond),
    formatCount(read, true),
    some(buffered),
    behindText(flow),
    some(deadLetters),
  ]
}

function sinkRow(sink: FlowStatus['sinks'][number]): readonly Cell[] {
  const { name, writtenPerSecond, written, rejected, breaker, parked } = sink
  const isAway = breaker !== 'closed'
  const shown: Cell = isAway ? { text: breaker, style: 'yellow' } : breaker
  const counts = [formatRate(writtenPerSecond), formatCount(written, true), some(parked)] as const
  return [`  → ${name}`, undefined, ...counts, undefined, some(rejected), shown, batchText(sink)]
}

/** Messages of a batch, and batches at once where there may be several: `10,000×4`. */
function batchText({ writeSize, writesAtOnce = 1 }: FlowStatus['sinks'][number]): string | undefined {
  if (writeSize === undefined) return undefined
  const size = formatCount(writeSize, true)
  return writesAtOnce === 1 ? size : `${size}×${writesAtOnce}`
}

function some(count: number): string | undefined {
  return count === 0 ? undefined : formatCount(count, true)
}
