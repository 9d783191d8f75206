import { HermesError } from '../../errors.ts'
import type { Batch } from '../../stream/batch.ts'
import type { Buffer, BufferPlace, Delivery, Depth } from '../../stream/buffer.ts'
import { Changes } from './file-changes.ts'
import type { CursorFile, Cursors } from './file-cursors.ts'
import type { Mark } from './file-frame.ts'
import type { FrameLog } from './file-log.ts'
import { Outlet } from './file-outlet.ts'

export interface FileLimits {
  /** Of files; a single batch that is larger passes alone. */
  readonly bytes: number
  readonly segmentBytes: number
}

export interface FileBufferParts {
  readonly limits: FileLimits
  readonly place: BufferPlace
  readonly frames: FrameLog
  /** Where each consumer goes on. */
  readonly cursors: Cursors
  readonly file: CursorFile
  /** Lets go of the directory. */
  readonly closing: AsyncDisposable
}

/** Batches that wait for their sync hold back pushes beyond that. */
const PENDING_BYTES = 8 * 2 ** 20
/** Acknowledgements of consumers are kept so often, unless they make room. */
const SAVE_MS = 250

/** A buffer in files: pushes go to the end of a log, each consumer reads it at its own pace. */
export class FileBuffer implements Buffer {
  readonly #parts: FileBufferParts
  readonly #frames: FrameLog
  readonly #outlets: ReadonlyMap<string, Outlet>
  readonly #changes = new Changes()
  readonly #stopping = new AbortController()
  #isEnded = false
  #isDirty = false
  /** Cursors could not be written: said once. */
  #isUnsaved = false
  #saving: Promise<void> | undefined
  #waiting: Promise<void> | undefined
  #closed: Promise<void> | undefined

  constructor(parts: FileBufferParts) {
    const { frames, cursors, place } = parts
    this.#parts = parts
    this.#frames = frames
    frames.onChange = () => this.#changes.wake()
    const outlet = (name: string, from: Mark): Outlet => {
      const log = place.log.child({ dir: place.dir, consumer: name })
      return new Outlet({ frames, from, log, onAdvance: () => this.#advanced() })
    }
    this.#outlets = new Map([...cursors].map(([name, from]) => [name, outlet(name, from)]))
  }

  async push(batch: Batch, ack: () => void, signal: AbortSignal): Promise<void> {
    await this.#changes.until(() => this.#hasRoom(batch), signal)
    this.#frames.append(batch, ack)
  }

  end(): void {
    this.#isEnded = true
    this.#changes.wake()
  }

  async *pull(signal: AbortSignal, consumer = 0): AsyncGenerator<Delivery> {
    const outlet = [...this.#outlets.values()][consumer]
    if (outlet === undefined) throw new RangeError(`no consumer ${consumer} of ${this.#outlets.size}`)
    for (;;) {
      signal.throwIfAborted()
      if (this.#closed !== undefined) return
      const delivery = await outlet.take(signal)
      if (delivery !== undefined && this.#closed === undefined) yield delivery
      else if (!(await this.#hasMore(outlet, signal))) return
    }
  }

  /** Whether all that was pushed is durable, and each consumer was given it; it may have to acknowledge it still. */
  get isGiven(): boolean {
    if (this.#frames.durable.frame !== this.#frames.head.frame) return false
    for (const outlet of this.#outlets.values()) if (outlet.hasMore) return false
    return true
  }

  depth(): Depth {
    const { head } = this.#frames
    const slowest = this.#slowest()
    return { messages: head.messages - slowest.messages, bytes: head.bytes - slowest.bytes, dropped: 0 }
  }

  async ping(): Promise<void> {
    this.#frames.check()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close()
    await this.#closed
  }

  async #close(): Promise<void> {
    this.end()
    this.#stopping.abort()
    try {
      await this.#frames.close()
      await this.#waiting
      await this.#save()
      for (const outlet of this.#outlets.values()) await outlet.close()
    } finally {
      await this.#parts.closing[Symbol.asyncDispose]()
    }
  }

  /** Waits until there is more for a consumer; false when nothing comes any more. */
  async #hasMore(outlet: Outlet, signal: AbortSignal): Promise<boolean> {
    const isOver = (): boolean =>
      this.#closed !== undefined || (this.#isEnded && this.#frames.durable.frame === this.#frames.head.frame)
    await this.#changes.until(() => {
      if (outlet.hasMore || isOver()) return true
      if (this.#frames.failure !== undefined) throw this.#frames.failure
      return false
    }, signal)
    return outlet.hasMore
  }

  #hasRoom(batch: Batch): boolean {
    const { failure, bytes, pendingBytes, head } = this.#frames
    if (this.#closed !== undefined) throw new HermesError('internal', 'a batch was pushed into a closed buffer')
    if (failure !== undefined) throw failure
    if (batch.size === 0) return true
    const { byteLength } = batch
    if (pendingBytes > 0 && pendingBytes + byteLength > PENDING_BYTES) return false
    return this.#slowest().frame === head.frame || bytes + byteLength <= this.#parts.limits.bytes
  }

  /** What every consumer has acknowledged. */
  #slowest(): Mark {
    let slowest = this.#frames.head
    for (const { acknowledged } of this.#outlets.values())
      if (acknowledged.frame < slowest.frame) slowest = acknowledged
    return slowest
  }

  #advanced(): void {
    this.#isDirty = true
    if (this.#closed !== undefined) return
    const { frame } = this.#slowest()
    this.#frames.forget(frame)
    if (this.#frames.canRetire(frame)) void this.#save()
    else this.#saveLater()
    this.#changes.wake()
  }

  #saveLater(): void {
    if (this.#closed !== undefined) return
    this.#waiting ??= this.#parts.place.clock.sleep(SAVE_MS, this.#stopping.signal).then(
      () => {
        this.#waiting = undefined
        void this.#save()
      },
      () => undefined,
    )
  }

  /** Resolves when what was acknowledged by now is saved, or could not be. */
  async #save(): Promise<void> {
    if (this.#isDirty) this.#saving ??= this.#saveAll()
    await this.#saving
  }

  /** Only what is known durably to be acknowledged is removed. */
  async #saveAll(): Promise<void> {
    const { file, place } = this.#parts
    while (this.#isDirty) {
      this.#isDirty = false
      const { frame } = this.#slowest()
      try {
        await file.write(new Map([...this.#outlets].map(([name, { acknowledged }]) => [name, acknowledged])))
        await this.#frames.retire(frame)
        this.#isUnsaved = false
      } catch (error) {
        if (!this.#isUnsaved) place.log.warn({ dir: place.dir, err: error }, 'The cursors of a buffer were not saved')
        this.#isUnsaved = true
        this.#isDirty = true
        break
      }
      this.#changes.wake()
    }
    this.#saving = undefined
    if (this.#isDirty) this.#saveLater()
  }
}
