import type { FromSchema } from 'json-schema-to-ts'
import type { Batch } from '../../stream/batch.ts'
import type { Buffer, Delivery } from '../../stream/buffer.ts'
import type { Connector } from '../../stream/connector.ts'

const config = {
  type: 'object',
  description: 'Holds batches in memory; what is not delivered is read again after a restart.',
  additionalProperties: false,
  properties: {
    messages: { type: 'integer', minimum: 1, default: 65_536, description: 'Messages held at most.' },
    batches: { type: 'integer', minimum: 1, default: 256, description: 'Batches held at most.' },
    whenFull: { enum: ['block'], default: 'block', description: 'block: the source waits.' },
  },
} as const

export type MemoryBufferConfig = FromSchema<typeof config>

export const memoryBuffer: Connector<Buffer, MemoryBufferConfig> = {
  type: 'memory',
  summary: 'A bounded queue in memory.',
  config,
  open: async (limits) => openMemoryBuffer(limits),
}

interface Held {
  readonly batch: Batch
  readonly ack: () => void
  done: boolean
}

/**
 * Holds at most so many batches and messages, those handed out but not yet acknowledged included; a single batch larger
 * than `messages` passes alone; a full one holds the source back (invariant 6). Acknowledgements reach the source in its order, whatever order the sink gives them in.
 */
export function openMemoryBuffer(limits: { readonly messages: number; readonly batches: number }): Buffer {
  return new MemoryBuffer(limits)
}

class MemoryBuffer implements Buffer {
  readonly #limits: { readonly messages: number; readonly batches: number }
  /** Oldest first; the first `#pulled` of them are with the sink. */
  readonly #held: Held[] = []
  readonly #waiting = new Set<() => void>()
  #pulled = 0
  #messages = 0
  #ended = false

  constructor(limits: { readonly messages: number; readonly batches: number }) {
    this.#limits = limits
  }

  async push(batch: Batch, ack: () => void, signal: AbortSignal): Promise<void> {
    await this.#until(() => this.#hasRoom(batch.size), signal)
    this.#held.push({ batch, ack, done: false })
    this.#messages += batch.size
    this.#wake()
  }

  end(): void {
    this.#ended = true
    this.#wake()
  }

  async *pull(signal: AbortSignal): AsyncGenerator<Delivery> {
    for (;;) {
      await this.#until(() => this.#pulled < this.#held.length || this.#ended, signal)
      const next = this.#held[this.#pulled]
      if (next === undefined) return
      this.#pulled += 1
      yield { batch: next.batch, ack: () => this.#acknowledge(next) }
    }
  }

  async ping(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.end()
    this.#held.length = 0
    this.#pulled = 0
    this.#messages = 0
  }

  #hasRoom(messages: number): boolean {
    if (this.#held.length === 0) return true
    return this.#held.length < this.#limits.batches && this.#messages + messages <= this.#limits.messages
  }

  #acknowledge(held: Held): void {
    held.done = true
    for (let first = this.#held[0]; first?.done === true; first = this.#held[0]) {
      this.#held.shift()
      this.#pulled -= 1
      this.#messages -= first.batch.size
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
