import { HermesError } from '../../errors.ts'
import { durationMs } from '../../manifest/duration.ts'

/** Milliseconds of a duration that must last. Throws `invalid_value` for 0. */
export function intervalMs(field: string, text: string | number): number {
  const ms = durationMs(text)
  if (ms > 0) return ms
  throw new HermesError('invalid_value', `${field} must be longer than 0`)
}
