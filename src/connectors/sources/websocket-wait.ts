/** Waits in milliseconds: the first, and the longest. */
export interface Waits {
  readonly firstMs: number
  readonly mostMs: number
}

/**
 * Milliseconds to wait after so many failed tries in a row, the first of which is 0: the wait doubles from try to try
 * up to the longest, and its second half is left to chance; never less than what the server asked for.
 */
export function waitBefore(failed: number, { firstMs, mostMs }: Waits, retryAfterMs = 0, random = Math.random): number {
  const ceiling = Math.min(mostMs, firstMs * 2 ** Math.min(failed, 52))
  return Math.max(retryAfterMs, Math.round(ceiling * (0.5 + random() / 2)))
}
