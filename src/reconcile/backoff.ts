const firstMs = 1_000
const longestMs = 300_000

/** Milliseconds to wait before the attempt after `attempt` failed ones; never less than what the other side asked for. */
export type Backoff = (attempt: number, retryAfterMs?: number) => number

/** Exponential with jitter over the whole range: between one second and a ceiling that doubles up to five minutes. */
export function exponentialBackoff(random: () => number = Math.random): Backoff {
  return (attempt, retryAfterMs = 0) => {
    const ceiling = Math.min(longestMs, firstMs * 2 ** Math.min(attempt, 30))
    return Math.max(retryAfterMs, Math.round(firstMs + random() * (ceiling - firstMs)))
  }
}
