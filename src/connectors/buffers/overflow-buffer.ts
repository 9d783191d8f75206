import type { Batch } from '../../stream/batch.ts'
import type { Buffer, BufferPlace, Delivery, Depth } from '../../stream/buffer.ts'
import type { FileBuffer, FileLimits } from './file-buffer.ts'
import { Changes } from './file-changes.ts'
import { openFileBuffer } from './file-open.ts'
import { MemoryBuffer, type MemoryLimits } from './memory.ts'

export interface OverflowLimits {
  readonly memory: Pick<MemoryLimits, 'messages' | 'bytes'>
  readonly file: FileLimits
  /** So many durable batches may wait for what is in memory before pushes do: each takes memory for its acknowledgement. */
  readonly waiting?: number
}

/**
 * Opens a buffer in memory that goes over into the files of a directory, and delivers first what is left in those.
 * Throws what opening a file buffer does.
 */
export async function openOverflowBuffer(limits: OverflowLimits, place: BufferPlace): Promise<Buffer> {
  const files = await openFileBuffer(limits.file, place)
  const memory = new MemoryBuffer({ ...limits.memory, consumers: place.consumers.length })
  return new OverflowBuffer(memory, files, limits.waiting ?? MOST_WAITING)
}

const MOST_WAITING = 2 ** 18

/**
 * Pushes go to memory until it is full, and to the files from then on, until each consumer was given all of them and
 * all of them are acknowledged to the source; then to memory again. So there are two rules for everybody:
 *
 * - Order: what a consumer was not given yet stands in memory first, and behind that in the files. For nothing is put into
 *   memory while the files have something for anybody.
 * - Acknowledgements: a batch in the files is durable, but speaks for all before it too, so that it waits until memory
 *   is empty; a batch in memory has none in the files before it that waits. For those are handed on before memory is used again.
 */
class OverflowBuffer implements Buffer {
  readonly #memory: MemoryBuffer
  readonly #files: FileBuffer
  readonly #mostWaiting: number
  readonly #changes = new Changes()
  /** While pushes go to the files; aborts when they go to memory again. */
  #spell: AbortController | undefined
  /** Acknowledgements of what is durable, behind what only memory holds; oldest first. */
  #waiting: (() => void)[] = []
  /** Pushes into the files that are not acknowledged to the source. */
  #unacknowledged = 0
  #isEnded = false

  constructor(memory: MemoryBuffer, files: FileBuffer, mostWaiting: number) {
    this.#memory = memory
    this.#files = files
    this.#mostWaiting = mostWaiting
    memory.onEmpty = () => this.#acknowledgeWaiting()
    if (!files.isGiven) this.#overflow()
  }

  async push(batch: Batch, ack: () => void, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#spell !== undefined && this.#isOver) this.#goBack(this.#spell)
    if (this.#spell === undefined) {
      if (this.#memory.offer(batch, ack)) return
      this.#overflow()
    }
    this.#unacknowledged += 1
    try {
      await this.#changes.until(() => this.#isEnded || this.#waiting.length < this.#mostWaiting, signal)
      await this.#files.push(batch, () => this.#acknowledge(ack), signal)
    } catch (error) {
      this.#unacknowledged -= 1
      throw error
    }
  }

  end(): void {
    this.#isEnded = true
    this.#memory.end()
    this.#files.end()
    this.#changes.wake()
  }

  async *pull(signal: AbortSignal, consumer = 0): AsyncGenerator<Delivery> {
    for (;;) {
      for await (const delivery of this.#memory.pull(signal, consumer)) yield delivery
      // Memory may have been used and left again by now.
      if (!this.#memory.isGiven(consumer)) continue
      const spell = this.#spell
      if (spell === undefined && this.#isEnded) return
      if (spell === undefined) continue
      try {
        const either = AbortSignal.any([signal, spell.signal])
        for await (const delivery of this.#files.pull(either, consumer)) yield delivery
        return
      } catch (error) {
        if (error !== spell.signal.reason) throw error
      }
    }
  }

  depth(): Depth {
    const [memory, files] = [this.#memory.depth(), this.#files.depth()]
    return { messages: memory.messages + files.messages, bytes: memory.bytes + files.bytes, dropped: 0 }
  }

  async ping(): Promise<void> {
    await this.#files.ping()
  }

  /** The files first: what becomes durable meanwhile is acknowledged only if memory was empty. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.end()
    try {
      await this.#files[Symbol.asyncDispose]()
    } finally {
      await this.#memory[Symbol.asyncDispose]()
    }
  }

  /** Nothing in the files is of concern to anybody any more, but for acknowledgements of consumers. */
  get #isOver(): boolean {
    return !this.#isEnded && this.#unacknowledged === 0 && this.#files.isGiven
  }

  /** The consumers go over to the files once they have everything from memory. */
  #overflow(): void {
    this.#spell = new AbortController()
    this.#memory.end()
  }

  /** The consumers all wait at the end of the files, or will. */
  #goBack(spell: AbortController): void {
    this.#spell = undefined
    this.#memory.resume()
    spell.abort()
  }

  /** Of a batch that is durable. */
  #acknowledge(ack: () => void): void {
    if (!this.#memory.isEmpty) return void this.#waiting.push(ack)
    this.#unacknowledged -= 1
    ack()
  }

  #acknowledgeWaiting(): void {
    const waiting = this.#waiting
    this.#waiting = []
    this.#unacknowledged -= waiting.length
    for (const ack of waiting) ack()
    this.#changes.wake()
  }
}
