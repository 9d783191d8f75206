/** How much may wait between a server that pushes and a reader that pulls. */
export interface InboxLimits {
  readonly messages: number
  readonly bytes: number
}

/**
 * What a server pushed and nobody has taken yet. When it is full it says so, and again when it is half empty: who fills
 * it stops the socket meanwhile, so that memory is bounded and the server sees that it is too fast.
 */
export class Inbox {
  readonly #limits: InboxLimits
  readonly #onFull: (full: boolean) => void
  #payloads: Uint8Array[] = []
  #bytes = 0
  #full = false
  #failure: { readonly error: unknown } | undefined
  #wake: (() => void) | undefined

  constructor(limits: InboxLimits, onFull: (full: boolean) => void) {
    this.#limits = limits
    this.#onFull = onFull
  }

  get isFull(): boolean {
    return this.#full
  }

  push(payload: Uint8Array): void {
    this.#payloads.push(payload)
    this.#bytes += payload.length
    if (!this.#full && (this.#payloads.length >= this.#limits.messages || this.#bytes >= this.#limits.bytes)) {
      this.#full = true
      this.#onFull(true)
    }
    this.#wake?.()
  }

  /** Nothing comes any more: what waits is given out, then the error is thrown. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#wake?.()
  }

  /** Lets a reader that waits look again. */
  wake(): void {
    this.#wake?.()
  }

  /**
   * The oldest messages, at most so many; empty when none came within `ms`. Throws what it failed with, and the signal's
   * reason when that aborts.
   */
  async take(most: number, ms: number, signal: AbortSignal): Promise<readonly Uint8Array[]> {
    if (this.#payloads.length === 0) await this.#change(ms, signal)
    signal.throwIfAborted()
    if (this.#payloads.length === 0 && this.#failure !== undefined) throw this.#failure.error
    const all = this.#payloads.length <= most
    const taken = all ? this.#payloads : this.#payloads.splice(0, most)
    if (all) {
      this.#payloads = []
      this.#bytes = 0
    } else for (const { length } of taken) this.#bytes -= length
    if (this.#full && this.#payloads.length <= this.#limits.messages / 2 && this.#bytes <= this.#limits.bytes / 2) {
      this.#full = false
      this.#onFull(false)
    }
    return taken
  }

  #change(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#failure !== undefined || signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', wake)
        this.#wake = undefined
        resolve()
      }
      const timer = setTimeout(wake, ms)
      this.#wake = wake
      signal.addEventListener('abort', wake, { once: true })
    })
  }
}
