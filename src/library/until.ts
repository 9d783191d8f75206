/** What `promise` resolves to, or `undefined` as soon as `signal` aborts; then nobody hears of it any more. */
export function until<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) {
    promise.catch(() => undefined)
    return Promise.resolve(undefined)
  }
  return new Promise((resolve, reject) => {
    const onAbort = (): void => resolve(undefined)
    const done = (): void => signal.removeEventListener('abort', onAbort)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(done)
  })
}

/** The same, but throws the signal's reason. */
export async function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const settled = await until(
    promise.then((value) => ({ value })),
    signal,
  )
  if (settled !== undefined) return settled.value
  throw signal.reason
}
