/** Lets those wait who can go on only after something has changed. */
export class Changes {
  readonly #waiting = new Set<() => void>()

  /** Resolves when `isReady`; rejects with what it throws, or with the signal's reason when it aborts first, or had. */
  async until(isReady: () => boolean, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    while (!isReady()) await this.#change(signal)
  }

  /** Has everybody look again. */
  wake(): void {
    for (const settle of this.#waiting) settle()
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
}
