import type { Batch } from '../../stream/batch.ts'
import type { Delivery } from '../../stream/buffer.ts'
import type { Log } from '../../stream/connector.ts'
import { decodeBody, type FrameHeader, type Mark, markAfter } from './file-frame.ts'
import type { FrameLog } from './file-log.ts'
import { FrameReader } from './file-reader.ts'
import type { Segment } from './file-segments.ts'

export interface OutletOptions {
  readonly frames: FrameLog
  /** Where it goes on. */
  readonly from: Mark
  readonly log: Log
  /** Called when it has acknowledged more. */
  onAdvance(): void
}

/** What was given to the consumer, or had to be left out, oldest first. */
interface Flight {
  readonly after: Mark
  done: boolean
}

/** What stands next in the files. */
interface Found {
  readonly at: Mark
  readonly after: Mark
  /** Undefined for a damaged frame. */
  readonly batch?: Batch
}

/** One consumer's way through the log, at its own pace. */
export class Outlet {
  readonly #options: OutletOptions
  readonly #flights: Flight[] = []
  #next: Mark
  #acknowledged: Mark
  #segment: Segment | undefined
  #offset = 0
  #reader: FrameReader | undefined
  /** Was read, but not given yet: the pull was given up. */
  #ready: Found | undefined
  #reading: Promise<unknown> | undefined

  constructor(options: OutletOptions) {
    this.#options = options
    this.#next = options.from
    this.#acknowledged = options.from
  }

  /** All before it is acknowledged. */
  get acknowledged(): Mark {
    return this.#acknowledged
  }

  /** Whether there is something for `take`. */
  get hasMore(): boolean {
    return this.#next.frame < this.#options.frames.durable.frame
  }

  /** The next delivery; undefined when what is left turned out to be damaged. An aborted one is given again. */
  async take(signal: AbortSignal): Promise<Delivery | undefined> {
    while (this.hasMore) {
      const found = this.#ready ?? (await this.#find())
      this.#ready = found
      signal.throwIfAborted()
      this.#ready = undefined
      if (found.at.frame > this.#next.frame) this.#miss(found.at)
      if (found.batch !== undefined) return this.#give(found.batch, found.after)
      if (found.after.frame > this.#next.frame) this.#miss(found.after)
    }
    return undefined
  }

  async close(): Promise<void> {
    await this.#reading?.catch(() => undefined)
    await this.#release()
  }

  #give(batch: Batch, after: Mark): Delivery {
    const flight = { after, done: false }
    this.#flights.push(flight)
    this.#next = after
    return {
      batch,
      ack: () => {
        flight.done = true
        this.#settle()
      },
    }
  }

  /** Everything up to there cannot be read, and counts as acknowledged in its turn. */
  #miss(to: Mark): void {
    const { frame, messages } = this.#next
    this.#options.log.warn(
      { frame, frames: to.frame - frame, messages: to.messages - messages },
      'Damaged frames of a buffer are left out',
    )
    this.#flights.push({ after: to, done: true })
    this.#next = to
    this.#settle()
  }

  #settle(): void {
    let [first] = this.#flights
    if (first?.done !== true) return
    for (; first?.done === true; [first] = this.#flights) {
      this.#acknowledged = first.after
      this.#flights.shift()
    }
    this.#options.onAdvance()
  }

  async #find(): Promise<Found> {
    const recent = this.#options.frames.recent(this.#next.frame)
    const finding = recent === undefined ? this.#read() : this.#release()
    this.#reading = finding
    const found = (await finding) ?? recent
    if (found === undefined) throw new TypeError('a frame that is neither recent nor read')
    if (recent !== undefined) {
      this.#segment = recent.segment
      this.#offset = recent.end
    }
    return found
  }

  async #read(): Promise<Found> {
    const { frames } = this.#options
    const { durable } = frames
    for (;;) {
      const segment = this.#segment ?? frames.segmentOf(this.#next.frame)
      if (segment === undefined) return { at: durable, after: durable }
      this.#segment = segment
      // What follows is looked up first: a segment that had a next one by then does not grow any more.
      const { next, size } = segment
      const found = this.#offset < size ? await this.#nextIn(segment, size) : undefined
      if (found !== undefined) return found
      if (next === undefined) return { at: durable, after: durable }
      await this.#release()
      this.#segment = next
      this.#offset = 0
    }
  }

  /** The next in a segment up to there. One that is read to its end may have been removed by now: it is not opened. */
  async #nextIn(segment: Segment, size: number): Promise<Found | undefined> {
    this.#reader ??= await FrameReader.open(segment, { offset: this.#offset })
    const isWanted = ({ at }: FrameHeader): boolean => at.frame >= this.#next.frame
    for (;;) {
      const found = await this.#reader.next(size, isWanted)
      if (found === undefined) return undefined
      this.#offset = this.#reader.offset
      const { header, body } = found
      if (!isWanted(header)) continue
      const marks = { at: header.at, after: markAfter(header) }
      return body === undefined ? marks : { ...marks, batch: decodeBody(header, body) }
    }
  }

  async #release(): Promise<undefined> {
    const reader = this.#reader
    this.#reader = undefined
    await reader?.[Symbol.asyncDispose]()
    return undefined
  }
}
