import type { BufferReport, FrameRange, SegmentReport } from '../buffer-report.ts'
import { counted, formatBytes, formatCount, printable } from './display.ts'
import type { Output } from './environment.ts'
import { painter } from './paint.ts'
import { type Cell, formatTable, type TableColumn } from './table.ts'

const ofSegments: readonly TableColumn[] = [
  { title: 'SEGMENT', shrinks: true },
  { title: 'FRAMES', align: 'right' },
  { title: 'MESSAGES', align: 'right' },
  { title: 'SIZE', align: 'right' },
  { title: 'UNFINISHED', align: 'right' },
  { title: 'DAMAGED FRAMES', shrinks: true },
]
const ofConsumers: readonly TableColumn[] = [
  { title: 'CONSUMER', shrinks: true },
  { title: 'BEHIND', align: 'right' },
  { title: 'FRAMES', align: 'right' },
  { title: 'PAYLOADS', align: 'right' },
]

/** Whether a part of it cannot be used. What a killed process left half written at the end is no damage. */
export function isDamaged({ damagedFrames, areConsumersLost }: BufferReport): boolean {
  return damagedFrames > 0 || areConsumersLost
}

/** Files, then consumers, then all of it in words. `verified`: payloads were read too. `dir` is as the user would write it. */
export function bufferText(report: BufferReport, about: { dir: string; verified: boolean }, output: Output): string {
  const { segments, areConsumersLost } = report
  const files = segments.length === 0 ? '' : `${formatTable(ofSegments, segments.map(segmentRow(output)), output)}\n`
  const readers = areConsumersLost ? '' : `${formatTable(ofConsumers, consumerRows(report, output), output)}\n`
  return `${files}${readers}${summary(report, about, output)}`
}

function segmentRow({ isTerminal }: Output): (segment: SegmentReport) => readonly Cell[] {
  return ({ file, frames, messages, bytes, unfinishedBytes, damaged }) => [
    file,
    formatCount(frames, isTerminal),
    formatCount(messages, isTerminal),
    formatBytes(bytes),
    unfinishedBytes === 0 ? undefined : formatBytes(unfinishedBytes),
    damaged.length === 0 ? undefined : { text: rangesText(damaged), style: 'red' },
  ]
}

function consumerRows({ consumers }: BufferReport, { isTerminal }: Output): readonly (readonly Cell[])[] {
  return consumers.map(({ name, messages, frames, bytes }) => [
    name,
    formatCount(messages, isTerminal),
    formatCount(frames, isTerminal),
    formatBytes(bytes),
  ])
}

const MOST_RANGES = 8

/** `3, 7-9`. */
function rangesText(ranges: readonly FrameRange[]): string {
  const shown = ranges
    .slice(0, MOST_RANGES)
    .map(({ frame, frames }) => (frames === 1 ? String(frame) : `${frame}-${frame + frames - 1}`))
  const more = ranges.length > MOST_RANGES ? [`${ranges.length - MOST_RANGES} more`] : []
  return [...shown, ...more].join(', ')
}

function summary(report: BufferReport, { dir, verified }: { dir: string; verified: boolean }, output: Output): string {
  const { segments, frames, messages, bytes, damagedFrames, areConsumersLost } = report
  const { isTerminal } = output
  const paint = painter(output)
  const counts = [
    counted(segments.length, 'segment', isTerminal),
    counted(frames, 'frame', isTerminal),
    counted(messages, 'message', isTerminal),
    formatBytes(bytes),
  ]
  const damaged = `${counted(damagedFrames, 'frame', isTerminal)} damaged: a sink that has not read them loses them, and nothing else`
  const lines = [
    `${printable(dir)}: ${counts.join(', ')}`,
    ...(damagedFrames > 0 ? [paint('red', damaged)] : []),
    ...(areConsumersLost
      ? [paint('red', 'nobody knows what was delivered: at the next start all of it goes to every sink')]
      : []),
    ...(verified && !isDamaged(report) ? [paint('green', 'nothing is damaged')] : []),
  ]
  return `${lines.join('\n')}\n`
}
