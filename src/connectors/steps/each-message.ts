import type { Batch, Meta } from '../../stream/batch.ts'
import { pick, valueBatch, withValues } from '../../stream/batches.ts'
import type { Failure, Stepped } from '../../stream/step.ts'

/** What became of a message instead of a new value: it stays as it is, or is left out. */
export const unchanged = Symbol('unchanged')
export const leftOut = Symbol('left out')

const maxReason = 500

/**
 * Does something with each message of a batch. `work` returns its new value, `unchanged` or `leftOut`; what it throws
 * makes the message a failure, told with `about`, the field that the step worked for. Where nothing changed the batch
 * stays the very same.
 */
export function eachMessage(batch: Batch, about: string, work: (index: number) => unknown): Stepped {
  const { size } = batch
  const outcome = new Outcome(batch)
  for (let index = 0; index < size; index++) {
    try {
      outcome.add(index, work(index))
    } catch (error) {
      outcome.fail({ index, reason: failureReason(about, error) })
    }
  }
  return outcome.stepped()
}

/** Collects no more than it needs: nothing while all messages stay as they are. */
class Outcome {
  readonly #batch: Batch
  #kept: number[] | undefined
  #values: unknown[] | undefined
  #count = 0
  #filtered = 0
  readonly #failures: Failure[] = []

  constructor(batch: Batch) {
    this.#batch = batch
  }

  add(index: number, result: unknown): void {
    if (result === leftOut) {
      this.#without(index)
      this.#filtered += 1
      return
    }
    if (result !== unchanged) this.#values ??= this.#valuesBefore()
    this.#values?.push(result === unchanged ? this.#batch.value(index) : result)
    this.#kept?.push(index)
    this.#count += 1
  }

  fail(failure: Failure): void {
    this.#without(failure.index)
    this.#failures.push(failure)
  }

  stepped(): Stepped {
    const batch = this.#made()
    if (this.#failures.length === 0 && this.#filtered === 0) return { batch }
    return { batch, failures: this.#failures, filtered: this.#filtered }
  }

  #made(): Batch {
    if (this.#count === 0 && this.#kept !== undefined) return emptyOf(this.#batch)
    const picked = this.#kept === undefined ? this.#batch : pick(this.#batch, this.#kept)
    return this.#values === undefined ? picked : withValues(picked, this.#values)
  }

  #without(index: number): void {
    this.#kept ??= Array.from({ length: index }, (_, each) => each)
  }

  #valuesBefore(): unknown[] {
    if (this.#kept !== undefined) return this.#kept.map((index) => this.#batch.value(index))
    return Array.from({ length: this.#count }, (_, index) => this.#batch.value(index))
  }
}

/** A batch without messages, which holds on to none; it stands where the other does. */
export function emptyOf({ position }: Batch): Batch {
  return valueBatch([], position)
}

/** What is known of one of the messages that another one was made into. */
export function partOf(meta: Meta, place: number): Meta {
  return meta.id === undefined ? meta : { ...meta, id: `${meta.id}#${place}` }
}

/** What failed and why, of a bounded length whatever the message holds. */
export function failureReason(about: string, error: unknown): string {
  const reason = error instanceof Error ? reasonOf(error) : 'it failed'
  const text = `${about}: ${reason}`
  return text.length > maxReason ? `${text.slice(0, maxReason)}…` : text
}

function reasonOf(error: Error): string {
  const isStack = error instanceof RangeError && /call stack/.test(error.message)
  return isStack ? 'the message is nested too deep' : error.message
}
