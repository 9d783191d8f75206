import type { Clock } from './clock.ts'
import { TAP_RATE, type TapOptions, type TapSample } from './service/tap-api.ts'
import type { Batch } from './stream/batch.ts'
import type { Taps } from './stream/taps.ts'

export interface TapParts {
  readonly taps: Taps
  /** The node that is looked at. */
  readonly node: string
  readonly clock: Clock
  /** Takes the values of secrets out of a text. */
  readonly mask: (text: string) => string
}

/** Characters of a payload that are shown, and that are looked at for secrets before. */
const SHOWN = 4_096
const MASKED = 65_536
/** Samples that wait for a reader who is slow; what comes on top is skipped. */
const MOST_WAITING = 1_000

/** Samples of what passes a node, as far as rate and reader allow: looking never holds a workflow back. */
export async function* tapSamples(
  parts: TapParts,
  options: TapOptions,
  signal: AbortSignal,
): AsyncGenerator<TapSample> {
  const { count = Number.POSITIVE_INFINITY, perSecond = TAP_RATE.standard } = options
  const sampler = new Sampler(parts, Math.min(perSecond, TAP_RATE.most))
  const onAbort = (): void => sampler.wake()
  signal.addEventListener('abort', onAbort, { once: true })
  const open = parts.taps.open((node, batch) => {
    if (node === parts.node) sampler.take(batch)
  })
  try {
    for (let given = 0; given < count; given += 1) {
      const sample = await sampler.next(signal)
      if (sample === undefined) return
      yield sample
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    open[Symbol.dispose]()
  }
}

class Sampler {
  readonly #parts: TapParts
  readonly #perSecond: number
  readonly #waiting: TapSample[] = []
  #second = 0
  #taken = 0
  #skipped = 0
  #awake = Promise.withResolvers<void>()

  constructor(parts: TapParts, perSecond: number) {
    this.#parts = parts
    this.#perSecond = perSecond
  }

  take(batch: Batch): void {
    const now = this.#parts.clock.now()
    if (Math.floor(now / 1_000) !== this.#second) {
      this.#second = Math.floor(now / 1_000)
      this.#taken = 0
    }
    const room = Math.min(this.#perSecond - this.#taken, MOST_WAITING - this.#waiting.length, batch.size)
    for (let index = 0; index < room; index += 1) this.#waiting.push(this.#sample(batch, index, now))
    this.#taken += Math.max(0, room)
    this.#skipped += batch.size - Math.max(0, room)
    this.wake()
  }

  wake(): void {
    this.#awake.resolve()
  }

  /** Undefined when the signal aborted. */
  async next(signal: AbortSignal): Promise<TapSample | undefined> {
    while (this.#waiting.length === 0 && !signal.aborted) {
      this.#awake = Promise.withResolvers()
      await this.#awake.promise
    }
    return signal.aborted ? undefined : this.#waiting.shift()
  }

  #sample(batch: Batch, index: number, now: number): TapSample {
    const { id, key, route } = batch.meta(index)
    const skipped = this.#skipped
    this.#skipped = 0
    return {
      at: new Date(now).toISOString(),
      node: this.#parts.node,
      ...(id === undefined ? {} : { id }),
      ...(key === undefined ? {} : { key }),
      ...(route === undefined ? {} : { route }),
      ...this.#payload(batch, index),
      skipped,
    }
  }

  #payload(batch: Batch, index: number): Pick<TapSample, 'bytes' | 'payload' | 'isCut'> {
    const bytes = payloadBytes(batch, index)
    const text = Buffer.from(bytes.subarray(0, MASKED)).toString('utf8').toWellFormed()
    const masked = maskFields(this.#parts.mask(text))
    const isCut = bytes.length > MASKED || masked.length > SHOWN
    return { bytes: bytes.length, payload: masked.slice(0, SHOWN), isCut }
  }
}

/** A value that JSON has no text for is shown as what it is. */
function payloadBytes(batch: Batch, index: number): Uint8Array {
  try {
    return batch.bytes(index)
  } catch {
    return Buffer.from(String(batch.value(index)))
  }
}

const secretField =
  /("[^"]*(?:passw|secret|token|authorization|api_?key|credential)[^"]*"\s*:\s*)"(?:[^"\\]|\\.)*("|$)/gi

/** `{"token": "abc"}` becomes `{"token": "***"}`. */
function maskFields(text: string): string {
  return text.replaceAll(secretField, '$1"***"')
}
