import { HermesError } from '../errors.ts'
import { whenAborted } from '../when-aborted.ts'

/** How long an answer is waited for, and what is done when it does not come. */
export interface Deadline {
  readonly ms: number
  /** What did not answer: `redis 10.0.0.5:6379`. */
  readonly who: string
  /** Told before the error is thrown: what is under way cannot be trusted any more. */
  readonly onTimeout?: () => void
}

/**
 * What `work` resolves to, if it does so in time. Throws `connector_unavailable` when it does not, the signal's reason
 * when that aborts first; `work` is left to itself then, and may fail unheard.
 */
export function withDeadline<T>(work: Promise<T>, { ms, who, onTimeout }: Deadline, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer)
      forget()
    }
    const timer = setTimeout(() => {
      settle()
      onTimeout?.()
      reject(new HermesError('connector_unavailable', `${who} did not answer within ${ms} ms`))
    }, ms)
    const onAbort = (): void => {
      settle()
      reject(signal.reason as Error)
    }
    const forget = whenAborted(signal, onAbort)
    if (signal.aborted) onAbort()
    work.then(
      (value) => {
        settle()
        resolve(value)
      },
      (error: unknown) => {
        settle()
        reject(error)
      },
    )
  })
}
