import { truncate } from 'node:fs/promises'
import { type Mark, markAfter, origin } from './file-frame.ts'
import { FrameReader } from './file-reader.ts'
import { listSegments, type Segment } from './file-segments.ts'

/** What a directory holds after it was opened. */
export interface Recovered {
  /** Oldest first. */
  readonly segments: Segment[]
  /** Where the next frame goes. */
  readonly head: Mark
  /** The oldest frame that is still there. */
  readonly oldest: Mark
  /** Bytes at the end that are no whole frame, cut off. */
  readonly cutBytes: number
  /** Frames of the newest segment that will be skipped. */
  readonly damaged: number
}

/**
 * Reads the newest segment to its end, checks it, and cuts off what a killed process left half written; of the others
 * their names are enough. `acknowledged` are the consumers' cursors: nothing new may stand before them, whatever became
 * of the files.
 */
export async function recover(dir: string, acknowledged: readonly Mark[]): Promise<Recovered> {
  const segments = await listSegments(dir)
  const last = segments.at(-1)
  if (last === undefined) {
    const head = latest(acknowledged)
    return { segments, head, oldest: head, cutBytes: 0, damaged: 0 }
  }
  const newest = await scan(last)
  if (newest.end < last.size) await truncate(last.path, newest.end)
  const cutBytes = last.size - newest.end
  last.size = newest.end
  const behind = newest.head ?? (await headBefore(segments))
  const head = latest([...acknowledged, behind, { ...behind, frame: Math.max(behind.frame, last.first) }])
  return { segments, head, oldest: (await firstMark(segments)) ?? head, cutBytes, damaged: newest.damaged }
}

function latest(marks: readonly Mark[]): Mark {
  return marks.reduce(
    (most, { frame, messages, bytes }) => ({
      frame: Math.max(most.frame, frame),
      messages: Math.max(most.messages, messages),
      bytes: Math.max(most.bytes, bytes),
    }),
    origin,
  )
}

interface Scanned {
  /** Behind the last frame. */
  readonly end: number
  /** Undefined where there is no frame. */
  readonly head: Mark | undefined
  readonly damaged: number
}

async function scan(segment: Segment): Promise<Scanned> {
  await using reader = await FrameReader.open(segment, { isScan: true })
  let head: Mark | undefined
  let damaged = 0
  for (let found = await reader.next(segment.size); found !== undefined; found = await reader.next(segment.size)) {
    head = markAfter(found.header)
    if (found.isDamaged) damaged += 1
  }
  return { end: reader.offset, head, damaged }
}

/** Behind the last frame of the segments but the newest, which has none. */
async function headBefore(segments: readonly Segment[]): Promise<Mark> {
  for (const segment of segments.slice(0, -1).toReversed()) {
    await using reader = await FrameReader.open(segment, { isScan: true })
    let head: Mark | undefined
    for (;;) {
      const found = await reader.next(segment.size, headersOnly)
      if (found === undefined) break
      head = markAfter(found.header)
    }
    if (head !== undefined) return head
  }
  return origin
}

const headersOnly = (): boolean => false

async function firstMark(segments: readonly Segment[]): Promise<Mark | undefined> {
  for (const segment of segments) {
    await using reader = await FrameReader.open(segment, { isScan: true })
    const found = await reader.next(segment.size, headersOnly)
    if (found !== undefined) return found.header.at
  }
  return undefined
}
