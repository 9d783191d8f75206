import type { Batch } from '../../stream/batch.ts'
import { pick, withValues } from '../../stream/batches.ts'
import type { Failure, Step } from '../../stream/step.ts'

/** A step that leaves valid messages as they are; `check` throws why one is not. */
export function checkingStep(check: (batch: Batch, index: number) => void): Step {
  return {
    apply: (batch) => {
      const { valid, failures } = judged(batch, check)
      return failures.length === 0 ? { batch } : { batch: pick(batch, valid), failures }
    },
  }
}

/** A step that makes values of encoded messages; `decode` throws why one has none. */
export function decodingStep(decode: (batch: Batch, index: number) => unknown): Step {
  return {
    apply: (batch) => {
      const values: unknown[] = []
      const { valid, failures } = judged(batch, (_batch, index) => {
        values.push(decode(batch, index))
      })
      if (failures.length === 0) return { batch: withValues(batch, values) }
      return { batch: withValues(pick(batch, valid), values), failures }
    },
  }
}

function judged(batch: Batch, judge: (batch: Batch, index: number) => void) {
  const valid: number[] = []
  const failures: Failure[] = []
  for (let index = 0; index < batch.size; index++) {
    try {
      judge(batch, index)
      valid.push(index)
    } catch (error) {
      failures.push({ index, reason: reasonOf(error) })
    }
  }
  return { valid, failures }
}

function reasonOf(error: unknown): string {
  // What nests deeper than the stack is deep.
  if (error instanceof RangeError && /call stack/.test(error.message)) return 'the message nests too deep'
  return error instanceof Error ? error.message : String(error)
}
