import { basename } from 'node:path'
import { HermesError } from '../../errors.ts'
import { readCursors, type SavedCursors } from './file-cursors.ts'
import { bufferFailure, codeOf } from './file-failure.ts'
import { type Mark, markAfter } from './file-frame.ts'
import { FrameReader } from './file-reader.ts'
import { listSegments, type Segment } from './file-segments.ts'

/** So many frames from this one on. */
export interface FrameRange {
  readonly frame: number
  readonly frames: number
}

/** One file of a buffer. */
export interface SegmentReport {
  readonly file: string
  /** Of the file. */
  readonly bytes: number
  /** With a sound header. */
  readonly frames: number
  /** In those frames. */
  readonly messages: number
  /** Frames that cannot be read: their header is lost, or, as far as that was looked at, their body. */
  readonly damaged: readonly FrameRange[]
  /** At the end, of no whole frame: what is being written, or was when a process was killed. */
  readonly unfinishedBytes: number
}

/** How far a consumer is behind. */
export interface ConsumerReport {
  readonly name: string
  readonly frames: number
  readonly messages: number
  /** Of payloads. */
  readonly bytes: number
}

/** What a buffer holds, acknowledged batches whose file is still there included. */
export interface BufferReport {
  readonly dir: string
  /** Oldest first. */
  readonly segments: readonly SegmentReport[]
  readonly frames: number
  readonly messages: number
  /** Of files. */
  readonly bytes: number
  readonly damagedFrames: number
  readonly consumers: readonly ConsumerReport[]
  /** Nobody knows who the consumers are: the next start gives all of them everything again. */
  readonly areConsumersLost: boolean
}

/**
 * What is in the buffer of a directory, by the headers of its frames. Reads only, beside a running service as well: what
 * it removes meanwhile is not reported. Throws `buffer_damaged` for what is no buffer or cannot be read.
 */
export async function inspectBuffer(dir: string): Promise<BufferReport> {
  return await look(dir, false)
}

/** The same, with every payload read and checked. */
export async function verifyBuffer(dir: string): Promise<BufferReport> {
  return await look(dir, true)
}

async function look(dir: string, isThorough: boolean): Promise<BufferReport> {
  try {
    const saved = await readCursors(dir)
    const listed = await listSegments(dir)
    if (saved === undefined && listed.length === 0) throw new HermesError('buffer_damaged', `${dir} holds no buffer`)
    return await reportOf(dir, { saved, listed, isThorough })
  } catch (error) {
    throw bufferFailure(error)
  }
}

interface Look {
  readonly saved: SavedCursors | 'damaged' | undefined
  readonly listed: readonly Segment[]
  readonly isThorough: boolean
}

async function reportOf(dir: string, { saved, listed, isThorough }: Look): Promise<BufferReport> {
  const segments: SegmentReport[] = []
  const cursors = saved === undefined || saved === 'damaged' ? undefined : saved.cursors
  let head: Mark | undefined
  for (const segment of listed) {
    const walked = await walk(segment, isThorough)
    if (walked === undefined) continue
    segments.push(walked.report)
    head = walked.head ?? head
  }
  const sum = (of: (segment: SegmentReport) => number): number => segments.reduce((total, each) => total + of(each), 0)
  return {
    dir,
    segments,
    frames: sum(({ frames }) => frames),
    messages: sum(({ messages }) => messages),
    bytes: sum(({ bytes }) => bytes),
    damagedFrames: sum(({ damaged }) => damaged.reduce((total, { frames }) => total + frames, 0)),
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

interface Walked {
  readonly report: SegmentReport
  /** Behind the last frame. */
  readonly head: Mark | undefined
}

/** Undefined for a segment that was removed by now. */
async function walk(segment: Segment, isThorough: boolean): Promise<Walked | undefined> {
  await using reader = await openThere(segment)
  if (reader === undefined) return undefined
  const damaged: FrameRange[] = []
  const isWanted = (): boolean => isThorough
  let [frames, messages, expected] = [0, 0, segment.first]
  let head: Mark | undefined
  for (;;) {
    const found = await reader.next(segment.size, isWanted)
    if (found === undefined) break
    const { at, count } = found.header
    if (at.frame > expected) damaged.push({ frame: expected, frames: at.frame - expected })
    if (found.isDamaged) damaged.push({ frame: at.frame, frames: 1 })
    frames += 1
    messages += count
    head = markAfter(found.header)
    expected = head.frame
  }
  const { path, size, next } = segment
  // Nothing is unfinished in a segment that is written to no more.
  if (next !== undefined && next.first > expected) damaged.push({ frame: expected, frames: next.first - expected })
  const unfinishedBytes = next === undefined ? size - reader.offset : 0
  return { report: { file: basename(path), bytes: size, frames, messages, damaged, unfinishedBytes }, head }
}

async function openThere(segment: Segment): Promise<FrameReader | undefined> {
  try {
    return await FrameReader.open(segment, { isScan: true })
  } catch (error) {
    if (error instanceof HermesError && codeOf(error.cause) === 'ENOENT') return undefined
    throw error
  }
}
