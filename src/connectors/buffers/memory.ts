import type { FromSchema } from 'json-schema-to-ts'
import type { Batch } from '../../stream/batch.ts'
import type { Buffer, BufferConnector, Delivery, Depth } from '../../stream/buffer.ts'

const config = {
  type: 'object',
  description: 'Holds batches in memory; what is not delivered is read again after a restart.',
  additionalProperties: false,
  properties: {
    messages: { type: 'integer', minimum: 1, default: 65_536, description: 'Messages held at most.' },
    bytes: { type: 'integer', minimum: 1, default: 67_108_864, description: 'Bytes of payloads held at most.' },
    whenFull: {
      enum: ['block', 'dropOldest', 'dropNewest'],
      default: 'block',
      description: 'block: the source waits. dropOldest, dropNewest: messages are lost, and counted.',
    },
  },
} as const

export type MemoryBufferConfig = FromSchema<typeof config>

export const memoryBuffer: BufferConnector<MemoryBufferConfig> = {
  type: 'memory',
  summary: 'A bounded queue in memory.',
  config,
  durable: false,
  open: async (limits, { consumers }) => openMemoryBuffer({ ...limits, consumers: consumers.length }),
}

/** What a memory buffer holds at most; a limit that is absent is none. */
export interface MemoryLimits {
  readonly messages: number
  readonly batches?: number
  readonly bytes?: number
  readonly whenFull?: 'block' | 'dropOldest' | 'dropNewest'
  /** Who each get everything; one when absent. */
  readonly consumers?: number
}

interface Held {
  readonly batch: Batch
  ack: () => void
  /** Consumers that have not acknowledged it. */
  left: number
}

/**
 * Holds at most so many batches, messages and bytes, those handed out but not yet acknowledged included; a single batch
 * larger than that passes alone; a full one holds the source back, or drops and counts (invariant 6). Acknowledgements
 * reach the source in its order, whatever order the consumers give them in. No message takes anything of its own: a
 * batch is one slot.
 */
export function openMemoryBuffer(limits: MemoryLimits): Buffer {
  return new MemoryBuffer(limits)
}

class MemoryBuffer implements Buffer {
  readonly #limits: MemoryLimits
  /** Oldest first. */
  readonly #held: Held[] = []
  /** How many of those were handed to each consumer. */
  readonly #pulled: number[]
  readonly #waiting = new Set<() => void>()
  #messages = 0
  #bytes = 0
  #dropped = 0
  #ended = false

  constructor(limits: MemoryLimits) {
    this.#limits = limits
    this.#pulled = Array.from({ length: limits.consumers ?? 1 }, () => 0)
  }

  async push(batch: Batch, ack: () => void, signal: AbortSignal): Promise<void> {
    const { whenFull = 'block' } = this.#limits
    if (whenFull === 'block') await this.#until(() => this.#hasRoom(batch), signal)
    else if (whenFull === 'dropOldest') this.#dropOldest(batch)
    if (this.#hasRoom(batch)) {
      this.#held.push({ batch, ack, left: this.#pulled.length })
      this.#count(batch, 1)
      this.#wake()
    } else this.#drop(this.#held.length, { batch, ack })
  }

  end(): void {
    this.#ended = true
    this.#wake()
  }

  async *pull(signal: AbortSignal, consumer = 0): AsyncGenerator<Delivery> {
    for (;;) {
      const next = this.#held[this.#pulled[consumer] ?? 0]
      if (next === undefined) {
        if (this.#ended) return
        await this.#until(() => (this.#pulled[consumer] ?? 0) < this.#held.length || this.#ended, signal)
        continue
      }
      signal.throwIfAborted()
      this.#pulled[consumer] = (this.#pulled[consumer] ?? 0) + 1
      yield { batch: next.batch, ack: () => this.#acknowledge(next) }
    }
  }

  depth(): Depth {
    return { messages: this.#messages, bytes: this.#bytes, dropped: this.#dropped }
  }

  async ping(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.end()
    this.#held.length = 0
    this.#pulled.fill(0)
    this.#messages = 0
    this.#bytes = 0
  }

  #hasRoom(batch: Batch): boolean {
    const { messages, batches = Number.POSITIVE_INFINITY, bytes } = this.#limits
    if (this.#messages === 0 && this.#held.length < batches) return true
    if (this.#held.length >= batches || this.#messages + batch.size > messages) return false
    return bytes === undefined || this.#bytes + batch.byteLength <= bytes
  }

  /** What no consumer has been given yet makes room. */
  #dropOldest(batch: Batch): void {
    const first = Math.max(...this.#pulled)
    while (!this.#hasRoom(batch)) {
      const [oldest] = this.#held.splice(first, 1)
      if (oldest === undefined) return
      this.#count(oldest.batch, -1)
      this.#drop(first, oldest)
    }
  }

  /** The acknowledgement of what would have stood at this place: the batch before it speaks for it. */
  #drop(place: number, { batch, ack }: Pick<Held, 'batch' | 'ack'>): void {
    this.#dropped += batch.size
    const before = this.#held[place - 1]
    if (before === undefined) ack()
    else before.ack = ack
  }

  #count({ size, byteLength }: Batch, sign: 1 | -1): void {
    this.#messages += sign * size
    if (this.#limits.bytes !== undefined) this.#bytes += sign * byteLength
  }

  #acknowledge(held: Held): void {
    held.left -= 1
    for (let [first] = this.#held; first !== undefined && first.left <= 0; [first] = this.#held) {
      this.#held.shift()
      for (const [consumer, count] of this.#pulled.entries()) this.#pulled[consumer] = count - 1
      this.#count(first.batch, -1)
      first.ack()
    }
    this.#wake()
  }

  /** Resolves when `ready`; rejects with the signal's reason when it aborts first, or had. */
  async #until(ready: () => boolean, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    while (!ready()) await this.#change(signal)
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#waiting.delete(settle)
        signal.removeEventListener('abort', settle)
        if (signal.aborted) reject(signal.reason as Error)
        else resolve()
      }
      this.#waiting.add(settle)
      signal.addEventListener('abort', settle)
    })
  }

  #wake(): void {
    for (const settle of this.#waiting) settle()
  }
}
