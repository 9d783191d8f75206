import type { Batch } from '../../stream/batch.ts'
import type { Mark } from './file-frame.ts'
import type { Segment } from './file-segments.ts'

/** A frame that was written not long ago, with the batch that it was made of. */
export interface RecentFrame {
  readonly at: Mark
  readonly after: Mark
  readonly batch: Batch
  /** Where it stands, and where it ends there. */
  readonly segment: Segment
  readonly end: number
}

const MOST_BYTES = 2 * 2 ** 20
/** What a frame takes beside its payloads, about. */
const OVERHEAD_BYTES = 512

/** The batches of the newest frames, a few: consumers that keep pace read no file, and parse no value again. */
export class RecentFrames {
  readonly #frames = new Map<number, RecentFrame>()
  #bytes = 0

  add(frame: RecentFrame): void {
    this.#frames.set(frame.at.frame, frame)
    this.#bytes += sizeOf(frame)
    while (this.#bytes > MOST_BYTES) {
      const [oldest] = this.#frames.keys()
      if (oldest === undefined) return
      this.#drop(oldest)
    }
  }

  get(number: number): RecentFrame | undefined {
    return this.#frames.get(number)
  }

  /** Those before this one are needed by nobody any more. */
  forget(before: number): void {
    for (const [number] of this.#frames) {
      if (number >= before) return
      this.#drop(number)
    }
  }

  #drop(number: number): void {
    const frame = this.#frames.get(number)
    if (frame === undefined) return
    this.#frames.delete(number)
    this.#bytes -= sizeOf(frame)
  }
}

const sizeOf = ({ at, after }: RecentFrame): number => after.bytes - at.bytes + OVERHEAD_BYTES
