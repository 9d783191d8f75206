import { emptyOf, failureReason, partOf } from '../connectors/steps/each-message.ts'
import { HermesError } from '../errors.ts'
import type { Batch, Meta } from '../stream/batch.ts'
import { valueBatch } from '../stream/batches.ts'
import type { Failure, Step, Stepped } from '../stream/step.ts'
import { jsonFault } from './json-fault.ts'
import type { StepFunction } from './own-code.ts'

/** A step that asks own code what becomes of each message. */
export function ownStep(code: StepFunction): Step {
  return { apply: (batch) => apply(batch, code) }
}

function apply(batch: Batch, code: StepFunction): Stepped {
  if (batch.size === 0) return { batch }
  const made = new Made()
  const failures: Failure[] = []
  for (let index = 0; index < batch.size; index += 1) {
    const meta = batch.meta(index)
    try {
      made.add(code(batch.value(index), meta), meta)
    } catch (error) {
      failures.push({ index, reason: failureReason('code', error) })
    }
  }
  const { values, metas, filtered } = made
  const next = values.length === 0 ? emptyOf(batch) : valueBatch(values, batch.position, metas)
  return { batch: next, failures, filtered }
}

class Made {
  readonly values: unknown[] = []
  readonly metas: Meta[] = []
  filtered = 0

  add(result: unknown, meta: Meta): void {
    const items = Array.isArray(result) ? result : result === undefined ? [] : [result]
    for (const item of items) check(item)
    if (items.length === 0) this.filtered += 1
    for (const [place, item] of items.entries()) {
      this.values.push(item)
      this.metas.push(items === result ? partOf(meta, place) : meta)
    }
  }
}

function check(value: unknown): void {
  if (value instanceof Promise) {
    value.catch(() => undefined)
    throw new HermesError('message_invalid', 'a step waits for nothing: it must not return a promise')
  }
  const fault = jsonFault(value)
  if (fault !== undefined) throw new HermesError('message_invalid', `it returned what JSON cannot hold: ${fault}`)
}
