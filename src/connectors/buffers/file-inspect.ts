import { basename } from 'node:path'
import type { BufferReport, BufferWatch, ConsumerReport, FrameRange, SegmentReport } from '../../buffer-report.ts'
import { HermesError } from '../../errors.ts'
import { readCursors, type SavedCursors } from './file-cursors.ts'
import { bufferFailure, codeOf } from './file-failure.ts'
import { type Mark, markAfter } from './file-frame.ts'
import { FrameReader } from './file-reader.ts'
import { listSegments, type Segment } from './file-segments.ts'

/**
 * What is in the buffer of a directory, by the headers of its frames. Reads only, beside a running service as well: what
 * it removes meanwhile is not reported. Throws `buffer_absent` for what is no buffer, `buffer_damaged` for one that
 * cannot be read.
 */
export async function inspectBuffer(dir: string, watch: BufferWatch = {}): Promise<BufferReport> {
  return await look(dir, { isThorough: false, watch })
}

/** The same, with every payload read and checked. */
export async function verifyBuffer(dir: string, watch: BufferWatch = {}): Promise<BufferReport> {
  return await look(dir, { isThorough: true, watch })
}

async function look(dir: string, how: Pick<Look, 'isThorough' | 'watch'>): Promise<BufferReport> {
  try {
    const saved = await readCursors(dir)
    const listed = await listSegments(dir)
    if (saved === undefined && listed.length === 0) throw absent(dir)
    return await reportOf(dir, { saved, listed, ...how })
  } catch (error) {
    how.watch.signal?.throwIfAborted()
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) throw absent(dir)
    throw bufferFailure(error)
  }
}

function absent(dir: string): HermesError {
  return new HermesError('buffer_absent', `${dir} holds no buffer`)
}

interface Look {
  readonly saved: SavedCursors | 'damaged' | undefined
  readonly listed: readonly Segment[]
  readonly isThorough: boolean
  readonly watch: BufferWatch
}

async function reportOf(dir: string, { saved, listed, isThorough, watch }: Look): Promise<BufferReport> {
  const segments: SegmentReport[] = []
  const of = listed.reduce((total, { size }) => total + size, 0)
  let [seen, damagedFrames] = [0, 0]
  const cursors = saved === undefined || saved === 'damaged' ? undefined : saved.cursors
  let head: Mark | undefined
  for (const segment of listed) {
    const walked = await walk(segment, isThorough, (offset, damage) => {
      watch.signal?.throwIfAborted()
      watch.onProgress?.({ bytes: seen + offset, of, damagedFrames: damagedFrames + damage.frames })
    })
    seen += segment.size
    if (walked === undefined) continue
    segments.push(walked.report)
    damagedFrames += walked.damage.frames
    head = walked.head ?? head
  }
  const sum = (count: (segment: SegmentReport) => number): number =>
    segments.reduce((total, each) => total + count(each), 0)
  return {
    dir,
    segments,
    frames: sum(({ frames }) => frames),
    messages: sum(({ messages }) => messages),
    bytes: sum(({ bytes }) => bytes),
    damagedFrames,
    consumers: [...(cursors ?? [])].map(([name, at]) => ({ name, ...distance(at, head ?? at) })),
    areConsumersLost: cursors === undefined,
  }
}

/** What was acknowledged after the files were read is no lag. */
function distance(from: Mark, to: Mark): Omit<ConsumerReport, 'name'> {
  return {
    frames: Math.max(0, to.frame - from.frame),
    messages: Math.max(0, to.messages - from.messages),
    bytes: Math.max(0, to.bytes - from.bytes),
  }
}

/** The damaged frames of a segment; those next to each other are one range. */
class Damage {
  readonly ranges: FrameRange[] = []
  frames = 0

  add(frame: number, frames: number): void {
    const last = this.ranges.at(-1)
    const touches = last !== undefined && last.frame + last.frames === frame
    if (touches) this.ranges[this.ranges.length - 1] = { frame: last.frame, frames: last.frames + frames }
    else this.ranges.push({ frame, frames })
    this.frames += frames
  }
}

interface Walked {
  readonly report: SegmentReport
  readonly damage: Damage
  /** Behind the last frame. */
  readonly head: Mark | undefined
}

/** How far in the segment, and what was found damaged in it by then. */
type OnFrame = (offset: number, damage: Damage) => void

/** Undefined for a segment that was removed by now. */
async function walk(segment: Segment, isThorough: boolean, onFrame: OnFrame): Promise<Walked | undefined> {
  await using reader = await openThere(segment)
  if (reader === undefined) return undefined
  const damage = new Damage()
  const isWanted = (): boolean => isThorough
  let [frames, messages, expected] = [0, 0, segment.first]
  let head: Mark | undefined
  for (;;) {
    const found = await reader.next(segment.size, isWanted)
    if (found === undefined) break
    const { at, count } = found.header
    if (at.frame > expected) damage.add(expected, at.frame - expected)
    if (found.isDamaged) damage.add(at.frame, 1)
    frames += 1
    messages += count
    head = markAfter(found.header)
    expected = head.frame
    onFrame(reader.offset, damage)
  }
  const { path, size, next } = segment
  // Nothing is unfinished in a segment that is written to no more.
  if (next !== undefined && next.first > expected) damage.add(expected, next.first - expected)
  const unfinishedBytes = next === undefined ? size - reader.offset : 0
  const report = { file: basename(path), bytes: size, frames, messages, damaged: damage.ranges, unfinishedBytes }
  return { report, damage, head }
}

async function openThere(segment: Segment): Promise<FrameReader | undefined> {
  try {
    return await FrameReader.open(segment, { isScan: true })
  } catch (error) {
    if (error instanceof HermesError && codeOf(error.cause) === 'ENOENT') return undefined
    throw error
  }
}
