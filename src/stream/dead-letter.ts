import type { Batch, Meta, Position } from './batch.ts'

/** A message that could not be delivered, with everything needed to look into it and to send it again. */
export interface DeadLetter {
  readonly payload: Uint8Array
  readonly meta: Meta
  readonly reason: string
  /** Where it failed: `validate`, `steps[2].set`, `sinks.cold`. */
  readonly stage: string
  readonly position?: Position
  /** How often it was tried, this time included. */
  readonly attempts: number
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** Takes what cannot be delivered. Resolves when it is durable; a message counts as acknowledged only behind that. */
export interface DeadLetters {
  write(letters: readonly DeadLetter[], signal: AbortSignal): Promise<void>
}

/** The letter for one message of a batch; tries before it came from the dead letters again count too. */
export function deadLetter(
  batch: Batch,
  index: number,
  about: Pick<DeadLetter, 'reason' | 'stage' | 'attempts' | 'at'>,
): DeadLetter {
  const { position } = batch
  const { attempts = 0, ...meta } = batch.meta(index)
  return {
    payload: batch.bytes(index),
    meta,
    ...(position === undefined ? {} : { position }),
    ...about,
    attempts: about.attempts + attempts,
  }
}
