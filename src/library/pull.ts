import { until } from './until.ts'

type Outcome<T> = { readonly result: IteratorResult<T> } | { readonly error: unknown }

const nobody = (): void => {}

/** Takes one value after the other from an iterator, and can stop waiting for the next one. */
export class Pull<T> {
  readonly #iterator: AsyncIterator<T>
  /** A value was asked for, and not handed out. */
  #isAsked = false
  /** What came of that. */
  #outcome: Outcome<T> | undefined
  #onOutcome = nobody

  constructor(values: AsyncIterable<T>) {
    this.#iterator = values[Symbol.asyncIterator]()
  }

  /** The next value; `undefined` at the end, or when `signal` aborts and it has not come. */
  async next(signal: AbortSignal): Promise<{ readonly value: T } | undefined> {
    if (!this.#isAsked && signal.aborted) return undefined
    this.#ask()
    await this.#arrival(signal)
    const outcome = this.#outcome
    if (outcome === undefined) return undefined
    if ('error' in outcome) {
      this.#handedOut()
      throw outcome.error
    }
    if (outcome.result.done === true) return undefined
    this.#handedOut()
    return { value: outcome.result.value }
  }

  /** What comes within this turn of the event loop, `most` at most: whatever is there already goes along in one go. */
  async ready(most: number): Promise<readonly T[]> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const values: T[] = []
    const turn = setImmediate(resolve)
    const take = (): void => {
      const outcome = this.#outcome
      // An end or a failure is for the next one who asks.
      if (outcome === undefined || 'error' in outcome || outcome.result.done === true) return resolve()
      this.#handedOut()
      values.push(outcome.result.value)
      if (values.length === most) resolve()
      else this.#ask()
    }
    this.#onOutcome = take
    if (this.#outcome === undefined) this.#ask()
    else take()
    await promise
    this.#onOutcome = nobody
    clearImmediate(turn)
    return values
  }

  /** Tells the iterator that nothing more is wanted; one that has not answered yet is not waited for. */
  async close(signal: AbortSignal): Promise<void> {
    const closed = (async () => await this.#iterator.return?.())()
    if (this.#isAsked && this.#outcome === undefined) closed.catch(nobody)
    else await until(closed, signal)
  }

  #ask(): void {
    if (this.#isAsked) return
    this.#isAsked = true
    const came = (outcome: Outcome<T>): void => {
      this.#outcome = outcome
      this.#onOutcome()
    }
    try {
      Promise.resolve(this.#iterator.next()).then(
        (result) => came({ result }),
        (error: unknown) => came({ error }),
      )
    } catch (error) {
      came({ error })
    }
  }

  #handedOut(): void {
    this.#isAsked = false
    this.#outcome = undefined
  }

  /** Resolves when what was asked for is there, or soon after the signal aborted. */
  async #arrival(signal: AbortSignal): Promise<void> {
    if (this.#outcome !== undefined) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onOutcome = resolve
    await until(promise, signal)
    this.#onOutcome = nobody
    if (this.#outcome === undefined) await new Promise((turned) => setImmediate(turned))
  }
}
