import type { Clock } from './clock.ts'
import type { Core } from './core.ts'
import { HermesError } from './errors.ts'
import type { Origin, Snapshot } from './origin/origin.ts'

export interface LocalReadParts {
  readonly origin: Origin
  readonly clock: Clock
  readonly core: () => Promise<Core>
  /** Whether the engine runs in this process. */
  readonly live: () => boolean
  /** Aborts when the service in this process is told to stop; never where none runs. */
  readonly stopping: () => AbortSignal
}

/** Until a service has read its manifests for the first time, who needs them waits for so long. */
const PATIENCE_MS = 15_000

/**
 * What the origin holds now. Throws `service_stopping` as soon as the service is told to stop, and `manifests_unread` when
 * a service has read nothing yet and its origin takes long; what is asked later waits for the origin.
 */
export async function readOrigin(parts: LocalReadParts): Promise<Snapshot> {
  return await unlessStopping(parts, async (stopping) => {
    if (!parts.live() || (await parts.core()).engine.isInForce) return await parts.origin.read(stopping)
    return await readWithin(PATIENCE_MS, parts, stopping)
  })
}

/** Does what ends when the signal aborts; throws `service_stopping` as soon as the service is told to stop. */
export async function unlessStopping<T>(
  { stopping }: Pick<LocalReadParts, 'stopping'>,
  work: (stopping: AbortSignal) => Promise<T>,
): Promise<T> {
  const signal = stopping()
  try {
    signal.throwIfAborted()
    return await work(signal)
  } catch (error) {
    throw signal.aborted ? new HermesError('service_stopping', 'the service is stopping', { cause: error }) : error
  }
}

/** Gives the reading up after so long: those who ask again and again must not pile up. */
async function readWithin(ms: number, { origin, clock }: LocalReadParts, stopping: AbortSignal): Promise<Snapshot> {
  const late = new AbortController()
  const over = new AbortController()
  const timer = clock.sleep(ms, over.signal).then(
    () => late.abort(),
    () => undefined,
  )
  try {
    return await origin.read(AbortSignal.any([stopping, late.signal]))
  } catch (error) {
    throw late.signal.aborted ? unreadError() : error
  } finally {
    over.abort()
    await timer
  }
}

/** What asks for manifests that nobody has read yet is told. */
export function unreadError(): HermesError {
  return new HermesError('manifests_unread', 'the manifests have not been read since the start')
}
