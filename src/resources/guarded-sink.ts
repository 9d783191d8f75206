import type { Clock } from '../clock.ts'
import type { Batch } from '../stream/batch.ts'
import type { Log } from '../stream/connector.ts'
import type { Rejection, Sink } from '../stream/sink.ts'
import { unlessAborted } from '../when-aborted.ts'

export interface GuardedSinkParts {
  readonly name: string
  readonly open: () => Promise<Sink>
  readonly clock: Clock
  readonly log: Log
}

/** A sink may take so many milliseconds to close. */
const CLOSE_MS = 5_000

/**
 * Keeps a sink that is away from holding up its workflow. It opens in the background: until it has, writes wait for it
 * and throw why it could not, and the next one tries again. An abort is heard at once, whatever the sink does. One that
 * does not close in time is left to itself.
 */
export class GuardedSink implements Sink {
  readonly #parts: GuardedSinkParts
  #opening: Promise<Sink> | undefined
  #sink: Sink | undefined
  #isClosed = false

  constructor(parts: GuardedSinkParts) {
    this.#parts = parts
    void this.#open()
  }

  write(batch: Batch, signal: AbortSignal): Promise<readonly Rejection[]> {
    const sink = this.#sink
    if (sink === undefined) return this.#writeWhenOpen(batch, signal)
    return unlessAborted(sink.write(batch, signal), signal)
  }

  async ping(signal: AbortSignal): Promise<void> {
    const sink = await unlessAborted(this.#open(), signal)
    await unlessAborted(sink.ping(signal), signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    this.#sink = undefined
    const opening = this.#opening
    this.#opening = undefined
    if (opening === undefined) return
    const { clock, log, name } = this.#parts
    const closed = opening.then(
      (sink) => sink[Symbol.asyncDispose](),
      () => undefined,
    )
    const timer = new AbortController()
    const late = clock.sleep(CLOSE_MS, timer.signal).then(
      () => log.warn({ sink: name, ms: CLOSE_MS }, 'a sink did not close in time'),
      () => undefined,
    )
    await Promise.race([closed, late])
    timer.abort()
  }

  async #writeWhenOpen(batch: Batch, signal: AbortSignal): Promise<readonly Rejection[]> {
    const sink = await unlessAborted(this.#open(), signal)
    return await unlessAborted(sink.write(batch, signal), signal)
  }

  #open(): Promise<Sink> {
    if (this.#opening !== undefined) return this.#opening
    if (this.#isClosed) return Promise.reject(new Error('the sink is closed'))
    const opening = this.#parts.open()
    this.#opening = opening
    opening.then(
      (sink) => {
        if (this.#opening === opening) this.#sink = sink
      },
      () => {
        if (this.#opening === opening) this.#opening = undefined
      },
    )
    return opening
  }
}
