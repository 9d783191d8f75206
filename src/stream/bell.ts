/** Wakes all who wait for the next change. Nothing is made while nobody waits. */
export class Bell {
  #waiting: PromiseWithResolvers<void> | undefined

  /** Resolves at the next ring. */
  rung(): Promise<void> {
    this.#waiting ??= Promise.withResolvers()
    return this.#waiting.promise
  }

  ring(): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#waiting = undefined
    waiting.resolve()
  }
}
