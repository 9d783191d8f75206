import { randomInt } from 'node:crypto'
import { rm } from 'node:fs/promises'
import type { Clock } from '../../clock.ts'
import { type HermesError, toHermesError } from '../../errors.ts'
import type { Batch } from '../../stream/batch.ts'
import type { Log } from '../../stream/connector.ts'
import { bufferFailure } from './file-failure.ts'
import { encodeFrame, frameParts, type Mark } from './file-frame.ts'
import { type RecentFrame, RecentFrames } from './file-recent.ts'
import type { Recovered } from './file-recovery.ts'
import type { Segment } from './file-segments.ts'
import { Tail } from './file-tail.ts'

export interface FrameLogOptions {
  readonly dir: string
  readonly recovered: Recovered
  /** A segment becomes larger only for a single frame. */
  readonly segmentBytes: number
  readonly clock: Clock
  readonly log: Log
}

/** Frames that are not durable yet, or for a batch without messages only its acknowledgement. */
interface Pending {
  readonly frame?: Buffer
  readonly batch: Batch
  readonly at: Mark
  readonly after: Mark
  readonly ack?: () => void
}

/** So much is written with one sync at most. */
const GROUP_BYTES = 4 * 2 ** 20
const GROUP_FRAMES = 1_000
/** How long a full disk is given before the next try. */
const RETRY_MS = 1_000
/** A file that holds nothing any more is kept while it is smaller. */
const IDLE_BYTES = 2 ** 20

/**
 * The frames of a buffer, in segments. What is appended while a write is under way goes out with the next one, and one
 * sync makes all of it durable; acknowledgements follow behind that (invariant 5). A full disk is waited for.
 */
export class FrameLog {
  readonly #options: FrameLogOptions
  readonly #segments: Segment[]
  readonly #salt: number
  readonly #closing = new AbortController()
  readonly #recent = new RecentFrames()
  /** Called when more is durable, or nothing can be written any more. */
  onChange: () => void = () => undefined
  #tail: Tail | undefined
  /** The last that was begun, even when it is removed: the next one is found by it. */
  #newest: Segment | undefined
  #head: Mark
  #durable: Mark
  #pending: Pending[] = []
  #pendingBytes = 0
  #storedBytes: number
  #running: Promise<void> | undefined
  #failure: HermesError | undefined
  #full: HermesError | undefined

  private constructor(options: FrameLogOptions, tail: Tail | undefined) {
    const { segments, head } = options.recovered
    this.#options = options
    this.#segments = segments
    this.#tail = tail
    this.#newest = tail?.segment
    this.#salt = tail?.segment.salt ?? randomInt(2 ** 32)
    this.#head = head
    this.#durable = head
    this.#storedBytes = segments.reduce((sum, { size }) => sum + size, 0)
  }

  static async open(options: FrameLogOptions): Promise<FrameLog> {
    const last = options.recovered.segments.at(-1)
    return new FrameLog(options, last === undefined ? undefined : await Tail.open(last))
  }

  /** Behind everything that was appended. */
  get head(): Mark {
    return this.#head
  }

  /** Behind everything that may be read. */
  get durable(): Mark {
    return this.#durable
  }

  /** On disk, and on its way there. */
  get bytes(): number {
    return this.#storedBytes + this.#pendingBytes
  }

  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Why nothing will be written any more. */
  get failure(): HermesError | undefined {
    return this.#failure
  }

  /** Throws what keeps it from writing now. */
  check(): void {
    const problem = this.#failure ?? this.#full
    if (problem !== undefined) throw problem
    this.#tail?.check()
  }

  /** `ack` is called when the batch is durable, in the order of calls. */
  append(batch: Batch, ack: () => void): void {
    let at = this.#head
    const frames: Pending[] = []
    for (const part of batch.size === 0 ? [] : frameParts(batch)) {
      const { bytes: frame, after } = encodeFrame(part, at, this.#salt)
      frames.push({ frame, batch: part, at, after })
      at = after
    }
    const last = frames.pop() ?? { batch, at, after: at }
    this.#pending.push(...frames, { ...last, ack })
    this.#pendingBytes += [...frames, last].reduce((sum, { frame }) => sum + (frame?.length ?? 0), 0)
    this.#head = at
    this.#running ??= this.#run()
  }

  recent(frame: number): RecentFrame | undefined {
    return this.#recent.get(frame)
  }

  /** Where a frame stands, or where the next one does if it is gone. */
  segmentOf(frame: number): Segment | undefined {
    return this.#segments.findLast(({ first }) => first <= frame) ?? this.#segments[0]
  }

  /** No consumer needs frames before this one: they are dropped from memory. */
  forget(before: number): void {
    this.#recent.forget(before)
  }

  /** Whether `retire` would make room. */
  canRetire(before: number): boolean {
    const next = this.#segments[1]
    return next === undefined ? this.#isIdle(before) : next.first <= before
  }

  /** Removes the segments that hold nothing but frames before this one, of which it is known durably that all have them. */
  async retire(before: number): Promise<void> {
    while (this.#segments.length > 1 && (this.#segments[1]?.first ?? 0) <= before) await this.#removeOldest()
    if (this.#segments.length !== 1 || !this.#isIdle(before)) return
    const tail = this.#tail
    this.#tail = undefined
    await tail?.close()
    await this.#removeOldest()
  }

  /** What was appended is durable then, unless the disk is full. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
    await this.#tail?.close()
  }

  #isIdle(before: number): boolean {
    return this.#running === undefined && before >= this.#head.frame && (this.#tail?.segment.size ?? 0) > IDLE_BYTES
  }

  async #removeOldest(): Promise<void> {
    const segment = this.#segments.shift()
    if (segment === undefined) return
    this.#storedBytes -= segment.size
    await rm(segment.path, { force: true })
  }

  async #run(): Promise<void> {
    while (this.#pending.length > 0) {
      const group = this.#nextGroup()
      if (!(await this.#persist(group))) break
      this.#pending.splice(0, group.length)
      this.#acknowledge(group)
      this.onChange()
    }
    this.#running = undefined
    this.onChange()
  }

  /** What an acknowledgement throws is not this buffer's; pushes throw it from then on. */
  #acknowledge(group: readonly Pending[]): void {
    for (const { frame, after, ack } of group) {
      this.#pendingBytes -= frame?.length ?? 0
      this.#durable = after
      try {
        ack?.()
      } catch (error) {
        this.#failure ??= toHermesError(error)
      }
    }
  }

  #nextGroup(): readonly Pending[] {
    const most = Math.min(GROUP_BYTES, this.#options.segmentBytes)
    let bytes = 0
    let count = 0
    for (const { frame } of this.#pending) {
      bytes += frame?.length ?? 0
      if (count === GROUP_FRAMES || (count > 0 && bytes > most)) break
      count += 1
    }
    return this.#pending.slice(0, count)
  }

  /** False when it cannot be: the failure stands, or the buffer is closed. */
  async #persist(group: readonly Pending[]): Promise<boolean> {
    const { clock, log, dir } = this.#options
    for (;;) {
      try {
        await this.#write(group)
        if (this.#full !== undefined) log.info({ dir }, 'A buffer has room on its disk again')
        this.#full = undefined
        return true
      } catch (error) {
        const failure = bufferFailure(error)
        if (failure.code !== 'disk_full') {
          this.#failure = failure
          return false
        }
        if (this.#full === undefined) log.warn({ dir, err: failure }, 'A buffer waits for room on its disk')
        this.#full = failure
      }
      const isClosed = await clock.sleep(RETRY_MS, this.#closing.signal).then(
        () => false,
        () => true,
      )
      if (isClosed) return false
    }
  }

  async #write(group: readonly Pending[]): Promise<void> {
    const frames = group.flatMap(({ frame }) => frame ?? [])
    const [first] = group
    if (frames.length === 0 || first === undefined) return
    const bytes = frames.reduce((sum, { length }) => sum + length, 0)
    const tail = await this.#tailFor(first.at.frame, bytes)
    let end = tail.segment.size
    await tail.append(frames)
    this.#storedBytes += bytes
    for (const { frame, batch, at, after } of group) {
      if (frame === undefined) continue
      end += frame.length
      this.#recent.add({ at, after, batch, segment: tail.segment, end })
    }
  }

  /** The segment for a group of so many bytes, the next one where it would become too large. */
  async #tailFor(frame: number, bytes: number): Promise<Tail> {
    const { dir, segmentBytes } = this.#options
    const tail = this.#tail
    if (tail !== undefined && (tail.segment.size === 0 || tail.segment.size + bytes <= segmentBytes)) return tail
    const next = await Tail.begin(dir, frame, this.#salt)
    if (this.#newest !== undefined) this.#newest.next = next.segment
    this.#newest = next.segment
    this.#segments.push(next.segment)
    this.#tail = next
    await tail?.close()
    return next
  }
}
