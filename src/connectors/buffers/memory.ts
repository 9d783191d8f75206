import type { FromSchema } from 'json-schema-to-ts'
import type { Batch } from '../../stream/batch.ts'
import type { Buffer, BufferConnector, Delivery, Depth } from '../../stream/buffer.ts'
import { tellWhatIsLeft } from './file-left.ts'

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
  open: async (limits, place) => {
    await tellWhatIsLeft(place)
    return openMemoryBuffer({ ...limits, consumers: place.consumers.length })
  },
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
export function openMemoryBuffer(limits: MemoryLimits): MemoryBuffer {
  return new MemoryBuffer(limits)
}

export class MemoryBuffer implements Buffer {
  /** Called when the last batch that was held is acknowledged. */
  onEmpty: () => void = () => undefined
  readonly #limits: MemoryLimits
  /** Oldest first. */
  readonly #held: Held[] = []
  /** How many of those were handed to each consumer. */
  readonly #pulled: number[]
  /** Who waits for room, and who waits for something to take: woken by different things. */
  readonly #pushers: (() => void)[] = []
  readonly #pullers: (() => void)[] = []
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
    signal.throwIfAborted()
    if (whenFull === 'block' && !this.#hasRoom(batch)) await this.#roomFor(batch, signal)
    else if (whenFull === 'dropOldest') this.#dropOldest(batch)
    if (!this.offer(batch, ack)) this.#drop(this.#held.length, { batch, ack })
  }

  /** Takes the batch if there is room for it now; false when there is none. */
  offer(batch: Batch, ack: () => void): boolean {
    if (!this.#hasRoom(batch)) return false
    this.#held.push({ batch, ack, left: this.#pulled.length })
    this.#count(batch, 1)
    wake(this.#pullers)
    return true
  }

  end(): void {
    this.#ended = true
    wake(this.#pullers)
  }

  /** Takes `end` back: there are pushes again, and pulls wait for them. */
  resume(): void {
    this.#ended = false
  }

  /** Everything was acknowledged by all consumers. */
  get isEmpty(): boolean {
    return this.#held.length === 0
  }

  /** Whether a consumer was given everything that was pushed. */
  isGiven(consumer: number): boolean {
    return this.#held[this.#pulled[consumer] ?? 0] === undefined
  }

  async *pull(signal: AbortSignal, consumer = 0): AsyncGenerator<Delivery> {
    const onAbort = (): void => wake(this.#pullers)
    // Once, and not for each time that it waits: that would cost more than all the rest.
    signal.addEventListener('abort', onAbort)
    try {
      for (;;) {
        signal.throwIfAborted()
        const next = this.#held[this.#pulled[consumer] ?? 0]
        if (next === undefined) {
          if (this.#ended) return
          await woken(this.#pullers)
          continue
        }
        this.#pulled[consumer] = (this.#pulled[consumer] ?? 0) + 1
        yield { batch: next.batch, ack: () => this.#acknowledge(next) }
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
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
    wake(this.#pushers)
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
    const count = this.#held.length
    for (let first = this.#held[0]; first !== undefined && first.left <= 0; first = this.#held[0]) {
      this.#held.shift()
      for (let consumer = 0; consumer < this.#pulled.length; consumer += 1) {
        this.#pulled[consumer] = (this.#pulled[consumer] ?? 0) - 1
      }
      this.#count(first.batch, -1)
      first.ack()
    }
    if (count > 0 && this.#held.length === 0) this.onEmpty()
    wake(this.#pushers)
  }

  /** Resolves when there is room; rejects with the signal's reason when it aborts first. */
  async #roomFor(batch: Batch, signal: AbortSignal): Promise<void> {
    const onAbort = (): void => wake(this.#pushers)
    signal.addEventListener('abort', onAbort)
    try {
      while (!this.#hasRoom(batch)) {
        await woken(this.#pushers)
        signal.throwIfAborted()
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
}

function woken(waiting: (() => void)[]): Promise<void> {
  return new Promise((resolve) => void waiting.push(resolve))
}

function wake(waiting: (() => void)[]): void {
  if (waiting.length === 0) return
  for (const resolve of waiting) resolve()
  waiting.length = 0
}
