import { HermesError } from '../errors.ts'
import { type Environment, exitCodes } from './environment.ts'

/**
 * Runs long work that Ctrl-C ends: the first signal aborts it, and it throws `interrupted`; a second one ends the
 * process at once.
 */
export async function interruptible<T>(
  environment: Environment,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const interruption = new AbortController()
  const listening = environment.onSignal(() => {
    if (interruption.signal.aborted) environment.exitNow(exitCodes.interrupted)
    interruption.abort(new HermesError('interrupted', 'interrupted before the end'))
  })
  try {
    return await work(interruption.signal)
  } catch (error) {
    interruption.signal.throwIfAborted()
    throw error
  } finally {
    listening[Symbol.dispose]()
  }
}
