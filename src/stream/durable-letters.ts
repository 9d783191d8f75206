import type { Clock } from '../clock.ts'
import { type HermesError, toHermesError } from '../errors.ts'
import { Breaker } from './breaker.ts'
import type { DeadLetter, DeadLetters } from './dead-letter.ts'

export interface DurableLettersParts {
  readonly deadLetters: DeadLetters
  /** Milliseconds of the first and of the longest pause; they double in between. */
  readonly retry: { readonly firstMs: number; readonly mostMs: number }
  readonly clock: Clock
  readonly random: () => number
  /** Told of each failure. */
  readonly onFailure: (error: HermesError) => void
}

/**
 * Dead letters that are tried until they are written: to go on without them would lose messages (invariant 5). Where
 * nothing takes them it throws: `message_rejected`.
 */
export class DurableLetters implements DeadLetters {
  readonly #parts: DurableLettersParts
  #trouble: HermesError | undefined

  constructor(parts: DurableLettersParts) {
    this.#parts = parts
  }

  /** Why nothing can be written just now; undefined when it could. */
  get trouble(): HermesError | undefined {
    return this.#trouble
  }

  async write(letters: readonly DeadLetter[], signal: AbortSignal): Promise<void> {
    const { deadLetters, retry, clock, random, onFailure } = this.#parts
    const breaker = new Breaker({ failures: Number.POSITIVE_INFINITY, ...retry, random })
    for (;;) {
      try {
        await deadLetters.write(letters, signal)
        this.#trouble = undefined
        return
      } catch (thrown) {
        signal.throwIfAborted()
        const error = toHermesError(thrown)
        if (error.code === 'message_rejected') throw thrown
        this.#trouble = error
        onFailure(error)
        await clock.sleep(breaker.failed(clock.now()), signal)
      }
    }
  }
}
