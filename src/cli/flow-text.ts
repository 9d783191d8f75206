import type { FlowStatus } from '../service/api.ts'
import { formatCount, roughDuration } from './display.ts'

/** So many sinks are told one by one. */
const MOST_SINKS = 3
/** What is younger is on its way. */
const BEHIND_SECONDS = 5

/** `12,300 in at 120/s, 12,000 to hot, 11,900 to cold, 300 buffered, 12s behind, 2 dead letters`. */
export function flowText(flow: FlowStatus): string {
  const { read, readPerSecond, written, buffered, dropped, deadLetters, sinks } = flow
  const rate = readPerSecond > 0 ? ` at ${formatRate(readPerSecond)}` : ''
  const out = sinks.length > MOST_SINKS ? [] : sinks.map((sink) => [sink.written, `to ${sink.name}`] as const)
  const told = [[read, `in${rate}`] as const, ...(out.length === 0 ? [[written, 'out'] as const] : out)]
  const more = [
    [buffered, 'buffered'],
    [dropped, 'dropped'],
    [deadLetters, deadLetters === 1 ? 'dead letter' : 'dead letters'],
  ] as const
  const behind = behindText(flow)
  const counts = [...told, ...more.filter(([count]) => count > 0)]
  const texts = counts.map(([count, what]) => `${formatCount(count, true)} ${what}`)
  return [...texts, ...(behind === undefined ? [] : [`${behind} behind`])].join(', ')
}

/** How long the oldest message that is not durable has been on its way; undefined when that is no time at all. */
export function behindText({ lag }: FlowStatus): string | undefined {
  return lag === undefined || lag.seconds < BEHIND_SECONDS ? undefined : roughDuration(lag.seconds * 1_000)
}

/** `0.4/s`, `12/s`, `12,300/s`. */
export function formatRate(perSecond: number): string {
  const shown = perSecond === 0 || perSecond >= 10 ? formatCount(Math.round(perSecond), true) : perSecond.toFixed(1)
  return `${shown}/s`
}
